"""What a question asks for, by its words (English): a fact, a count, one side of an opinion; and what it is about."""

from __future__ import annotations

import re

from rag.schema import Side

# Words that say nothing about the subject of a question put to reviews.
_EMPTY_WORDS = frozenset(
    """a about actually all an and any anybody anyone are as ask at be been by can could did do does doing else ever
    exactly for from get got had has have how i if in is it its long lot many me mention mentioned mentions more
    most much my no not of on one or other our people please really review reviewer reviewers reviews said say says
    share show series so some somebody someone tell than that the their them there they think thinks this to two us
    viewer viewers was we were what when where which who whom whose why will with would you your""".split()
)
_ASKS_FOR_A_FACT = re.compile(
    r"""^\W*(?:(?:exactly|so|and|in|on|at|for|about|do(?:es)?\ (?:any|the)\ reviews?\ (?:say|explain|mention))\s+)*
    (?:who|whom|whose|when|where|which|did|was|has|have|is\ there
      |how\ (?:long|much|old|far|big|tall|large|high|often)
      |how\ many\ (?!reviews|reviewers|people|viewers|of|say|complain|mention|users|guests|customers)
      |what\ (?:year|date|time|day|did|had|happens|happened|language|country|city|kind|other)
      |what\ (?:is|was|are|were)\ the\ (?:name|title|price|cost|address|budget)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS_FOR_A_VIEW = re.compile(
    r"\b(?:good|bad|best|worst|better|worse|worth|right|wrong|fair|enough|too|like|likes|loves?|hates?|enjoy\w*|idea|think|satisf\w*|convinc\w*|believable|realistic|funny|fun|boring|"
    r"feel|opinions?|overrated|underrated|complain\w*|prais\w*|critici\w*|defend\w*|work|works)\b",
    re.IGNORECASE,
)
_ASKS_FOR_A_COUNT = re.compile(
    r"\bhow many (?:of the )?(?:reviews|reviewers|people|viewers|users|guests|customers)\b"
    r"|\b(?:what|which) (?:share|percentage|proportion|fraction|part) of\b",
    re.IGNORECASE,
)


def asks_for_count(question: str) -> bool:
    """Whether the question asks how many reviews say something (English)."""
    return _ASKS_FOR_A_COUNT.search(question) is not None


def asks_for_fact(question: str) -> bool:
    """Whether the question asks for one fact, by how it begins and that it asks for no view (English)."""
    return _ASKS_FOR_A_FACT.search(question) is not None and _ASKS_FOR_A_VIEW.search(question) is None


def content_words(question: str) -> str:
    """The words that say what the question is about, in their order; the whole question where none do.

    "What do people say about the marbles episode?" is about "marbles episode".
    """
    words = [word for word in re.findall(r"[\w'’-]+", question) if word.casefold() not in _EMPTY_WORDS]
    return " ".join(words) or question


_CRITICAL = re.compile(
    r"\b(dislik\w*|hat(e|ed|es)|complain\w*|critici[sz]\w*|worst|bad|wrong|weak(ness\w*)?|annoy\w*|disappoint\w*|"
    r"negative\w*|problems?|flaws?|bor(ed|ing)|fail\w*|cons|downsides?|drawbacks?|"
    r"not (like|enjoy|love|work))\b|n['’]t (\w+ ){0,2}(like|enjoy|love|work)\b",
    re.IGNORECASE,
)
_FAVOURABLE = re.compile(
    r"\b(lik(e|ed)|lov(e|ed)|enjoy\w*|prais\w*|best|good|great|strengths?|positive\w*|admir\w*|pros|"
    r"favou?rites?|defend\w*|works? well|impress\w*)\b",
    re.IGNORECASE,
)
_WHAT_IS_IT_LIKE = re.compile(  # but not "What do people like?"
    r"\b(what|how)(['’]s|\s+(is|are|was|were))\b.{0,60}\blike\?|\b(be|feel|look|smell|sound|taste)s?\s+like\b",
    re.IGNORECASE,
)
_WHETHER = re.compile(r"^\W*(is|are|was|were|does|do|did|any)(n['’]t)?\b", re.IGNORECASE)


def asked_side(question: str) -> Side:
    """The side a question asks for: "What do viewers dislike ..." is criticism.

    Neutral when it names both or neither, and for a question whether something is so ("Is the dub any good?"),
    which wants both sides whichever it names.
    """
    if _WHETHER.search(question):
        return "neutral"
    rest = _WHAT_IS_IT_LIKE.sub(" ", question)
    critical = _CRITICAL.search(rest) is not None
    favourable = _FAVOURABLE.search(_CRITICAL.sub(" ", rest)) is not None
    if critical == favourable:
        return "neutral"
    return "criticism" if critical else "praise"
