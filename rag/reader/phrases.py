"""Set phrases of English that judge by other words than their own, in plain words.

A small network reads "went out of their way" as it reads "out of order". Learning 500 sentences with
such phrases did not teach it others, so the commonest are told to it. Each pattern stands for one
phrase with the forms that it takes; what replaces it need only mean the same.
"""

from __future__ import annotations

import re

_WHOSE = r"(?:their|his|her|its|your|the|my|our)"
_PLAIN = {
    # for it
    rf"(?:went|go|goes|going|gone) (?:the extra mile|above and beyond|(?:right )?out of {_WHOSE} way)": (
        "were very helpful"
    ),
    r"(?:could|can)(?:n['’]t| ?not) (?:really )?(?:fault|recommend (?:\w+ )?(?:highly )?enough)": "really praise",
    r"could(?:n['’]t| not) have (?:done more|asked for (?:more|(?:anything )?better)|been "
    r"(?:more|nicer|better|kinder|friendlier)(?: \w+)?)": "were excellent",
    r"(?:nothing|no request) (?:was|is|were) too much (?:trouble|of a bother)": "everybody was very helpful",
    r"(?:not|\w+n['’]t) have a bad word to say": "praise everything",
    r"no complaints(?: here| at all| whatsoever)?": "all was good",
    r"nothing to complain about": "all was good",
    r"second to none": "the best",
    r"to die for": "delicious",
    r"(?:blew|blown|blows) (?:me|us|my mind|our minds|everybody|everyone)(?: away)?": "impressed me greatly",
    r"(?:hits?|hitting) the spot": "is just right",
    r"could(?:n['’]t| not) put (?:it|this|the book) down": "loved reading it",
    r"knock(?:ed|s)? (?:it|this one) out of the park": "did brilliantly",
    r"(?:worth|worthy of) every (?:penny|cent|minute|second)": "well worth it",
    r"a (?:must[- ]see|must[- ]watch|must[- ]read|must[- ]have|no[- ]brainer)": "highly recommended",
    r"(?:cried|bawled|wept) my eyes out": "was deeply moved",
    r"(?:top[- ]notch|top[- ]drawer|first[- ]rate|spot[- ]on)": "excellent",
    r"(?:exceeded|surpassed) (?:all )?(?:my|our|every) expectations?": "was better than expected",
    r"like a (?:dream|charm)": "very well",
    r"a breath of fresh air": "wonderful",
    # against it
    r"(?:left|leaves|leave|leaving) (?:a lot|much|something|plenty) to be desired": "was disappointing",
    r"nothing to write home about": "nothing special",
    r"(?:fell|falls|fall|falling) flat": "was disappointing",
    r"(?:phoned|phoning) (?:it|this one) in": "did badly",
    r"(?:won['’]t|will not|never) be (?:back|returning|going back|coming back)": "was bad",
    r"a far cry from": "much worse than",
    r"(?:past|beyond) (?:its|their|his|her) (?:best|prime|sell[- ]by date)": "no longer good",
    r"(?:less than|far from|under)[- ]?(?:impressed|impressive|ideal|perfect)": "disappointing",
    r"(?:a|an absolute|a complete|a total) (?:joke|shambles|let ?down|rip[- ]?off)": "very bad",
    r"(?:not|\w+n['’]t) (?:be )?worth (?:the |your |my |a )?(?:money|price|time|hassle|bother|wait|penny|it)": (
        "bad value"
    ),
    r"save your (?:money|time|breath)": "it is bad",
    r"(?:jumped|jumps|jump) the shark": "became bad",
    r"(?:lost|loses|losing) (?:its|the) (?:way|plot|spark|magic)": "became bad",
    r"(?:beggars?|beyond) belief": "terrible",
    r"adds? insult to injury": "is worse still",
    r"(?:drives?|drove) (?:me|us) (?:mad|crazy|insane|up the wall|round the bend)": "annoyed me",
    r"(?:past|beyond) a joke": "terrible",
    r"gave up on (?:it|this)": "stopped because it was bad",
    r"the last straw": "terrible",
}
_PATTERN = re.compile(
    "|".join(rf"(?P<p{place}>\b{phrase}\b)" for place, phrase in enumerate(_PLAIN)), re.IGNORECASE
)
_WORDS = tuple(_PLAIN.values())


def in_plain_words(sentence: str) -> str:
    """A sentence with its set phrases replaced by words that mean what these mean."""
    return _PATTERN.sub(lambda found: _WORDS[int((found.lastgroup or "p0")[1:])], sentence)
