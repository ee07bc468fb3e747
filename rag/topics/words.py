"""Words of a sentence, and English words that name no topic."""

from __future__ import annotations

import re

from rag.understanding.intent import EMPTY_WORDS
from rag.understanding.side import judges

LONGEST = 3
"""Words of a term at most."""

_TOKEN = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]")
_POSSESSIVE = re.compile(r"['’]s?$")

DETERMINERS = frozenset(
    """the a an my your our their his her its this that these those some any no each every another of with for in on
    at by from about more less""".split()
)
"""Words after which a noun stands, or a describing word and then a noun."""

FUNCTION = DETERMINERS | frozenset(
    """i you he she it we they me him us them mine yours ours theirs myself yourself itself himself herself themselves
    and or but nor so yet if because as than then when while where who whom whose which what why how though although
    until since unless whether is am are was were be been being do does did done doing have has had having can could
    will would shall should may might must ought not never cannot also too very just only even still again ever
    always often sometimes there here now soon already to into onto out up down over under off through during before
    after between among against without within around across along near behind beyond upon toward towards both
    either neither all most many much few several other others same such own one two three four five six seven eight
    nine ten first second third last next once twice quite rather pretty really almost enough
    everything anything nothing something everyone anyone someone nobody everybody anybody somebody
    don't doesn't didn't isn't aren't wasn't weren't can't couldn't won't wouldn't shouldn't haven't hasn't hadn't
    don doesn didn isn wasn aren couldn wouldn im ive i'm i've i'd i'll it's that's there's you're they're we're you'll
    we've they've he's she's what's let's""".split()
)
"""Words that join others, and say nothing."""

ENDS_NO_NOUN = frozenset(
    "the a an my your our their his her its this that these those i you he she we they it".split()
)
"""Words that stand after a verb, and not after a noun."""

PLACED = frozenset("in at on from near to across around".split())
"""Words before the name of a place."""

_NATIONS = frozenset(
    """korean english american british chinese japanese french german spanish indian italian european asian western
    mexican canadian australian russian irish scottish african south north east west""".split()
)
_VAGUE = frozenset(
    """thing things way ways lot lots bit bits kind kinds sort sorts type types part parts piece side sides point
    points fact facts reason reasons case cases example number amount level levels rest list end beginning start
    middle top bottom front back edge half whole group set couple ton tons bunch plenty rate stuff matter term
    terms use mind sense word words name line lines idea thought thoughts opinion opinions expectation
    expectations review reviews star stars rating ratings problem problems issue issues complaint complaints fan
    fans viewer viewers audience guest guests person people man men woman women guy guys folks kid kids child
    children friend friends family wife husband son daughter mother father mom dad parents someone customer
    customers user users buyer owner others time times day days night nights week weeks weekend month months
    year years hour hours minute minutes second seconds moment moments morning evening afternoon today yesterday
    tomorrow age life lives world place places spot home house heart hand hands eye eyes job work chance choice
    favor favorite favourite everything purchase experience need needs want wants look feel feeling something
    nothing anything course addition order question answer difference change changes form version model power
    mention money hell god wow note while trip visit stay purpose impression feature features option options
    detail details area areas love hate joy pleasure fun disappointment surprise success failure rubbish trash
    garbage crap junk gem masterpiece classic win must waste worth gift present birthday christmas step steps
    effort attention credit respect hope wish try attempt help support forward episode episodes season seasons
    series show shows film films movie movies game games book books television tv netflix youtube amazon product
    products item items device devices hotel hotels apartment apartments flat airbnb listing studio building
    unit lounge lounges airline airlines airport airports company brand store shop website internet site city
    town country state street block corner january february march april may june july august september october
    november december monday tuesday wednesday thursday friday saturday sunday bill screen viewing watching
    genre drama thriller horror sitcom sitcoms comedies doubt truth reality human humans nature society future
    past history war death touch break call run turn turns sound ones least longer opposite mix deal air
    comments comment title team one's role roles background head imdb faint coming right left due full together
    telling hide finish flight flights plane planes aircraft terminal offer offering offerings standard
    standards facility facilities property process request arrival overnight afterwards ends ended ending's boy
    boys girl girls lady ladies programme room rooms space
    spaces bedroom bedrooms scene scenes phone phones""".split()
)


def tokens_of(sentence: str) -> list[str]:
    """Its words as they are written, and its marks."""
    return _TOKEN.findall(sentence)


def folded(token: str) -> str:
    """The form in which terms are compared: lower case, without a possessive."""
    token = token.casefold().replace("’", "'")
    return _POSSESSIVE.sub("", token) if "'" in token else token


def folded_words(sentence: str) -> list[str]:
    """Its words and marks, each as `folded` has it; quicker than one by one."""
    text = sentence.casefold().replace("’", "'")
    words: list[str] = _TOKEN.findall(text)
    if "'" not in text:
        return words
    return [_POSSESSIVE.sub("", word) if "'" in word else word for word in words]


def names_nothing(word: str) -> bool:
    """Whether an English word names no topic by itself: it joins, judges, or is vague."""
    return (
        len(word) < 3
        or not word[0].isalpha()
        or word in FUNCTION
        or word in _VAGUE
        or word in _NATIONS
        or word.endswith("ly")
        or word in EMPTY_WORDS
        or judges(word)
    )


def stop_words(language: str) -> frozenset[str]:
    """Stop words of a language other than English, given as ISO 639-1; none where none are known."""
    from bm25s import stopwords

    names = {
        "de": "GERMAN",
        "nl": "DUTCH",
        "fr": "FRENCH",
        "es": "SPANISH",
        "it": "ITALIAN",
        "ru": "RUSSIAN",
        "sv": "SWEDISH",
        "da": "DANISH",
        "no": "NORWEGIAN",
        "tr": "TURKISH",
    }
    return frozenset(getattr(stopwords, f"STOPWORDS_{names.get(language, '')}", ()))
