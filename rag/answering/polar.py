"""Who says yes to a question that asks whether something is so, and who says no.

The reader tells of each sentence whether it bears out what the question holds, or contradicts it. The
bounds were chosen on 63 questions to texts of the project's own and 25 to three other corpora
(`tests/benchmarks/polar.py`); `docs/checking.md` has what comes of them elsewhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.answering.counting import Reading
from rag.answering.naming import words_told
from rag.answering.opinions import Opinions
from rag.answering.quoting import plain_words
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.reader import Reader
from rag.understanding.intent import content_words
from rag.understanding.plan import QuestionPlan

YES, NO = 0.5, 0.7  # probabilities of support and contradiction, from which a sentence says so
_IN_OTHER_WORDS = 0.75  # of support, of a sentence without
_HALF = 0.5  # of the words that the statement has
_STEM = 5
_DEGREES = frozenset(("too", "very", "really", "enough"))
_DOUBTS = re.compile(r" (?:if|whether|wish|hope|thought|not|never|nor|\w+n t) ")
_DENIES = re.compile(
    r"\b(?:no|not|nor|never|without|lacks?|lacking|missing|wish|if)\b|n['’]t\b", re.IGNORECASE
)
_DENIES_A_FACT = re.compile(
    rf"{_DENIES.pattern}|\b(?:none|nothing|cannot|neither|unable|hardly|barely|only|far)\b",
    re.IGNORECASE,
)
_THERE_IS = re.compile(r"There (?:is|are|was|were) (.+)", re.IGNORECASE)
_WISHES = re.compile(
    r"\b(?:wish(?:ed|es|ing)?|if only|would (?:be|have been) (?:nice|great|good|better|lovely))\b",
    re.IGNORECASE,
)
_HAS = re.compile(
    r"There (?:is|are|was|were)\b|\w+ (?:contain|ha[sv]|include|use|come with)", re.IGNORECASE
)
_LISTED = r"(?:(?:[\w-]+ ){{0,2}}[\w-]+, ?)"
_FREE_OF = (  # "X-free", "free of X", "no X", "no A, B or X", "no A, X, B"
    r"\b{0}\w*[ -]+free\b|\bfree (?:of|from) (?!charge)(?:\w+ ){{0,2}}{0}"
    rf"|\bno (?:to )?[\"'“‘]?(?:(?:any )?{{0}}|{_LISTED}{{{{0,6}}}}(?:[\w-]+ ){{{{1,2}}}}n?or (?:any )?{{0}}"
    rf"|{_LISTED}{{{{1,6}}}}{{0}}\w*(?:,| n?or\b))"
)
_DEFINITE = (  # "the remote", "its own remote", "has a small remote", "Remote lost"
    r"(?:\b(?:the|its|it['’]s|their|our|built[- ]in|(?:ha[sd]|have|with|offers?|includes?) an?)"
    r" (?:[\w-]+ ){{0,3}}|^)\b{0}"
)


def read_polar(
    statement: str,
    plan: QuestionPlan,
    opinions: Opinions,
    index: ReviewIndex,
    reader: Reader,
    *,
    of_a_view: bool,
) -> Reading:
    """How surely each sentence says that the statement, a view or a fact, is so, or is not. What is in
    a language that the reader does not read says neither.
    """
    makes = np.zeros(len(opinions), dtype=np.float32)
    opposes = np.zeros_like(makes)
    places = np.flatnonzero(opinions.read_language)
    texts = [opinions.texts[place] for place in places.tolist()]
    supports = reader.support([((text,), statement) for text in texts])
    makes[places] = [support.entailed for support in supports]
    opposes[places] = [support.contradicted for support in supports]
    if not of_a_view:  # "walking distance to the park" does not deny that it is to the museum
        opposes[~_having(_DENIES_A_FACT, opinions.texts)] = 0
    makes[[_word_for_word(statement, text) for text in opinions.texts]] = 1
    yes = says_yes(statement, opinions.texts, makes)
    if thing := _THERE_IS.match(statement):
        taken = _takes_it_to_be(thing[1], plan, opinions, index) & (opposes < NO)
        makes[taken] = np.maximum(makes[taken], YES)
        yes |= taken
    free = _said_to_be_free_of(statement, opinions.texts)
    yes &= ~free
    opposes[free] = 1
    return Reading(np.where(yes, makes, 0), np.where(yes, 0, opposes))


def says_yes(statement: str, texts: Sequence[str], entailed: NDArray[np.float32]) -> Mask:
    """(sentences,) Which bear a statement out surely enough: those in other words must do so more
    surely, since the reader takes much for support that only is of the same kind of thing. What
    denies something ("it works without Wi-Fi") is not said without naming that, and what is wished
    for is not there.
    """
    words = content_words(statement).casefold().split()
    stems = [word[:_STEM] for word in words if word not in _DEGREES]
    in_other_words = math.inf if _DENIES.search(statement) else _IN_OTHER_WORDS
    all_words = in_other_words > 1 or _THERE_IS.match(statement)  # half of "bed bugs" is a bed
    needed = 1.0 if all_words else _HALF
    floors = [YES if _share_told(stems, text) >= needed else in_other_words for text in texts]
    return np.asarray((entailed >= np.array(floors)) & ~_having(_WISHES, texts))


def _share_told(stems: Sequence[str], text: str) -> float:
    """How much of the words a text has, in any form."""
    words = plain_words(text).split()
    told = [any(word.startswith(stem) for word in words) for stem in stems]
    return sum(told) / len(told) if told else 1.0


def _word_for_word(statement: str, text: str) -> bool:
    """Whether a text has the statement as it stands, and does not doubt or deny it: the reader takes
    little notice of the first half of "The room was clean, but breakfast was cold." Whatever "it" is
    called in the text.
    """
    said = re.sub(r"^(?:It|They) ", "", statement)
    before, found, _ = _plain(text).partition(_plain(said))
    return bool(found) and not _DOUBTS.search(f"{before} ")


def _plain(text: str) -> str:
    return f" {plain_words(text)} "


def _said_to_be_free_of(statement: str, texts: Sequence[str]) -> Mask:
    """(sentences,) Which deny what is asked as "caffeine-free" and "no sugar, caffeine or additives" deny
    "It contains caffeine.".
    """
    words = content_words(statement).casefold().split()
    if not (words and _HAS.match(statement)) or "free" in words:
        return np.zeros(len(texts), dtype=bool)
    free_of_it = re.compile(_FREE_OF.format(re.escape(words[-1][:_STEM])), re.IGNORECASE)
    return _having(free_of_it, texts)


def _takes_it_to_be(thing: str, plan: QuestionPlan, opinions: Opinions, index: ReviewIndex) -> Mask:
    """(sentences,) Who speaks of "the showers" takes it that there are some: who has all words for
    the thing that there may be, and denies nothing. Of one thing it is "the remote" or "its remote",
    since "a remote" may be any.
    """
    words = content_words(thing)
    speaks = words_told(words, plan, index, share=1.0)[opinions.rows]
    if re.match(r"an?\b", thing, re.IGNORECASE) and words:
        stem = re.escape(words.split()[-1][:_STEM])
        speaks &= _having(re.compile(_DEFINITE.format(stem), re.IGNORECASE), opinions.texts)
    return np.asarray(speaks & ~_having(_DENIES, opinions.texts))


def _having(pattern: re.Pattern[str], texts: Sequence[str]) -> Mask:
    """(sentences,) Which have what the pattern finds."""
    return np.array([pattern.search(text) is not None for text in texts], dtype=bool)
