"""What a question asks for, by its words (English): a fact or an overview; and what it is about."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Task:
    """A standing question about the whole corpus; its reviews are an overview, not the nearest to
    its words.
    """

    name: str
    label: str
    question: str


# The two tasks of the original before-and-after comparison.
TASKS = (
    Task(
        "summary",
        "Summarise and explain",
        "Summarise and explain what is reviewed here: what is it about, and what do the reviewers "
        "make of it?",
    ),
    Task(
        "aspects",
        "Positive and negative aspects",
        "What are the positive and the negative aspects, according to the reviewers?",
    ),
)


def task_for(question: str) -> Task | None:
    """The task whose question this is, word for word, or None."""
    return next((task for task in TASKS if task.question == question.strip()), None)


# Words that say nothing about the subject of a question put to reviews.
EMPTY_WORDS = frozenset(
    """a about actually all an and any anybody anyone are as ask at be been by can could did do does doing else ever
    exactly for from get got had has have how i if in is it its long lot many me mention mentioned mentions more
    most much my no not of on one only or other our people please really review reviewer reviewers reviews said say says
    share so some somebody someone tell than that the their them there they thing things think thinks this to two us
    buyer buyers client clients customer customers diner diners fan fans guest guests owner owners
    passenger passengers somebody traveller travellers traveler travelers
    user users viewer viewers visitor visitors was we were what when where which who whom whose
    why will with would you your
    complain complains complaint complaints dislike dislikes enjoy enjoys hate hates like likes love loves opinion
    opinions overall praise praises
    advantage advantages aspect aspects cons disadvantage disadvantages downside downsides drawback
    drawbacks flaw flaws gist gripe gripes impression moan moans negative negatives nutshell overview
    plus pluses point points positive positives pros rave raves recap reception review strength
    strengths strong sum summarise summarize summary upside upsides verdict weak weakness weaknesses
    describe explain give list please short brief briefly general these those
    choice decision confirmation advice suggestion suggestions tip tips wondering considering thinking
    arent cant didnt doesnt dont hasnt hows im isnt ive thats theres theyre wasnt werent whats whos wont youre
    ppl r u ur wat""".split()
)
_CONTRACTION = re.compile(
    r"\w+n['’]t|(?:what|it|that|there|here|who|how|where)['’]s|(?:i|you|we|they)['’](?:m|re|ve|d|ll)",
    re.IGNORECASE,
)
_ASKS_FOR_A_FACT = re.compile(
    r"""^\W*(?:(?:exactly|so|and|in|on|at|for|about|do(?:es)?\ (?:any|the)\ reviews?\ (?:say|explain|mention))\s+)*
    (?:when|where|whose
      |who(?:m|['’]s)?\ (?:is|was|are|were|cast|composed|created|designed|did|directed|dubbed|edited|founded|invented
        |made|owns|paid|played|plays|produced|sang|sings|translated|voiced|voices|won|writes|wrote)
      |how\ (?:long|much|old|far|big|tall|large|high|often|heavy|wide|deep|thick)
      |how\ many\ (?!reviews|reviewers|people|viewers|of|say|complain|mention|users|guests|customers)
      |(?:which|what)\ (?:other|year|date|time|day|month|language|country|city|company|channel|actor|actress
        |award|studio)
      |what\ (?:had|happens|happened)
      |what\ (?:is|was|are|were)\ the\ (?:name|title|price|cost|address|budget)
    )\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS_FOR_A_VIEW = re.compile(
    r"\b(?:annoy\w*|bad|believable|best|better|boring|complain\w*|convinc\w*|critici\w*|defend\w*|dislik\w*|distract\w*|"
    r"enjoy\w*|enough|fair|favou?rite|feel|fun|funny|good|hate[sd]?|idea|impress\w*|liked?|likes|love[sd]?|memorable|"
    r"opinions?|overrated|prais\w*|realistic|right|satisf\w*|steals?|strong\w*|think|too|underrated|weak\w*|worse|worst|"
    r"worth|wrong)\b",
    re.IGNORECASE,
)


def asks_for_fact(question: str) -> bool:
    """Whether the question asks for one fact, by how it begins and that it asks for no view
    (English).
    """
    return (
        _ASKS_FOR_A_FACT.search(question) is not None and _ASKS_FOR_A_VIEW.search(question) is None
    )


def content_words(question: str) -> str:
    """The words that say what the question is about, in their order; empty where none do.

    "What do people say about the marbles episode?" is about "marbles episode".
    """
    return " ".join(
        word
        for word in re.findall(r"[\w'’-]+", question)
        if word.casefold() not in EMPTY_WORDS and not _CONTRACTION.fullmatch(word)
    )


def wants_overview(question: str) -> bool:
    """Whether the question is about everything: a task's, or one without a subject ("What do people
    like most?").
    """
    return task_for(question) is not None or not (
        content_words(question) or asks_for_fact(question)
    )


_SUMMARY = re.compile(
    r"\b(?:summar\w*|sum (?:it |this |them )?up|in (?:short|brief|a nutshell|a few words)|gist|recap"
    r"|overview|what is (?:it|this|\w+(?: \w+)?) (?:all )?about|tl;?dr|describe|explain)\b",
    re.IGNORECASE,
)


def wants_summary(question: str) -> bool:
    """Whether an overview is wanted as a text and not as lists."""
    return _SUMMARY.search(question) is not None
