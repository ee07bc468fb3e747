"""What a question holds, where an item's name was its subject."""

from __future__ import annotations

import pytest

from rag.answering.claims import statement_of
from rag.schema import Review
from rag.understanding.catalogue import catalogue_of
from rag.understanding.names import NameFinder
from rag.understanding.plan import understand
from tests.fakes import FakeEmbedder


@pytest.mark.parametrize(
    ("question", "statement"),
    [
        ("Is the Fox and Crown quiet at night?", "It is quiet at night."),
        ("Is the pool warm at the Fox and Crown?", "The pool is warm."),
        ("Does the Fox and Crown have a pool?", "There is a pool."),
        ("Did anyone get bitten at the Fox and Crown?", "We did get bitten."),
    ],
)
def test_an_item_that_is_the_subject_is_it(question: str, statement: str) -> None:
    reviews = [
        Review(f"{item}{n}", "The pool was warm.", item=item)
        for item in ("Fox and Crown", "Hotel Bluebell")
        for n in range(4)
    ]
    catalogue = catalogue_of("hotels", reviews)
    embedder = FakeEmbedder()
    plan = understand(
        question, NameFinder(catalogue), catalogue, embedder.embed_queries, embedder.identity
    )
    assert statement_of(plan) == statement
