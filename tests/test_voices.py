"""Which of the ranked chunks a prompt gets: diverse ones, and both sides where opinion is split."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answering.pipeline import Pipeline
from rag.config import Settings
from rag.generators.choice import ChosenGenerator
from rag.index import ReviewIndex
from rag.retrieval import Limits, Retriever, retrieve
from rag.retrieval.diversify import Voice, balanced, diverse
from rag.retrieval.fusion import Hit
from rag.schema import Side
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeGenerator, build_fake_index, review


def voices(sides: str, vectors: list[list[float]] | None = None) -> tuple[list[Voice], list[Side]]:
    """Voices of falling score: "p" praises, "c" criticises, "n" does neither."""
    names: dict[str, Side] = {"p": "praise", "c": "criticism", "n": "neutral"}
    made = [
        Voice(
            Hit(n, n, 1 - n / 100, 0.5),
            np.array(vectors[n] if vectors else [1, 0], dtype=np.float32),
            [],
        )
        for n in range(len(sides))
    ]
    return made, [names[letter] for letter in sides]


def chosen(sides: str, top_k: int, balance: str) -> tuple[str, str]:
    made, named = voices(sides)
    found, mix = balanced(made, named, Limits(top_k, 1, 1.0), balance)
    rows = [voice.hit.chunk_row for voice in found]
    assert rows == sorted(rows) and len(rows) == min(top_k, len(sides))
    return "".join(sides[row] for row in rows), mix


@pytest.mark.parametrize(
    ("sides", "top_k", "balance", "counts", "mix"),
    [
        ("ppppppppcccc", 6, "off", {"p": 6}, "best"),
        ("ppppppppcccc", 6, "proportion", {"p": 4, "c": 2}, "proportion"),
        ("ppppppppcccc", 6, "even", {"p": 3, "c": 3}, "even"),
        ("ccccccccpppp", 6, "proportion", {"p": 2, "c": 4}, "proportion"),
        ("pppppppppc", 4, "even", {"p": 4}, "best"),  # one voice of ten is no side
        ("pppppppppppcc", 4, "even", {"p": 4}, "best"),  # nor are two of thirteen
        (
            "ppnpncnpcpc",
            5,
            "even",
            {"n": 2, "p": 2, "c": 1},
            "even",
        ),  # the odd place goes to the larger side
        ("nnnnppcc", 4, "even", {"n": 2, "p": 1, "c": 1}, "even"),  # room is made for one of each
        ("nnnn", 3, "even", {"n": 3}, "best"),
        ("ppcc", 1, "even", {"p": 1}, "best"),
        ("ppcc", 12, "proportion", {"p": 2, "c": 2}, "best"),  # there is nothing to choose
        ("", 3, "even", {}, "best"),
    ],
)
def test_both_sides_are_heard_where_opinion_is_split(
    sides: str, top_k: int, balance: str, counts: dict[str, int], mix: str
) -> None:
    found, how = chosen(sides, top_k, balance)
    assert Counter(found) == Counter(counts) and how == mix


@given(
    sides=st.text(alphabet="pcn", max_size=40),
    top_k=st.integers(1, 12),
    balance=st.sampled_from(["off", "proportion", "even"]),
)
def test_each_side_speaks_through_its_best(sides: str, top_k: int, balance: str) -> None:
    found, mix = chosen(sides, top_k, balance)
    for letter in "pcn":
        first = [place for place, side in enumerate(sides) if side == letter][: found.count(letter)]
        made, named = voices(sides)
        rows = [v.hit.chunk_row for v in balanced(made, named, Limits(top_k, 1, 1.0), balance)[0]]
        assert [row for row in rows if sides[row] == letter] == first
    if mix != "best":
        assert found.count("p") >= 1 and found.count("c") >= 1
    if mix == "even" and min(sides.count("p"), sides.count("c")) >= top_k:
        assert abs(found.count("p") - found.count("c")) <= 1


def test_without_diversity_the_best_are_taken() -> None:
    made, _ = voices("nnn", [[1, 0], [1, 0], [0, 1]])
    assert diverse(made, 2, 0) == made[:2]


def test_with_diversity_the_second_voice_says_something_else() -> None:
    made, _ = voices("nnn", [[1, 0], [1, 0], [0, 1]])
    assert diverse(made, 2, 0.5) == [made[0], made[2]]
    assert sorted(v.hit.chunk_row for v in diverse(made, 9, 0.5)) == [0, 1, 2]


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many who praise the pool, and fewer, farther from the question, who complain of it."""
    reviews = [
        review(
            f"good-{n}",
            f"The lovely pool: I loved it, it was wonderful. Room{n} floor{n} door{n} key{n}.",
            10,
        )
        for n in range(16)
    ]
    reviews += [
        review(
            f"bad-{n}",
            f"The pool: I hated it, it was terrible. Room{n} floor{n} door{n} key{n}.",
            1,
        )
        for n in range(8)
    ]
    folder = tmp_path_factory.mktemp("indexes") / "divided"
    build_fake_index(folder, reviews)
    return folder


@pytest.mark.parametrize(("balance", "complaints"), [("off", 0), ("proportion", 2), ("even", 3)])
def test_the_retriever_balances_by_what_the_sentences_lean_to(
    divided: Path, balance: str, complaints: int
) -> None:
    chosen = Settings(balance=balance, top_k=6, near_duplicate=1.0)
    retriever = Retriever(chosen, ReviewIndex.open(divided), FakeEmbedder())
    found = retriever.search("was the pool lovely")
    assert sum(one.review.review_id.startswith("bad") for one in found.chunks) == complaints
    assert Counter(one.side for one in found.chunks)["criticism"] == complaints
    assert found.mix == ("best" if balance == "off" else balance)
    assert [one.number for one in found.chunks] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("balance", "says"),
    [
        ("off", None),
        (
            "proportion",
            "taken in the proportion of the nearest reviews: 4 passages praise, 2 criticise.",
        ),
        ("even", "taken evenly: 3 passages praise, 3 criticise."),
    ],
)
def test_an_answer_says_which_mix_it_rests_on(
    divided: Path, balance: str, says: str | None
) -> None:
    chosen = Settings(
        balance=balance, top_k=6, near_duplicate=1.0, chunk_tokens=CHUNK_TOKENS, evidence_floor=0.0
    )
    generator = ChosenGenerator(FakeGenerator("The pool was lovely [1]."), "the test says so")
    answer = Pipeline(chosen, ReviewIndex.open(divided), FakeEmbedder(), generator).ask(
        "was the pool lovely"
    )
    told = [note for note in answer.notes if note.startswith("Opinion is split")]
    assert told == ([f"Opinion is split, and both sides were {says}"] if says else [])


def test_who_asks_for_one_side_gets_the_best_of_any(divided: Path) -> None:
    retriever = Retriever(
        Settings(balance="even", top_k=6), ReviewIndex.open(divided), FakeEmbedder()
    )
    assert retriever.search("What do guests love about the lovely pool?").mix == "best"


def test_diversity_reaches_the_chunks(tmp_path: Path) -> None:
    reviews = [review(f"same-{n}", f"The pool was warm and clean and blue{n}.") for n in range(5)]
    reviews.append(review("else", "The pool closed early on rainy Mondays."))
    index = build_fake_index(tmp_path / "x", reviews)
    plain, mixed = (
        [
            one.review.review_id
            for one in retrieve(
                index, FakeEmbedder(), "was the pool warm and clean", Limits(2, 1, 1.0, diversity)
            )
        ]
        for diversity in (0.0, 0.7)
    )
    assert "else" not in plain and mixed[1] == "else"
