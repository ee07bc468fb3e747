"""Which side of an opinion a question asks for, negations read (English)."""

from __future__ import annotations

import re
from functools import cache

from rag.schema import Side

_CRITICAL = re.compile(
    r"^(?:dislik\w*|hat(?:e|ed|es|ing)|complain\w*|complaints?|critici[sz]\w*|critique\w*|worst|bad|wrong|"
    r"weak(?:ness\w*)?|annoy\w*|irritat\w*|disappoint\w*|negatives?|problems?|issues?|flaws?|faults?|"
    r"bor(?:ed|ing)|fail\w*|cons|downsides?|drawbacks?|disadvantages?|unhappy|dissatisf\w*|shortcomings?|"
    r"sucks?|sucked|awful|terrible|horrible|lacking|lacks?|regret\w*|moan\w*|grumbl\w*|gripes?|rant\w*|"
    r"frustrat\w*|avoid|upset|letdowns?|deal-?breakers?|pains?|cringe\w*|poor\w*|improv\w*|unpopular|"
    r"minus(?:es)?|negativ\w*|badly|unlik\w*|worse|turn-?offs?|struggl\w*|sore)$"
)
_FAVOURABLE = re.compile(
    r"^(?:lik(?:e|ed|es)|lov(?:e|ed|es)|enjoy\w*|prais\w*|best|good|great|strengths?|strong|positives?|"
    r"admir(?:e[sd]?|ing|ation)|funny|fun|pros|favou?rites?|defend\w*|works?|worked|impress\w*|happy|satisf\w*|pleas\w*|excellent|"
    r"amazing|awesome|brilliant|highlights?|upsides?|advantages?|benefits?|rav(?:e|ed|es|ing)|recommend\w*|"
    r"delight\w*|appreciat\w*|plus(?:es)?|perks?|popular|liked|strong|merits?|virtues?|well|nice|"
    r"worth|positive\w*|wow\w*|shin(?:e|es)|perfect|better)$"
)
_DEGREE = re.compile(
    r"^(?:easy|easily|easier|hard|difficult|tricky|changed?|changes|over|years?|since|nowadays|lately|recent(?:ly)?|too|so|very|quite|enough|really|rather|absolutely|totally|extremely|pretty|super|just"
    r"|completely|thoroughly|truly|honestly|literally|recommend\w*|thank\w*|again|back|return\w*"
    r"|everything|anything|nothing|overall|time|wow|would|def"
    r"|wonderful|lovely|beautiful|fantastic|incredible|terrific|superb|outstanding|okay|ok|average|mediocre|decent|fine"
    r"|disgusting|dreadful|rubbish|crap|waste|masterpiece|entertaining|interesting|highly|definitely)$"
)
_NOT = re.compile(
    r"^(?:not|never|no|nobody|nothing|isn['’]?t|aren['’]?t|wasn['’]?t|weren['’]?t|don['’]?t|doesn['’]?t|"
    r"didn['’]?t|can['’]?t|cannot|won['’]?t|wouldn['’]?t|shouldn['’]?t|hardly|without|least|less|against|"
    r"fewer|few)$"
)
_REACH = 4  # words that a negation reaches over
_WHAT_IS_IT_LIKE = re.compile(  # but not "What do people like?"
    r"\bwhat (?:it|they|this|that|things)(?:['’]s|['’]re|\s+(?:is|are|was|were)) like\b|"
    r"\b(?:what|how)(?:['’]s|\s+(?:is|are|was|were))\b.{0,60}(?<!to )\blike"
    r"(?:\?|$|\s+(?:at|in|on|for|with|during|there)\b)|"
    r"\b(?:be|feel|look|smell|sound|taste)s?\s+like\b|\b(?:would|['’]d)\s+like\s+to\b|\blike\s+(?:to|this|that|a|an|the)\s",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    r"^\W*(?:so |and |but )?(?:is|are|was|were|does|do|did|any|has|have|can|could|will|would|should)"
    r"(?:n['’]?t)?\b(?! (?:you|the reviews|reviewers) (?:list|tell|summari))",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\b(?:(?:un|dis)?like[sd]? (?:and|or|&) (?:dis)?like|both sides|good and (?:the )?bad|"
    r"(?:and|or) what (?:is|are|do|does|did)(?:n['’]?t| not)\b)",
    re.IGNORECASE,
)
_BETTER = re.compile(
    r"\b(?:could|should|can|might|needs? to) (?:be|do|have been) (?:\w+ )?(?:better|improved)", re.I
)
_NOT_TO = re.compile(
    r"\b(?:reasons?|why)\b.{0,25}\b(?:not to|shouldn['’]?t|avoid|stay away)\b", re.IGNORECASE
)
_NOT_AGAIN = re.compile(
    r"\b(?:wouldn['’]?t|would not|won['’]?t|will not|never)\b.{0,60}\b(?:again|recommend|return|buy|book|visit)\b",
    re.IGNORECASE,
)
_WHY_NOT = re.compile(r"^\W*(?:(?:and|but|so) )?why (?:\w+n['’]?t|not)\b", re.IGNORECASE)
_COMPLAINS = re.compile(
    r"(?<!not to )(?<!not )(?<!n['’]t )(?<!never )\b(?:complain|moan|grumble|gripe)(?:s|ed|ing)? "
    r"(?:that|about|of|how|its?|it['’]s|the)\b(?!.*\b(?:and|or) (?:prais|prefer))",
    re.IGNORECASE,
)
_HOW_GOOD = re.compile(
    r"\bhow (?:good|well|great|nice|strong|bad|poor|happy|satisfied|likely)\b", re.IGNORECASE
)


def asked_side(question: str) -> Side:
    """The side a question asks for: "What do viewers dislike ..." is criticism.

    Neutral when it names both or neither, and for a question whether something is so ("Is the dub
    any good?"), which wants both sides whichever it names.
    """
    if _COMPLAINS.search(question):
        return "criticism"  # "complain that it is like water"
    sides = sides_named(question)
    return sides.pop() if len(sides) == 1 else "neutral"


def sides_named(question: str) -> set[Side]:
    """The sides that its words name, negations read; both for a question whether something is so."""
    if _WHETHER.search(question) or _BOTH.search(question):
        return {"praise", "criticism"}
    if any(pattern.search(question) for pattern in (_BETTER, _NOT_TO, _NOT_AGAIN)):
        return {"criticism"}
    plain = _HOW_GOOD.sub(" ", _WHAT_IS_IT_LIKE.sub(" ", question))
    words = re.findall(r"[\w’'-]+", plain.casefold())
    negations = [place for place, word in enumerate(words) if _NOT.match(word)]
    sides: set[Side] = set()
    for place, word in enumerate(words):
        side: Side
        if _CRITICAL.match(word):
            side = "criticism"
        elif _FAVOURABLE.match(word):
            side = "praise"
        else:
            continue
        if _is_negated(place, words, negations):
            side = "praise" if side == "criticism" else "criticism"
        sides.add(side)
    return sides or ({"criticism"} if _WHY_NOT.search(question) else set())


def without_judgement(aspect: str) -> str:
    """The words of an aspect that name it, without those that judge it: "good acting" is about
    "acting". All of them where none would be left.
    """
    words = aspect.split()
    return " ".join([word for word in words if not judges(word)] or words)


def judges(word: str) -> bool:
    """Whether a word praises, blames or says how much, and names nothing."""
    folded = word.casefold()
    return any(pattern.match(folded) for pattern in (_CRITICAL, _FAVOURABLE, _DEGREE))


def side_named_by(word: str) -> Side:
    """The side that a single word is on, lower case; neutral for most words."""
    if _CRITICAL.match(word):
        return "criticism"
    return "praise" if _FAVOURABLE.match(word) else "neutral"


@cache
def is_negation(word: str) -> bool:
    """Whether a word, lower case, turns those after it around."""
    return _NOT.match(word) is not None


def _is_negated(place: int, words: list[str], negations: list[int]) -> bool:
    """Whether an odd number of negations reach the word: "not good", "like least", "least liked"."""
    before = sum(0 < place - negation <= _REACH for negation in negations)
    after = place + 1 < len(words) and words[place + 1] in ("least", "less")
    return (before + after) % 2 == 1
