"""The sentence that says best what those for a topic say, or those against it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag.answer import Said
from rag.answering.standalone import standing_alone
from rag.index import ReviewIndex
from rag.ingest.injection import addresses_the_model
from rag.topics.definition import Matcher
from rag.topics.sides import clause_side
from rag.topics.words import folded_words

_OUTSPOKEN = 0.6  # stance of a sentence that is quoted though no word around the term takes a side
_SIDE_UNSAID = 0.3  # of the worth of such a sentence, where words elsewhere in it take the side
_MOST_READ = 150  # sentences that the best is chosen from, evenly spread


def _quality(text: str, topic: int, side: int, matcher: Matcher, stance: float) -> float:
    """How well a sentence does as the quotation for a side of a topic, 0 to 1; `stance` is its own
    for that side.
    """
    alone = standing_alone(text)
    found = matcher.topics_of(text) if alone else {}
    said = side * found.get(topic, 0)
    if topic not in found or said < 0 or stance < (0 if said else _OUTSPOKEN):
        return 0.0
    words = folded_words(text)
    if not said and side * clause_side(words, 0, len(words) - 1) <= 0:
        return 0.0  # its stance alone may be an error: "Parking is on the street but easy"
    return alone * stance * (1.0 if said else _SIDE_UNSAID) / len(found)


def best_quotation(
    index: ReviewIndex,
    matcher: Matcher,
    topic: int,
    side: int,
    rows: NDArray[np.int32],
    used: set[int],
) -> Said | None:
    """Of sentences at `rows` of an index, which are on a side of a topic (its place among the
    matcher's), the one that stands alone best, is near to what the others say, outspoken, and of
    this topic alone; none that addresses a model, or is in `used`, to which it is added.
    """
    rows = rows[:: max(1, -(-len(rows) // _MOST_READ))]
    sentences = index.sentences(rows.astype(np.int64))
    vectors = index.vectors(rows)
    stances = side * np.array(
        [index.sentence_stance(*pair) for pair in zip(rows.tolist(), vectors, strict=True)]
    )
    quality = np.array(
        [
            _quality(" ".join(sentence.text.split()), topic, side, matcher, stance)
            for sentence, stance in zip(sentences, stances.tolist(), strict=True)
        ]
    )
    possible = np.flatnonzero((quality > 0) & ~np.isin(rows, list(used)))
    if not len(possible):
        return None
    score = quality * np.maximum(vectors @ vectors.mean(axis=0), 0)
    for place in possible[np.argsort(-score[possible], kind="stable")].tolist():
        sentence = sentences[place]
        if not addresses_the_model(sentence.text, vectors[place], index.manifest.embedder):
            used.add(int(rows[place]))
            return Said(sentence.review_id, sentence.start, sentence.end, sentence.text)
    return None
