"""Training examples: what each kind is made of, that nothing held out is trained on, and how they
are kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finetune.data.examples import (
    CARD_FILE,
    HELD_OUT_FILE,
    TRAIN_FILE,
    Example,
    ExampleSet,
    data_card,
    data_hash,
    joined,
    read_examples,
    write_examples,
)
from finetune.data.make import questions_of
from finetune.data.sources import ExampleMaker
from finetune.data.split import held_out_reviews
from finetune.data.squad import is_squad, read_squad
from finetune.recipe import DataRecipe, ExampleKind
from rag.answering import prompt
from rag.config import Settings
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.questions import Question
from rag.index import ReviewIndex
from rag.schema import Message, Review, ReviewFileError, SettingsError
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeGenerator, build_fake_index

TOPICS = ("pool", "bed", "lift", "staff", "view", "bar", "bath", "food", "taxi", "desk")
SAYS = {
    "good": "The {0} was lovely and it pleased all of us.",
    "bad": "The {0} was awful and it annoyed all of us.",
}
SETTINGS = Settings().changed(
    {
        "retrieval.top_k": 3,
        "answering.evidence_floor": -1,
        "answering.fact_evidence_floor": -1,
        "index.chunk_tokens": CHUNK_TOKENS,
        "generator.max_new_tokens": 64,
    }
)
EMBEDDER = FakeEmbedder()


def hotel(*, items: int = 1, copies: bool = False) -> list[Review]:
    """Two reviews of each topic; of so many items; each with a copy, if wanted, in another place."""
    made = [
        Review(
            f"{topic}-{side}",
            text.format(topic),
            rating=4 if side == "good" else 1,
            rating_max=5,
            item=f"hotel {n % items}" if items > 1 else "",
            source="here",
        )
        for n, topic in enumerate(TOPICS)
        for side, text in SAYS.items()
    ]
    return made + [replace(one, review_id=f"{one.review_id}-copy") for one in made] * copies


def asked(topic: str, *, split: str = "train", **changes: Any) -> Question:
    points = tuple(text.format(topic) for text in SAYS.values())
    one = Question(
        topic,
        f"How was the {topic}?",
        "both_sides",
        split,
        topic,
        frozenset(f"{topic}-{side}" for side in SAYS),
        "",
        points,
    )
    return replace(one, **changes)


def questions(split: str = "", **changes: Any) -> list[Question]:
    return [
        asked(topic, split=split or ("dev" if n >= 7 else "train"), **changes)
        for n, topic in enumerate(TOPICS)
    ]


def maker(index: ReviewIndex, *kinds: ExampleKind, seed: int = 0, **changes: Any) -> ExampleMaker:
    data = DataRecipe(
        examples=kinds, **{"distractors": 1, "no_answer": 0.0, "held_out": 0.3, **changes}
    )
    return ExampleMaker(index, EMBEDDER, SETTINGS, data, seed)


@pytest.fixture(scope="module")
def one_item(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("one") / "hotel", hotel(copies=True))


@pytest.fixture(scope="module")
def five_items(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    return build_fake_index(tmp_path_factory.mktemp("five") / "hotels", hotel(items=5))


def both(found: ExampleSet) -> list[Example]:
    return found.train + found.held_out


def shown(examples: Sequence[Example]) -> set[str]:
    return {review for one in examples for review in one.reviews}


def shown_in(messages: Sequence[Message]) -> dict[int, str]:
    """The reviews of a prompt by their numbers."""
    tags = re.findall(r'<review number="(\d+)".*>\n(.*)\n</review>', messages[-1]["content"])
    return {int(number): text for number, text in tags}


def without_copies(reviews: set[str]) -> set[str]:
    return {one.removesuffix("-copy") for one in reviews}


@pytest.mark.parametrize(
    "kinds", [("reviews",), ("answers",), ("tasks",), ("reviews", "answers", "tasks")]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_nothing_held_out_is_ever_trained_on(
    one_item: ReviewIndex, five_items: ReviewIndex, kinds: tuple[ExampleKind, ...], seed: int
) -> None:
    for index in (one_item, five_items):
        items = {one.review_id: one.item for one in index.reviews()}
        found = maker(index, *kinds, seed=seed, no_answer=0.2).make(questions())
        assert found.train
        train, held = shown(found.train), shown(found.held_out)
        assert not without_copies(train) & without_copies(held)
        assert not {one.id for one in found.train} & {one.id for one in found.held_out}
        if index is five_items:
            assert found.held_out and not {items[one] for one in train} & {
                items[one] for one in held
            }


def test_the_same_seed_gives_the_same_and_another_does_not(one_item: ReviewIndex) -> None:
    first = maker(one_item, "reviews", "answers", "tasks", no_answer=0.2)
    assert first.make(questions()) == first.make(questions())
    assert first.make(questions()) == maker(
        one_item, "reviews", "answers", "tasks", no_answer=0.2
    ).make(questions())
    other = maker(one_item, "reviews", "answers", "tasks", no_answer=0.2, seed=5).make(questions())
    assert other != first.make(questions())


def test_reviews_are_their_text(five_items: ReviewIndex) -> None:
    found = maker(five_items, "reviews").make()
    assert len(both(found)) == 20 and {one.kind for one in both(found)} == {"review"}
    texts = {one.review_id: one.text for one in five_items.reviews()}
    assert all(one.target == texts[one.reviews[0]] and not one.messages for one in both(found))


def test_answers_cite_what_bears_them_out_among_distractors(five_items: ReviewIndex) -> None:
    found = maker(five_items, "answers").make(questions("train"))
    assert len(both(found)) == 10 and not found.left_out
    for one in both(found):
        reviews = shown_in(one.messages)
        numbers = {
            number for marker in prompt.strip_markers(one.target)[1] for number in marker.numbers
        }
        topic = one.id
        assert numbers == {number for number, text in reviews.items() if f"The {topic} was" in text}
        assert len(numbers) == 2 and len(reviews) == 3 and one.source == "questions"
        assert all(text.format(topic) in one.target for text in SAYS.values())
    orders = {
        tuple(one.id in text for text in shown_in(one.messages).values()) for one in both(found)
    }
    assert len(orders) > 1  # the distractor is not always in the same place


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_questions_gets_no_passage_that_answers(
    five_items: ReviewIndex, share: float
) -> None:
    many = [replace(one, id=f"{one.id}-{n}") for one in questions("train") for n in range(20)]
    found = both(maker(five_items, "answers", no_answer=share).make(many))
    assert len(found) == 200
    refusals = [one for one in found if one.refuses]
    assert abs(len(refusals) / 200 - share) <= 0.1
    for one in refusals:
        topic = one.id.partition("-")[0]
        assert (
            one.source == "refusals"
            and one.reviews
            and not any(name.startswith(topic) for name in one.reviews)
        )


def test_refusals_are_drawn_apart_from_the_split(one_item: ReviewIndex) -> None:
    """Questions without a split are held out by chance: those that are to be refused must not be
    the same ones.
    """
    many = [replace(one, id=f"{one.id}-{n}") for one in questions("test") for n in range(20)]
    found = maker(one_item, "answers", no_answer=0.3).make(many)
    for part in (found.train, found.held_out):
        refusals = sum(one.refuses for one in part)
        assert 0 < refusals < len(part)


def test_an_unanswerable_question_is_refused(five_items: ReviewIndex) -> None:
    one = asked("pool", id="x", kind="unanswerable", review_ids=frozenset(), key_points=())
    (found,) = both(maker(five_items, "answers").make([one]))
    assert found.refuses and found.target == prompt.REFUSAL and len(found.reviews) == 2


def test_questions_of_a_test_split_are_never_used(
    one_item: ReviewIndex, five_items: ReviewIndex
) -> None:
    mixed = [*questions("train")[:5], *questions("test")[5:8], *questions("dev")[8:]]
    for index in (one_item, five_items):
        found = maker(index, "answers").make(mixed)
        assert not {one.id for one in both(found)} & set(TOPICS[5:8])
        assert found.left_out["it is of the test split"] == 3
    dev = maker(one_item, "answers").make(mixed)
    assert {one.id for one in dev.train} <= set(TOPICS[:5]) and {
        one.id for one in dev.held_out
    } <= set(TOPICS[8:])
    by_item = maker(five_items, "answers").make(mixed)
    assert not {one.id for one in by_item.train} & set(
        TOPICS[8:]
    )  # a dev question is not trained on there either
    only = maker(five_items, "answers").make(questions("test"))
    assert len(both(only)) == 10  # but where there is no other split, it means nothing


def quoting(messages: Sequence[Message]) -> str:
    """A teacher that repeats the first passage."""
    reviews = shown_in(messages)
    return f"{reviews[1]} [1]"


def test_a_teacher_answers_what_has_no_answer_and_is_checked(five_items: ReviewIndex) -> None:
    bare = questions("train", key_points=())
    good = maker(five_items, "answers").make(bare, teacher=FakeGenerator(quoting))
    assert len(both(good)) == 10 and {one.source for one in both(good)} == {"teacher"}
    for says, reason in (
        (
            "Parking costs nine euros a night. [1]",
            "the check did not pass the answer (from teacher)",
        ),
        ("The pool was lovely. [77]", "the check did not pass the answer (from teacher)"),
        ("", "no statement of the answer is borne out by the passages"),
        (prompt.REFUSAL, "the answer is a refusal (from teacher)"),
    ):
        bad = maker(five_items, "answers").make(bare, teacher=FakeGenerator(says))
        assert not both(bad) and bad.left_out == {reason: 10}
    unused = FakeGenerator("x")
    assert len(both(maker(five_items, "answers").make(questions("train"), teacher=unused))) == 10
    assert unused.sent == []


def test_questions_alone_are_answered_by_the_teacher_from_what_is_found(
    one_item: ReviewIndex, five_items: ReviewIndex
) -> None:
    bare = questions("train", key_points=(), review_ids=frozenset())
    for index in (one_item, five_items):
        found = maker(index, "answers", no_answer=0.5).make(bare, teacher=FakeGenerator(quoting))
        assert len(both(found)) == 10 and not any(one.refuses for one in both(found))
        assert not without_copies(shown(found.train)) & without_copies(shown(found.held_out))
    without = maker(five_items, "answers").make(bare)
    assert without.left_out == {"no statement of the answer is borne out by the passages": 10}


def test_what_the_reviews_do_not_bear_out_is_left_out_and_counted(five_items: ReviewIndex) -> None:
    invented = questions("train", key_points=("Parking costs nine euros a night",))
    found = maker(five_items, "answers").make(invented)
    assert not both(found) and found.left_out == {
        "no statement of the answer is borne out by the passages": 10
    }
    elsewhere = questions("train", review_ids=frozenset(["gone"]))
    found = maker(five_items, "answers").make(elsewhere)
    assert found.left_out == {"none of the question's reviews is on its side of the split": 10}


def test_tasks_are_over_groups_of_reviews_and_pass_the_check(five_items: ReviewIndex) -> None:
    found = maker(five_items, "tasks").make()
    assert (
        {one.kind for one in both(found)} == {"task"} and len(found.train) >= 2 and found.held_out
    )
    for one in both(found):
        assert prompt.strip_markers(one.target)[1] and len(one.reviews) >= 2
    refused = maker(five_items, "tasks").make(teacher=FakeGenerator(prompt.REFUSAL))
    assert not both(refused) and set(refused.left_out) == {
        "the answer is a refusal (from fake generator)"
    }


def spans(index: ReviewIndex) -> list[RetrievalQuestion]:
    return [
        RetrievalQuestion(
            f"s{n}",
            f"How was the {topic}?",
            "hotels",
            "train",
            {f"{topic}-good": 1},
            spans=((f"{topic}-good", 0, 10),),
        )
        for n, topic in enumerate(TOPICS)
    ]


def test_spans_become_quotations(five_items: ReviewIndex) -> None:
    found = maker(five_items, "answers").make(spans=spans(five_items))
    assert len(both(found)) == 10 and {one.source for one in both(found)} == {"spans"}
    for one in both(found):
        topic = TOPICS[int(one.id[1:])]
        assert one.target.startswith(f"“{SAYS['good'].format(topic)}” [")
    loose = [replace(one, relevance={}) for one in spans(five_items)]
    found = maker(five_items, "answers").make(spans=loose)
    assert found.left_out == {"it is not known in which review its answer was looked for": 10}


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=4, max_size=12),
    share=st.floats(0.01, 0.5),
    seed=st.integers(0, 9),
)
def test_about_the_wanted_share_is_held_out_however_the_items_are(
    sizes: list[int], share: float, seed: int
) -> None:
    class Index:
        name = "x"
        review_group = np.arange(sum(sizes))

        def reviews(self, *, texts: bool = True) -> list[Review]:
            return [
                Review(f"{n}-{m}", "x", item=f"i{n}")
                for n, size in enumerate(sizes)
                for m in range(size)
            ]

    held = held_out_reviews(Index(), share, seed)  # type: ignore[arg-type]
    items = np.repeat(np.arange(len(sizes)), sizes)
    assert 1 <= len(set(items[held])) <= len(sizes) - 2 and not set(items[held]) & set(items[~held])
    wanted = share * sum(sizes)
    assert held.sum() <= max(
        2 * wanted, min(sizes)
    )  # an item of most reviews is not what is held out


def test_too_few_reviews_to_hold_any_out(tmp_path: Path) -> None:
    index = build_fake_index(tmp_path / "few", hotel()[:3])
    with pytest.raises(SettingsError, match="at least 4"):
        maker(index, "reviews").make()


def made_example(name: str = "q1", **changes: Any) -> Example:
    messages: tuple[Message, ...] = ({"role": "user", "content": "How?\u2028\n ~~~~ ok"},)
    return replace(
        Example(name, "answer", "questions", messages, "“So.” [1][2]", ("a", "b")), **changes
    )


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3)), max_size=5))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str, list[str]]]
) -> None:
    examples = [
        Example(
            name,
            "answer",
            "x",
            ({"role": "user", "content": asks},) if asks else (),
            target,
            tuple(reviews),
        )
        for name, asks, target, reviews in rows
    ]
    folder = tmp_path_factory.mktemp("kept")
    write_examples(ExampleSet(examples, examples[:1], {}), folder)
    assert read_examples(folder / TRAIN_FILE) == examples
    assert read_examples(folder / HELD_OUT_FILE) == examples[:1]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "1",
        '{"id": "x"}',
        '{"id":"x","kind":"a","source":"s","messages":["x"],"target":"t","reviews":[]}',
    ],
)
def test_what_is_no_example_is_said_with_its_line(tmp_path: Path, line: str) -> None:
    write_examples(ExampleSet([made_example()], [], {}), tmp_path)
    file = tmp_path / TRAIN_FILE
    file.write_text(file.read_text(encoding="utf-8") + "\n" + line, encoding="utf-8")
    with pytest.raises(ReviewFileError, match=r"train\.jsonl, line 3: not an example"):
        read_examples(file)


def test_examples_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReviewFileError, match="reviewqa finetune data"):
        read_examples(tmp_path / TRAIN_FILE)


def test_the_hash_is_of_the_training_examples(tmp_path: Path) -> None:
    write_examples(ExampleSet([made_example()], [], {}), tmp_path)
    before = data_hash(tmp_path)
    write_examples(ExampleSet([made_example()], [made_example("q2")], {"why": 1}), tmp_path)
    assert data_hash(tmp_path) == before
    write_examples(ExampleSet([made_example(target="x")], [], {}), tmp_path)
    assert data_hash(tmp_path) != before


def test_the_data_card_says_what_is_in_it(tmp_path: Path) -> None:
    refusal = made_example("q2", target=prompt.REFUSAL, source="refusals", reviews=("c",))
    text = made_example("r1", kind="review", messages=(), target="Some words here.", reviews=("d",))
    found = ExampleSet([made_example(), refusal], [text], {"too short": 3})
    write_examples(found, tmp_path)
    card = (tmp_path / CARD_FILE).read_text(encoding="utf-8")
    assert card == data_card(found)
    for line in (
        "| examples | 2 | 1 |",
        "| of the kind answer | 2 | 0 |",
        "| of the kind review | 0 | 1 |",
        "| from refusals | 1 | 0 |",
        "| reviews shown | 3 | 1 |",
        "| refusals | 50% | 0% |",
        "| reviews cited by an answer, mean | 2.0 | - |",
        "- 3: too short",
        "## An example of the kind answer",
    ):
        assert line in card.splitlines()
    assert card.count("~~~~") == 4 and "~ ~ ~ ~ ok" in card  # no text closes the fence
    assert "| examples | 0 | 0 |" in data_card(ExampleSet([], [], {}))


def test_several_sets_as_one() -> None:
    one = ExampleSet(
        [made_example("a"), made_example("2-a")], [made_example("a")], {"x": 1, "y": 1}
    )
    two = ExampleSet([made_example("a"), made_example("b")], [made_example("a")], {"x": 2})
    found = joined([one, two])
    names = [example.id for example in both(found)]
    assert len(found.train) == 4 and len(found.held_out) == 2 and found.left_out == {"x": 3, "y": 1}
    assert len(set(names)) == 6 and names[0] == "a" and "b" in names
    assert joined([]) == ExampleSet([], [], {})


def squad(*qas: Any, context: str = SAYS["good"].format("pool")) -> dict[str, Any]:
    return {"data": [{"paragraphs": [{"context": context, "qas": list(qas)}]}]}


def test_a_file_of_squads_shape_is_read(tmp_path: Path, five_items: ReviewIndex) -> None:
    file = tmp_path / "asked.json"
    answers = [
        {"text": "lovely", "answer_start": 0},
        {"text": "lovely"},
        {"text": "not there"},
        {"text": " "},
    ]
    file.write_text(
        json.dumps(
            squad(
                {"id": 1, "question": "How was it?", "answers": answers},
                {"id": 2, "question": "How much?", "answers": answers, "is_impossible": True},
                context="  The pool  was lovely\nand it pleased all of us.",
            )
        ),
        encoding="utf-8",
    )
    assert is_squad(file)
    first, second = read_squad(file, five_items)
    assert first.id == "1" and first.relevance == {"pool-good": 1} and first.item_id == "hotel 0"
    (span,) = first.spans
    assert SAYS["good"].format("pool")[slice(*span[1:])] == "lovely" and second.spans == ()
    assert both(maker(five_items, "answers").make(spans=[first]))[0].source == "spans"


@pytest.mark.parametrize(
    "content",
    [
        {"data": [1]},
        {"data": [{"paragraphs": [{"context": 5, "qas": []}]}]},
        squad({"id": 1}),
        squad("x"),
    ],
)
def test_what_is_not_of_squads_shape_is_said(
    tmp_path: Path, five_items: ReviewIndex, content: Any
) -> None:
    file = tmp_path / "asked.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(
        ReviewFileError, match=r"asked\.json is not a question file of SQuAD's shape"
    ):
        read_squad(file, five_items)


def test_a_squad_file_about_other_reviews(tmp_path: Path, five_items: ReviewIndex) -> None:
    file = tmp_path / "asked.json"
    file.write_text(
        json.dumps(squad({"id": 1, "question": "?"}, context="Another.")), encoding="utf-8"
    )
    with pytest.raises(ReviewFileError, match=r'None of the paragraphs .* index "hotels"'):
        read_squad(file, five_items)
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    (tmp_path / "y.json").write_text('{"data": 1}', encoding="utf-8")
    assert not any(
        is_squad(tmp_path / name) for name in ("x.json", "y.json", "gone.json", "asked.csv")
    )


def test_each_question_file_goes_with_the_index_it_is_about(
    tmp_path: Path, five_items: ReviewIndex, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rooms = [Review(f"room-{n}", f"Room {n} was small.", source="here") for n in range(4)]
    other = build_fake_index(tmp_path / "rooms", rooms)
    for name, ids in (
        ("pools", ["pool-good"]),
        ("rooms", ["room-1", "room-2"]),
        ("none", ["gone"]),
        ("free", []),
    ):
        row = {"id": name, "question": "How?", "review_ids": ids}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    files = [tmp_path / f"{name}.jsonl" for name in ("rooms", "pools", "free")]
    by_index = questions_of([five_items, other], files)
    assert [one.id for one in by_index[five_items.name]] == ["pools", "free"]
    assert [one.id for one in by_index[other.name]] == ["rooms"]
    with pytest.raises(
        ReviewFileError, match=r"none\.jsonl is about a review of the index hotels, rooms"
    ):
        questions_of([five_items, other], [tmp_path / "none.jsonl"])
