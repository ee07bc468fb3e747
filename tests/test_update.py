"""Changing an index: only what is new is embedded, and the result is that of a clean build."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.embedding import Vectors
from rag.index import (
    BuildOptions,
    Change,
    Changed,
    Mode,
    ReviewIndex,
    build_index,
    change_index,
    verify_index,
)
from rag.index.embedding_cache import WORK_FOLDER
from rag.progress import Progress, no_progress
from rag.reader.stance import CRITICISING, PRAISING
from rag.retrieval import Limits, retrieve
from rag.schema import IndexFileError, Review
from tests.fakes import CHUNK_TOKENS, COPIED, REVIEWS, FakeEmbedder, build_fake_index, review
from tests.faults import INDEX_ARRAYS, difference_of_words

SENTENCES = re.compile(r"([^.!]+)([.!])\s?")
MADE_WITH: dict[str, Any] = {"chunking": "sentences", "chunk_tokens": CHUNK_TOKENS}


class Counting(FakeEmbedder):
    """Keeps the sentences of reviews that it was asked for; praise and complaint for the stance
    model aside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def embed_documents(self, texts: Sequence[str], *, progress: Progress = no_progress) -> Vectors:
        self.seen += texts
        return super().embed_documents(texts, progress=progress)


def change(
    folder: Path,
    reviews: Sequence[Review],
    embedder: FakeEmbedder | None = None,
    *,
    mode: Mode = "update",
    delete: Collection[str] = (),
    progress: Progress = no_progress,
    **options: Any,
) -> Changed:
    return change_index(
        reviews,
        embedder or FakeEmbedder(),
        folder,
        Change(mode=mode, delete=delete),
        BuildOptions(**{**MADE_WITH, **options}),
        progress,
    )


def assert_same(one: ReviewIndex, other: ReviewIndex) -> None:
    """Same rows in every table, and the same scores."""
    assert one.reviews_table.equals(other.reviews_table)
    for name in (*INDEX_ARRAYS, "review_group"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_array_equal(one.signatures, other.signatures)
    np.testing.assert_allclose(one.all_vectors, other.all_vectors, atol=1e-5)
    query = FakeEmbedder().embed_queries(["the water was warm and the desk was rude"])
    np.testing.assert_allclose(one.search(query, 50)[0], other.search(query, 50)[0], atol=1e-5)
    np.testing.assert_allclose(one.stance.weights, other.stance.weights, atol=1e-5)
    assert difference_of_words(one, other) == ""


def test_only_new_and_changed_sentences_are_embedded(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    before = build_fake_index(folder)
    embedder = Counting()
    longer = replace(REVIEWS[0], text=REVIEWS[0].text + " The barman sang.")
    made = change(
        folder, [longer, REVIEWS[1], review("new", "A brand new bed. It creaks.", 4)], embedder
    )
    assert (made.new, made.changed, made.unchanged, made.removed) == (1, 1, 1, 0)
    ours = [
        text
        for text in embedder.seen
        if text in ("The barman sang.", "A brand new bed.", "It creaks.")
    ]
    assert (
        sorted(ours) == sorted(["The barman sang.", "A brand new bed.", "It creaks."])
        and made.embedded == 3
    )
    assert not any("loud until three" in text for text in embedder.seen)
    assert made.carried == before.manifest.sentences
    assert made.index.manifest.reviews == len(REVIEWS) + 1 and verify_index(folder) == []


def test_a_text_that_is_there_often_is_embedded_once(tmp_path: Path) -> None:
    embedder = Counting()
    often = [
        review(str(number), "Always the same. " + "Again." * (number % 2)) for number in range(20)
    ]
    made = change(tmp_path / "same", often, embedder, mode="new")
    assert (made.new, made.embedded, made.index.manifest.sentences) == (20, 2, 30)
    assert embedder.seen.count("Always the same.") == embedder.seen.count("Again.") == 1


def test_a_review_rated_anew_is_changed_and_nothing_is_embedded(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    made = change(tmp_path / "hotel", [replace(REVIEWS[0], rating=5.0)])
    assert (made.changed, made.embedded, made.carried) == (1, 0, made.index.manifest.sentences)
    assert {one.review_id: one.rating for one in made.index.reviews()}[REVIEWS[0].review_id] == 5.0
    assert (
        change(tmp_path / "hotel", [replace(REVIEWS[0], rating=5)]).changed == 0
    )  # 5 and 5.0 are one rating


@pytest.mark.parametrize("text", [REVIEWS[0].text, "Another text."], ids=["unchanged", "changed"])
def test_an_id_to_delete_goes_also_where_it_comes_in(tmp_path: Path, text: str) -> None:
    build_fake_index(tmp_path / "hotel")
    incoming = [replace(REVIEWS[0], text=text), REVIEWS[1]]
    made = change(tmp_path / "hotel", incoming, delete=[REVIEWS[0].review_id])
    assert (made.new, made.changed, made.unchanged, made.removed) == (0, 0, 1, 1)
    assert [one.review_id for one in made.index.reviews()] == [one.review_id for one in REVIEWS[1:]]


def test_what_changes_nothing_makes_no_generation(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    before = build_fake_index(folder)
    made = change(folder, [replace(one, line=99, source="elsewhere.csv") for one in REVIEWS])
    assert made.unchanged == len(REVIEWS) and made.index.generation == before.generation


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_run_of_changes_ends_where_a_clean_build_does(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    folder = tmp_path_factory.mktemp("changes") / "index"
    texts = st.sampled_from(
        [
            "Warm water.",
            "Warm water. Cold soup.",
            "The desk was rude!",
            "Nice view of the sea. Come back soon.",
            "Bad.",
        ]
    )
    some = st.dictionaries(
        st.sampled_from("abcdef"), st.tuples(texts, st.none() | st.integers(1, 10)), min_size=1
    )

    def reviews(values: dict[str, tuple[str, int | None]]) -> list[Review]:
        return [review(name, text, rating) for name, (text, rating) in values.items()]

    def change_and_count(incoming: dict[str, Any], after: dict[str, Any], **more: Any) -> None:
        """The counts are those that a comparison by hand gives, and no more is embedded than what
        comes new.
        """
        embedder = Counting()
        made = change(folder, reviews(incoming), embedder, **more)
        new = [name for name in incoming if name not in state]
        changed = [name for name in incoming if name in state and state[name] != incoming[name]]
        assert (made.new, made.changed) == (len(new), len(changed))
        assert (made.unchanged, made.removed) == (
            len(incoming) - len(new) - len(changed),
            len(state.keys() - after),
        )
        came = {
            sentence + mark
            for name in (*new, *changed)
            for sentence, mark in SENTENCES.findall(incoming[name][0])
        }
        ours = [
            text
            for text in embedder.seen
            if SENTENCES.fullmatch(text) and text not in (*PRAISING, *CRITICISING)
        ]
        assert made.embedded == len(ours) == len(set(ours)) and came >= set(ours)

    state = data.draw(some)
    build_fake_index(folder, reviews(state))
    for _ in range(data.draw(st.integers(1, 3))):
        incoming, mode = (
            data.draw(some),
            data.draw(st.sampled_from(["update", "replace", "delete"])),
        )
        if mode == "delete":
            gone = data.draw(st.sampled_from(sorted(state)))
            if len(state) == 1:
                with pytest.raises(IndexFileError, match="no reviews"):
                    change(folder, [], delete={gone})
                continue
            after = {name: value for name, value in state.items() if name != gone}
            change_and_count({}, after, delete={gone})
        else:
            after = incoming if mode == "replace" else {**state, **incoming}
            change_and_count(incoming, after, mode=mode)
        state = after
    live = ReviewIndex.open(folder)
    found = list(live.reviews())
    assert {one.review_id: (one.text, one.rating) for one in found} == state
    assert verify_index(folder) == []
    assert_same(live, build_index(found, FakeEmbedder(), folder.parent / "clean", **MADE_WITH))


def test_an_addition_equals_a_build_from_all(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "step", REVIEWS[:5])
    assert_same(change(tmp_path / "step", REVIEWS[5:]).index, build_fake_index(tmp_path / "all"))


def test_an_unknown_id_to_delete_is_named(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    with pytest.raises(IndexFileError, match="no review with the id 'spa' to delete"):
        change(tmp_path / "hotel", [], delete={"spa", "pool"})


def test_an_update_with_other_settings_is_refused(tmp_path: Path) -> None:
    build_fake_index(tmp_path / "hotel")
    with pytest.raises(IndexFileError, match="other settings"):
        change(tmp_path / "hotel", REVIEWS, chunk_tokens=CHUNK_TOKENS + 1)
    with pytest.raises(IndexFileError, match="built with the embedder"):
        change(tmp_path / "hotel", REVIEWS, FakeEmbedder("other"))


def test_an_interrupted_build_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.generation.EMBED_AT_ONCE", 4)
    folder = tmp_path / "hotel"

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "embedding" and done > 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change(folder, REVIEWS, mode="new", progress=interrupt)
    assert (folder / WORK_FOLDER).is_dir()
    stages: list[str] = []
    embedder = Counting()
    made = change(
        folder, REVIEWS, embedder, mode="new", progress=lambda stage, *_: stages.append(stage)
    )
    assert (made.resumed, made.embedded) == (8, 9) and "resuming" in stages
    assert made.index.manifest.sentences == 17 and not (folder / WORK_FOLDER).exists()
    assert_same(made.index, build_fake_index(tmp_path / "clean"))


def test_vectors_of_another_embedder_are_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index.generation.EMBED_AT_ONCE", 4)

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "embedding" and done > 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change(tmp_path / "hotel", REVIEWS, FakeEmbedder("other"), mode="new", progress=interrupt)
    assert change(tmp_path / "hotel", REVIEWS, mode="new").resumed == 0


def test_copies_speak_once(tmp_path: Path) -> None:
    index = build_fake_index(
        tmp_path / "kitchen", [*COPIED, review("far", "Nothing to do with soup or kitchens.", 5)]
    )
    made = index.manifest
    assert (made.reviews, made.voices, made.exact_duplicates, made.near_duplicates) == (5, 3, 2, 0)
    assert list(index.review_group) == [0, 0, 0, 3, 4] and list(index.copies_of(1)) == [0, 1, 2]
    found = retrieve(index, FakeEmbedder(), "when does the kitchen close", Limits(5, 1, 0.95))
    copies = {"first", "copy", "copy-again"}
    (shown,) = (one for one in found if one.review.review_id in copies)
    assert set(shown.also_in) == copies - {shown.review.review_id}
    # and when a copy comes later
    made_later = change(tmp_path / "kitchen", [review("late", COPIED[3].text, 1)])
    assert made_later.index.manifest.voices == 3 and list(made_later.index.review_group) == [
        0,
        0,
        0,
        3,
        4,
        3,
    ]


SHARED = (
    "the room was small but very clean and the bed was soft and the shower was hot "
    "every single morning we were there"
)
NEAR = (
    review("one", f"Honestly {SHARED}. Breakfast was cold.", 7),
    review("two", f"Frankly {SHARED}. Breakfast was cold.", 8),
    review("else", "The garden has a fountain and forty kinds of roses in it, all of them red.", 9),
)
"""Two reviews that differ in a word of many, and one that has nothing to do with them."""


def test_near_copies_are_one_voice_and_their_leader_may_go(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    index = build_fake_index(folder, NEAR)
    assert (
        index.manifest.voices,
        index.manifest.exact_duplicates,
        index.manifest.near_duplicates,
    ) == (2, 0, 1)
    assert list(index.review_group) == [0, 0, 2]
    more = change(folder, [replace(NEAR[0], review_id="three"), review("four", "Short.")]).index
    assert list(more.review_group) == [0, 0, 2, 0, 4]
    assert (more.manifest.exact_duplicates, more.manifest.near_duplicates) == (1, 1)
    led = change(folder, [], delete={"one"}).index
    assert [one.review_id for one in led.reviews()] == ["two", "else", "three", "four"]
    assert list(led.review_group) == [0, 1, 0, 3] and led.manifest.voices == 3
    gone = change(folder, [], delete={"two", "three"}).index
    assert list(gone.review_group) == [0, 1] and gone.manifest.near_duplicates == 0


def test_the_next_generation_sorts_last_also_when_the_clock_was_set_back(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    now = build_fake_index(folder).generation
    ahead = now.rename(folder / "29991231T235959-0000abcd")
    (folder / "CURRENT").write_text(ahead.name)
    made = change(folder, [review("new", "Later.")])
    assert (
        made.index.generation.name > ahead.name
        and ReviewIndex.open(folder).generation == made.index.generation
    )


def test_a_type_of_vectors_can_be_asked_for_at_any_change(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    assert build_fake_index(folder).manifest.vector_index == {"type": "flat", "recall_at_10": 1.0}
    made = change(folder, [review("new", "Later.")], vector_index="ivf_sq8")
    assert made.index.manifest.vector_index["lists_learnt"] == "now" and verify_index(folder) == []
    assert change(folder, [], delete={"new"}).index.manifest.vector_index["type"] == "flat"


def test_reviews_without_sentences_are_kept_and_do_no_harm(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    build_fake_index(folder)
    made = change(folder, [Review("blank", "  ")])
    assert (
        made.index.manifest.reviews == len(REVIEWS) + 1
        and made.embedded == 0
        and verify_index(folder) == []
    )
    with pytest.raises(IndexFileError, match="no text"):
        change(folder, [], delete={one.review_id for one in REVIEWS})
    assert ReviewIndex.open(folder).generation == made.index.generation


def test_a_second_writer_is_told_and_disturbs_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    build_fake_index(folder)
    seen: list[str] = []

    def meddle(stage: str, done: int, total: int) -> None:
        if stage == "embedding" and not seen:
            with pytest.raises(IndexFileError, match="Another process is writing") as error:
                change(folder, [review("mine", "Mine.")])
            seen.append(str(error.value))
            assert ReviewIndex.open(folder).manifest.reviews == len(REVIEWS)  # readers do not wait

    made = change(folder, [review("new", "A brand new bed.")], progress=meddle)
    assert seen and made.new == 1 and verify_index(folder) == []
    assert change(folder, [review("mine", "Mine.")]).new == 1


def test_readers_find_a_whole_index_whenever_they_open_it(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    build_fake_index(folder)
    seen: set[int] = set()
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                index = ReviewIndex.open(folder)
                seen.add(index.manifest.reviews)
                assert index.review(index.manifest.reviews - 1).text
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for count in range(1, 9):
        change(folder, REVIEWS[:count], mode="new", keep_generations=0)
    done.set()
    for reader in readers:
        reader.join()
    assert not failures and seen, failures


def test_generations_kept_can_be_set(tmp_path: Path) -> None:
    folder = tmp_path / "hotel"
    for count in range(1, 5):
        change(folder, REVIEWS[:count], mode="new", keep_generations=0)
    assert len([path for path in folder.iterdir() if path.name[0].isdigit()]) == 1
