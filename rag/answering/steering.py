"""Sentences of the reviews shown that speak to the machine: they bear nothing out, and are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rag.index import ReviewIndex
from rag.ingest.injection import addresses_the_model
from rag.schema import RetrievedChunk, ReviewSentence


def steering_sentences(found: RetrievedChunk, index: ReviewIndex) -> list[ReviewSentence]:
    """Those of a chunk that address the model that reads it."""
    vectors = index.vectors([sentence.row for sentence in found.sentences])
    return [
        sentence
        for sentence, vector in zip(found.sentences, vectors, strict=True)
        if addresses_the_model(sentence.text, vector, index.manifest.embedder)
    ]


def without_steering(found: RetrievedChunk, index: ReviewIndex) -> RetrievedChunk:
    """The chunk with the other sentences alone; its text stays whole."""
    steers = steering_sentences(found, index)
    if not steers:
        return found
    return replace(found, sentences=tuple(s for s in found.sentences if s not in steers))


def told_of_steering(retrieved: Sequence[RetrievedChunk], index: ReviewIndex) -> tuple[str, ...]:
    """What an answer says of such sentences in the reviews beside it."""
    numbers = [str(found.number) for found in retrieved if steering_sentences(found, index)]
    if not numbers:
        return ()
    reviews = f"review{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
    return (
        f"Something in {reviews} reads as if written to steer the program and not for people; it "
        "is not quoted, counted or cited.",
    )
