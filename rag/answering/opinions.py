"""What the reviews say of what is asked: every sentence in the filter that speaks to it, with its
side and whose voice it is.

Vectors and words propose widely, the reader decides. It reads a bounded number of sentences: where
more are proposed, those of a seeded random sample of the voices are read, and counts are scaled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rag.answering.naming import places_asked, with_words
from rag.embedding import Vectors
from rag.index import ReviewIndex
from rag.index.vectors import Mask
from rag.ingest.injection import addresses_the_model
from rag.reader import Reader
from rag.reader.phrases import has_set_phrase
from rag.reader.verdict import READ_LANGUAGES
from rag.understanding.cut import asking
from rag.understanding.plan import QuestionPlan
from rag.understanding.side import judges, without_judgement

PROPOSED = 280
"""Sentences that the reader judges at most: whether they speak to what is asked."""
OVERVIEW_SENTENCES = 4_000
"""Sentences that an overview is made from at most; their vectors alone are read."""

_NEAREST = 200  # sentences proposed by their vectors, at least; as many as have the words, if more
_LEAST_COSINE = 0.2  # of a sentence that is proposed by its vector
_ANSWERS = 0.75  # probability from which a sentence speaks to the question,
_ANSWERS_WITH_WORD = 0.5  # and where it has a word of the aspect
_NEAR_ASPECT = 0.22  # cosine with the aspect's words, of a sentence that has none of them
_OF_AN_ASPECT = ("opinion", "why", "change", "comparison")
_PHRASES_READ = 200  # sentences of an overview with set phrases, whose side the reader judges
_SIMILAR = 0.5  # cosine from which it does, where no reader reads the language
_OVERVIEW_FLOOR = 0.3  # cosine of a sentence and a point of an overview that it may make
_SEED = 20_250_701
_STEM = 5
_EXCEPTION = (
    r"\b(?:except(?: for)?|apart from|aside from|other than|but for|bar|minus|until)\b(?: \w+){{0,2}} {0}"
    r"|\b{0}\w*\b(?: \w+){{0,4}} only \w+ (?:that )?(?:i['’]d|i would|to) (?:change|improve|fix)"
)

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Opinions:
    """Sentences that speak to a question; each array has a row for each of them.

    `rows` in the index; `texts`; `vectors`, (sentences, dimension); `stances`, about -1 for
    criticism to 1 for praise; `voices`, equal for sentences of one person; `relevance`, 0..1;
    `focus`, the cosine with what is asked about, 1 for an overview; `read_language`, whether the
    reader reads its language, else similarity decides. `asked` voices are in the filter, of which a
    share `sampled` was looked at. Of an overview, what has a cosine below `floor` with a statement
    does not say the same. `best` is the largest probability that a sentence answers the question,
    None where the reader read none.
    """

    rows: Rows
    texts: tuple[str, ...]
    vectors: Vectors
    stances: NDArray[np.float32]
    voices: Rows
    relevance: NDArray[np.float32]
    focus: NDArray[np.float32]
    read_language: NDArray[np.bool_]
    asked: int
    sampled: float = 1.0
    floor: float = -1.0
    best: float | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, chosen: NDArray[np.bool_] | Rows) -> Opinions:
        """The same with these sentences only: a mask or places."""
        places = np.arange(len(self))[chosen]
        return replace(
            self,
            rows=self.rows[places],
            texts=tuple(self.texts[place] for place in places.tolist()),
            vectors=self.vectors[places],
            stances=self.stances[places],
            voices=self.voices[places],
            relevance=self.relevance[places],
            focus=self.focus[places],
            read_language=self.read_language[places],
        )

    def scaled(self, voices: int) -> int:
        """How many voices this number of the sample stands for."""
        return round(voices / self.sampled)


def opinions_on(
    plan: QuestionPlan, index: ReviewIndex, reader: Reader, where: Mask | None = None
) -> Opinions:
    """The sentences of reviews in `where` that speak to what the plan asks about."""
    if plan.is_overview:
        return _of_everything(index, reader, where)
    with_word, is_name = with_words(plan, index)
    opinions = _to_read(plan, index, with_word, is_name, where)
    if not len(opinions):
        return opinions
    opinions = _judged(opinions, plan, index, reader, with_word)
    return opinions.only(np.argsort(-opinions.relevance, kind="stable"))


def sentences_near(
    plan: QuestionPlan, index: ReviewIndex, reader: Reader, where: Mask | None = None
) -> Opinions:
    """The sentences that are proposed for what the plan asks, with the probability that each answers
    it, whatever it is; nothing is told of their sides.
    """
    opinions = _to_read(plan, index, *with_words(plan, index), where)
    relevance = np.zeros(len(opinions), dtype=np.float32)
    if (read := np.flatnonzero(opinions.read_language)).size:
        texts = [opinions.texts[place] for place in read.tolist()]
        relevance[read] = reader.answers(_question(plan), texts)
    return replace(opinions, relevance=relevance)


def _to_read(
    plan: QuestionPlan, index: ReviewIndex, with_word: Mask, is_name: bool, where: Mask | None
) -> Opinions:
    """What is proposed, as far as it may be read."""
    proposed = _proposed(plan, index, with_word, is_name, where)
    rows, sampled = _sample(index, proposed, PROPOSED)
    return _opinions(index, rows, where, sampled)


def _of_everything(index: ReviewIndex, reader: Reader, where: Mask | None) -> Opinions:
    rows = np.arange(index.manifest.sentences) if where is None else np.flatnonzero(where)
    rows, sampled = _sample(index, rows, OVERVIEW_SENTENCES)
    opinions = replace(_opinions(index, rows, where, sampled), floor=_OVERVIEW_FLOOR)
    told = [
        place
        for place in np.flatnonzero(opinions.read_language).tolist()
        if index.column_side(int(opinions.rows[place])) is None
    ]
    if len(told) > PROPOSED:  # a vector does not tell what a set phrase means
        told = [place for place in told if has_set_phrase(opinions.texts[place])][:_PHRASES_READ]
    if not told:
        return opinions
    sides = reader.stance([("", opinions.texts[place]) for place in told])
    stances = opinions.stances.copy()
    stances[told] = sides[:, 0] - sides[:, 1]
    return replace(opinions, stances=stances)


def _proposed(
    plan: QuestionPlan, index: ReviewIndex, with_word: Mask, is_name: bool, where: Mask | None
) -> Rows:
    """Rows of sentences that may speak to the aspect: with its words, or, if it is no name, near to
    it.
    """
    for place in places_asked(plan):
        of_place = index.word_scores(place)[1][index.sentence_review] > 0
        where = of_place if where is None else where & of_place
    if where is not None:
        with_word = with_word & where
    if is_name:
        return np.flatnonzero(with_word)
    cosine = (index.all_vectors @ plan.vectors.T).max(axis=1)
    if where is not None:
        cosine = np.where(where, cosine, -1)
    fewest = PROPOSED if plan.intent == "count" else _NEAREST
    wanted = max(fewest, int(with_word.sum()))
    nearest = np.argsort(-cosine, kind="stable")[:wanted]
    nearest = nearest[cosine[nearest] >= _LEAST_COSINE]
    return np.union1d(np.flatnonzero(with_word), nearest)


def _exceptions(plan: QuestionPlan) -> list[re.Pattern[str]]:
    """What makes an exception of what is asked about: "Great, apart from the VIPs" praises the rest."""
    words = without_judgement(plan.aspect).casefold().split()
    return [re.compile(_EXCEPTION.format(re.escape(word[:_STEM]))) for word in words]


def _question(plan: QuestionPlan) -> str:
    """What the reader is asked: with the names of what all is about, for which nothing is searched,
    but without those of items, of which alone there are sentences here. Of "how many say so?" it is
    asked what they say.
    """
    limited = bool(plan.items or plan.conditions)
    of_a_view = plan.intent in _OF_AN_ASPECT or (
        plan.intent == "yes_no" and any(map(judges, plan.aspect.split()))
    )
    if plan.aspect and (plan.intent == "count" or (limited and of_a_view)):
        return f"What do the reviews say about {plan.aspect}?"
    return plan.query if limited else asking(plan.question)


def _sample(index: ReviewIndex, rows: Rows, most: int) -> tuple[Rows, float]:
    """About `most` of the rows, all those of a voice or none, and the share of the voices that was
    taken: a seeded random sample, so that the same question gives the same answer.
    """
    if len(rows) <= most:
        return rows, 1.0
    voices = index.voices[index.sentence_review[rows]]
    names, number, sizes = np.unique(voices, return_inverse=True, return_counts=True)
    order = np.random.default_rng(_SEED).permutation(len(names))
    taken = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), most, "right")))]
    return rows[np.isin(number, taken)], len(taken) / len(names)


def _opinions(index: ReviewIndex, rows: Rows, where: Mask | None, sampled: float) -> Opinions:
    vectors = index.vectors(rows)
    sentences = index.sentences(rows)
    steers = np.array(
        [
            addresses_the_model(sentence.text, vector, index.manifest.embedder)
            for sentence, vector in zip(sentences, vectors, strict=True)
        ],
        dtype=bool,
    )
    spoken = slice(None) if where is None else index.sentence_review[where]
    opinions = Opinions(
        rows=rows,
        texts=tuple(" ".join(sentence.text.split()) for sentence in sentences),
        vectors=vectors,
        stances=np.array(
            [index.sentence_stance(*pair) for pair in zip(rows.tolist(), vectors, strict=True)],
            dtype=np.float32,
        ),
        voices=index.voices[index.sentence_review[rows]],
        relevance=np.ones(len(rows), dtype=np.float32),
        focus=np.ones(len(rows), dtype=np.float32),
        read_language=np.array(
            [
                index.language(review) in READ_LANGUAGES
                for review in index.sentence_review[rows].tolist()
            ],
            dtype=bool,
        ),
        asked=len(np.unique(index.voices[spoken])),
        sampled=sampled,
    )
    return opinions.only(~steers)


def _judged(
    opinions: Opinions, plan: QuestionPlan, index: ReviewIndex, reader: Reader, with_word: Mask
) -> Opinions:
    """Those that speak to the question, with the reader's judgement of their side; `with_word`,
    (sentences of the index,), tells which have a word of what is asked about.
    """
    focus = (opinions.vectors @ plan.vectors.T).max(axis=1)
    relevance = focus.copy()
    read = opinions.read_language
    speaks = relevance >= _SIMILAR
    if read.any():
        places = np.flatnonzero(read)
        relevance[places] = reader.answers(
            _question(plan), [opinions.texts[place] for place in places]
        )
        named = with_word[opinions.rows]
        near = named | (opinions.vectors @ plan.vectors[1] >= _NEAR_ASPECT)
        floor = np.where(named, _ANSWERS_WITH_WORD, _ANSWERS)
        speaks = np.where(read, near & (relevance >= floor), speaks)
    best = float(relevance[read].max()) if read.any() else None
    opinions = replace(opinions, relevance=relevance, focus=focus, best=best).only(speaks)
    places = np.flatnonzero(opinions.read_language)
    if not len(places):
        return opinions
    sides = reader.stance([(plan.aspect, opinions.texts[place]) for place in places])
    stances = opinions.stances.copy()
    exceptions = _exceptions(plan)
    for place, probabilities in zip(places.tolist(), sides, strict=True):
        row = int(opinions.rows[place])
        if index.column_side(row) is None:
            # a rating is of the whole: who likes it may well dislike what is asked about
            stance = float(probabilities[0] - probabilities[1])
            text = opinions.texts[place].casefold()
            excepted = stance > 0 and any(pattern.search(text) for pattern in exceptions)
            stances[place] = -stance if excepted else stance
    return replace(opinions, stances=stances)
