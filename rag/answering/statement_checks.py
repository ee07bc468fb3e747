"""What is asked of a written statement before a reader judges it: counted over its words, in code.

`shown` is the quotation that the model was shown, which stands for the point. A small model moves
what is said to another subject, strengthens it ("very") and drops the half of it that turns it; a
reader that judges by likeness lets that pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise, takewhile

from rag.understanding.intent import content_words
from rag.understanding.side import is_negation, judges

_FEWEST_WORDS, _MOST_WORDS = 3, 20
_STEM = 5
_STRENGTHEN = frozenset(
    "too more less most very really quite so extremely absolutely totally completely truly highly".split()
)
# words that turn or strengthen a statement; the quotation has to have them
_TURNS = _STRENGTHEN | frozenset(
    "no not never nor without than if unless would could might may should only all every always "
    "everybody everyone nobody nothing better worse best worst just definitely".split()
)
# words that weaken what is said; a statement may not leave them out
_WEAKEN = frozenset(
    "almost bit can fairly generally little mainly mostly nearly occasionally often pretty quite rather "
    "relatively seem seemed seems slightly sometimes somewhat usually".split()
)
# what asks for points is no part of one: "The positive aspects are worth watching"
_ASKING = frozenset(
    "positive negative aspect aspects pros cons strengths weaknesses likes dislikes summary summarise "
    "summarize explain reviewed nutshell".split()
)
_OWN = frozenset(("i", "me", "my"))  # a statement is told by nobody
_VERBS = frozenset(
    "is are was were be been has have had do does did can ca cannot could will wo would should may might "
    "make makes made get gets got need needs".split()
)
_ARTICLES = frozenset("a an the this that these those its their some".split())
# who a small model puts in for those who say it
_PEOPLE = frozenset(
    "buyers customers everybody fans guests patrons people players reviewers tourists travellers travelers users "
    "viewers visitors".split()
)
_QUOTED_ONLY = _TURNS | _ASKING | _OWN | _PEOPLE
_DESCRIBES = re.compile(r"(?:ed|ing|ly|ful|less|ive|ous|able|ible|ic|est|y)$")
_POSSESSIVE = re.compile(r"\b\w+['’]s \w+")
_BE = r"\b(?:is|are|was|were) "
_PREDICATE = re.compile(rf"{_BE}(\w+ \w+)$")
# what a preposition leads to: "satisfied with the sound" does not say that the sound is satisfied
_PREPOSITIONS = "about at by for from in of on to with".split()
_LED_TO = rf"\b(?:{'|'.join(_PREPOSITIONS)}) (?:(?:the|this|that|a|an|my|our|its|their) )?{{}}"
# "good selection of magazines", "some of the staff": it is the selection that is good, and not all staff
_HEAD = re.compile(r"(\w+) of (?:the |an? )?(?=((?:\w+ ?)+))")
_HALVES = re.compile(r"\bbut\b|[.;!?]", re.IGNORECASE)
_PARTS = re.compile(r",|\b(?:and|but)\b", re.IGNORECASE)


def may_be_used(statement: str, question: str, shown: str) -> bool:
    """Whether a statement is one, and says of the same subject no more than its quotation and no
    less. What it says is still a reader's matter.
    """
    return (
        is_sentence(statement)
        and adds_nothing(statement, question, shown)
        and keeps_turns(statement, shown)
        and keeps_subject(statement, shown)
        and keeps_phrases(statement, shown)
        and keeps_degree(statement, shown)
        and keeps_clauses(statement, shown)
    )


def is_sentence(statement: str) -> bool:
    """Whether it is a whole sentence of a usual length, no question, and says nothing twice."""
    number = len(statement.split())
    said = [word for word in _words(statement) if content_words(word)]
    whole = _FEWEST_WORDS <= number <= _MOST_WORDS and statement.endswith((".", "!"))
    return whole and len(set(said)) == len(said)


def adds_nothing(statement: str, question: str, shown: str) -> bool:
    """Whether all that a statement speaks of stands in the quotation or the question, and what turns
    or strengthens it in the quotation.
    """
    quoted = set(_words(shown))
    there = _stems([*quoted, *_words(question)])
    words = _words(statement)
    return quoted.issuperset(_QUOTED_ONLY.intersection(words)) and there.issuperset(
        _stems(word for word in words if content_words(word))
    )


def keeps_turns(statement: str, shown: str) -> bool:
    """Whether both negate, or neither, and both have a "but", or neither."""
    return _negates(statement) == _negates(shown) and _has_but(statement) == _has_but(shown)


def keeps_subject(statement: str, shown: str) -> bool:
    """Whether what something is said of, the words before the verb, stands in the quotation, and with
    the "selection" or "some" of it that the quotation speaks of.
    """
    words, quoted = _words(statement), " ".join(_words(shown))
    subject = [word for word in words[: _verb(words)] if content_words(word)]
    of_what = (
        head
        for head, part in _HEAD.findall(shown.casefold())
        if _stems(takewhile(content_words, part.split())) & _stems(subject)
    )
    there = _stems(subject) <= _stems(quoted.split()) and all(head in words for head in of_what)
    before = takewhile(lambda word: word not in _PREPOSITIONS, words[: _verb(words)])
    named = [word for word in before if content_words(word)]
    head = re.escape((named or [""])[-1][:_STEM])
    found = len(re.findall(rf"\b{head}", quoted))
    led_to = len(re.findall(_LED_TO.format(head), quoted))
    kinds = {word for word in re.findall(rf"(\w+) {head}", quoted) if _is_kind(word)}
    of_a_kind = len(named) == 1 and sum(word not in words for word in kinds)
    return there and not (led_to and led_to == found) and not (of_a_kind and of_a_kind == found)


def _is_kind(word: str) -> bool:
    """Whether a word before a noun makes it another thing: "room" of "room service"."""
    return bool(content_words(word)) and not judges(word) and not _DESCRIBES.search(word)


def keeps_phrases(statement: str, shown: str) -> bool:
    """Whether what is somebody's is so in the quotation, too ("Ann's a great host" has no "Ann's
    host"), and a thing does not become what it has ("with very poor choice", "is poor choice").
    """
    told, quoted = " ".join(_words(statement)), " ".join(_words(shown))
    owned = set(_POSSESSIVE.findall(statement.casefold()))
    has = _PREDICATE.search(told)
    as_told = has is not None and re.search(_BE + re.escape(has[1]), quoted) is not None
    moved = has is not None and has[1] in quoted and not as_told
    adverb = has is not None and has[1].split()[0].endswith(("ly", "very", "not", "too", "so"))
    return owned <= set(_POSSESSIVE.findall(shown.casefold())) and (adverb or not moved)


def keeps_degree(statement: str, shown: str) -> bool:
    """Whether what strengthens a word does so in the quotation ("delicious and very fresh" does not
    say very delicious), and what weakens a clause there is not left out.
    """
    words, quoted = _words(statement), _words(shown)
    strong = {pair for pair in pairwise(words) if pair[0] in _STRENGTHEN}
    taken = _stems(word for word in words if content_words(word)) & _stems(quoted)
    meant = [clause for clause in _clauses(shown) if taken & _stems(clause)]
    weak = {word for clause in meant for word in clause if word in _WEAKEN}
    return strong <= set(pairwise(quoted)) and weak <= set(words)


def keeps_clauses(statement: str, shown: str) -> bool:
    """Whether what a part of the statement takes from the quotation stands in one clause there: "the
    ending is dull" does not, where the scene was dull and the ending sad.
    """
    quoted = _stems(_words(shown))
    clauses = [_stems(words) for words in _clauses(shown)]
    subject: list[str] = []
    for part in _PARTS.split(statement):
        words = _words(part)
        begins = words[0] if words else ""
        # "the maps are good and have potential", "the room is clean and comfortable"
        if begins in _VERBS or (begins not in _ARTICLES and _VERBS.isdisjoint(words)):
            words = subject + words
        subject = subject or words[: _verb(words)]
        taken = _stems(word for word in words if content_words(word)) & quoted
        if not any(taken <= clause for clause in clauses):
            return False
    return True


def _clauses(text: str) -> list[list[str]]:
    """The words of each clause: a part without a verb belongs to the one before, if no "but" or end of
    a sentence stands between them.
    """
    clauses: list[list[str]] = []
    for half in _HALVES.split(text):
        clauses.append([])
        for part in _PARTS.split(half):
            words = _words(part)
            if clauses[-1] and not _VERBS.isdisjoint(words):
                clauses.append([])
            clauses[-1] += words
    return clauses


def _verb(words: Sequence[str]) -> int:
    """Where the verb stands; after the last word where there is none that is known."""
    return next((place for place, word in enumerate(words) if word in _VERBS), len(words))


def _negates(text: str) -> bool:
    return any(map(is_negation, re.findall(r"[\w'’]+", text.casefold())))


def _has_but(text: str) -> bool:
    return "but" in _words(text)


def _stems(words: Iterable[str]) -> set[str]:
    return {word.rstrip("s")[:_STEM] for word in words}


def _words(text: str) -> list[str]:
    """The words of a text, lower case, with "not" for each "n't"."""
    return re.findall(r"\w+", re.sub(r"n['’]t\b", " not", text.casefold()))
