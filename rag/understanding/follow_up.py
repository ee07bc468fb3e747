"""Whether a question leans on the ones before it, by rule (English).

What a question may lean with: a bare phrase ("what about X?", "and X?", "in season 2?"); no subject
at all ("Why?", "Which ones?"); or a pronoun for what the question before was about. The reviewers
("what do they say ..."), and "it" where the whole of what is reviewed is meant ("Is it worth
watching?", "What is it about?"), are no such pronouns; "it" is the whole too where nothing before
had a subject of its own. A question that begins with "and" and has its own subject stands alone.

`python -m tests.benchmarks.follow_ups` measures it, and what is made of what leans
(`rag.understanding.asked`). What it mostly misses leans without any sign of it ("Is the comparison
fair?") and is asked as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.understanding.intent import content_words, task_for
from rag.understanding.topic import AUXILIARY, CONNECTIVE, PEOPLE, PLACE, REVIEWERS

MOST_TURNS = 6  # earlier questions that are looked at
_LONGEST_FRAGMENT = 6  # words
_WHAT_ABOUT = re.compile(r"(?:what|how)\s+about\b\s*", re.IGNORECASE)
_CLAUSE = re.compile(
    rf"(?:{AUXILIARY}|who|whom|whose|what|what['’]s|when|where|which|why|how|tell|show|give|list|name|explain|describe|"
    r"compare|summari[sz]e|any|anything|anyone|i|you|we|they|it|he|she|there|that|those|these|this)\b",
    re.IGNORECASE,
)
_ALSO = re.compile(r"(?:^|[\s,]+)(?:too|as well|also|then|either)\W*$", re.IGNORECASE)
_ADVERB = re.compile(
    r"^(?:even|also|only|especially|just|not|maybe|only)\s+(?=" + PLACE + r"\b)", re.IGNORECASE
)
_MORE_EXACTLY = re.compile(  # "Only when hot?", "Louder than a hair dryer?", "How sick?"
    r"\W*(?:(?:only|just|even|not)\s+(?:[\w'’-]+\W*){1,5}|(?:more\s+|less\s+)?[\w'’-]+(?:er|more|less|\w\w)\s+than\b[^,]{1,40}|"
    r"how\s+(?!come\b)[\w'’-]+)\W*$",
    re.IGNORECASE,
)
_WHOLE = re.compile(  # "it" in these is all that is reviewed, whatever was asked before
    r"\bworth\b|\brecommend|\bwhat(?:['’]s| is| was) it (?:all |really )?about\b|\b(?:too|how) "
    r"long\b(?! (?:do|take))|"
    r"\bvalue\b|\boverall\b|\bit an? (?:good|great|nice|bad)\b|\bsuitable\b|"
    r"\b(?:for|with) (?:\w+ )?(?:kids|children|teenagers|famil\w+)\b|"
    r"\b(?:re-?)?(?:watch|buy|read|visit|stream|see|return|order|rate)(?:ing)?\s+it\b|\boverrated\b|\bunderrated\b|\bhype|"
    r"\bit (?:stream|hold up)",
    re.IGNORECASE,
)
_EMPTY_IT = re.compile(
    r"\bit(?:['’]s)?\s+(?:(?:is|was|really)\s+)?(?:matter|mean|work|ok|okay|true|right|wrong|fair|possible|normal|necessary|"
    r"hypocritical|strange|likely|cost|take)\b.*\b(?:that|to)\b",
    re.IGNORECASE,
)
_THE_REVIEWERS = re.compile(
    r"\bthey\s+(?:(?:all|really|mostly|also|actually)\s+)*(?:say|mention|think|like|dislike|love|hate|complain|praise|feel|"
    r"find|report|recommend|enjoy|criticis\w+|agree|expect|prefer)\b",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(it|he|she|him|they|them)\b", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\b(its|his|her|their)\b(?=\s+\w)", re.IGNORECASE)
_HER = re.compile(r"\bher\b(?!\s+\w)", re.IGNORECASE)
_THERE = re.compile(
    rf"(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\bthere\b(?!\s+(?:{AUXILIARY}|to be)\b)",
    re.IGNORECASE,
)
_POINTING = re.compile(
    rf"\bthat(?=\W*$|\s+(?:true|so|bother\w*|matter|mean|happen\w*|affect|change|help|ruin|spoil|the case|why)\b)"
    rf"|\b{AUXILIARY}\s+that\s+\w+\W*$"
    r"|\bthose\b(?!\s+(?:who|that|of)\b)|\b(?:think|say|feel|believe|find)\s+so\b|\bagree\W*$"
    r"|\bwhich\s+(?:ones?|of (?:them|these|those|the "
    r"two)|is|are|was|were)\b|\b(?:both|neither)\b(?!.*\b(?:and|nor)\b)",
    re.IGNORECASE,
)
_EVENT = re.compile(r"\bit\s+(?:happen|occur)", re.IGNORECASE)
_OTHER_ONE = re.compile(
    r"\b((?:the|a|an|their)\s+(?:[\w'’-]+\s+)?[\w'’-]+)\s+ones?\b", re.IGNORECASE
)
_DETERMINED = re.compile(
    r"\b(?:the|a|an|this|these|any|my|your|our|its|their|his|her)\s+([\w'’-]+)", re.IGNORECASE
)


Leaning = Literal["part", "whole", "focus", "all"]
"""How a question leans on the one before: it is a `part` that takes the place of another ("And the
ending?"); it asks for more of the `whole` ("Why?"); it has a word for the `focus` ("Is it clean?")
or for `all` that was said ("Is that so?").
"""


@dataclass(frozen=True, slots=True)
class Lean:
    """That a question leans, how, and where its pronoun stands, if it has one."""

    how: Leaning
    pronoun: tuple[int, int] | None = None


def leant_on(question: str, previous: Sequence[str]) -> tuple[str, ...]:
    """Those of `previous`, the questions before it, that a question needs to be understood, oldest
    first: from the last one that stands alone; none where it does so itself.
    """
    needed: tuple[str, ...] = ()
    has_subject = False
    for text in [earlier for earlier in previous if earlier.strip()][-MOST_TURNS:]:
        leans = bool(needed) and leaning(text, after_subject=has_subject) is not None
        needed = (*needed, text) if leans else (text,)
        has_subject = bool(content_words(text)) or (leans and has_subject)
    return needed if needed and leaning(question, after_subject=has_subject) else ()


def leaning(question: str, *, after_subject: bool = True) -> Lean | None:
    """How a question leans on the one before it; None where it stands alone. A pronoun leans only
    on a question that had a subject.
    """
    if task_for(question) is not None:
        return None
    if fragment(question):
        return Lean("part")
    if _MORE_EXACTLY.match(question) or not (
        content_words(question)
        or re.search(rf"\b{REVIEWERS}\b|\b(?:it|they)\b", question, re.IGNORECASE)
    ):
        return Lean("whole")
    return _referring(question) if after_subject else None


def fragment(question: str) -> str:
    """The phrase that a question consists of: "the ending" of "And what about the ending?"; empty
    for a whole one.
    """
    opening = CONNECTIVE.match(question)
    rest, part = question[opening.end() :] if opening else question.strip(), own_words(question)
    if not part or _WHAT_ABOUT.match(rest):
        return part
    if _CLAUSE.match(part) or len(part.split()) > _LONGEST_FRAGMENT:
        return ""
    if re.match(rf"{PLACE}\b", part, re.IGNORECASE):
        is_whole = re.search(rf"\b{AUXILIARY}\b|\b(?:what|which|who)\b|,", part, re.IGNORECASE)
        return "" if is_whole else part
    begins_so = opening or _ALSO.search(question) or re.match(r"the\b", part, re.IGNORECASE)
    return part if begins_so and not re.search(rf"\b{AUXILIARY}\b", part, re.IGNORECASE) else ""


def own_words(question: str) -> str:
    """A question without "and what about" before it and "too" after it."""
    opening = CONNECTIVE.match(question)
    rest = question[opening.end() :] if opening else question.strip()
    about = _WHAT_ABOUT.match(rest)
    rest = _ALSO.sub("", rest[about.end() :] if about else rest).strip(" ?.!")
    part = _ADVERB.sub("", rest)
    is_led = re.match(rf"{PLACE}\b", part, re.IGNORECASE)
    return part[0].lower() + part[1:] if is_led else part


def _referring(question: str) -> Lean | None:
    """How a question with a pronoun leans; None where it has none that needs another question."""
    if _EVENT.search(question):
        return Lean("all")
    for pattern in (_PRONOUN, _HER, _POSSESSIVE, _THERE):
        found = list(pattern.finditer(question))
        if pattern is _PRONOUN and len(found) > 1:
            # "What do they use it for?": they are the people
            found = [one for one in found if one.group().lower() != "they"] or found
        if found and not _is_told(question, found[0]):
            return Lean("focus", found[0].span())
    if _POINTING.search(question):
        return Lean("all")
    one = _OTHER_ONE.search(question)
    return Lean("focus") if one and not content_words(question[: one.start()]) else None


def _is_told(question: str, pronoun: re.Match[str]) -> bool:
    """Whether what a pronoun stands for is in the question itself, or is all that is reviewed, or
    those who review.
    """
    word, ahead = pronoun.group().lower(), question[: pronoun.start()]
    if word == "it" and (_WHOLE.search(question) or _EMPTY_IT.search(question)):
        return True
    if word == "they" and _THE_REVIEWERS.search(question):
        return True
    if word == "there":
        return False
    if any(
        content_words(noun) and not re.fullmatch(REVIEWERS, noun, re.IGNORECASE)
        for noun in _DETERMINED.findall(ahead)
    ):
        return True
    if word.startswith("the") and re.search(rf"\b(?:{PEOPLE})\b", ahead, re.IGNORECASE):
        return True
    names = [
        name
        for name in re.findall(r"\b(?:[A-Z][\w'’-]+|\w+ \d+\b)", ahead)
        if not _CLAUSE.match(name)
    ]
    return any(content_words(name) for name in names)
