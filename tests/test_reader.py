"""The reader that is shipped, readers of others', and what happens without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.config import Settings
from rag.reader import STANCES, load, make_reader
from rag.reader.bundled import WEIGHTS, BundledReader, windows_of
from rag.reader.heads import HEADS, MOST_TOKENS
from rag.reader.nli import NliReader, label_places
from rag.reader.phrases import in_plain_words
from rag.reader.verdict import verdicts
from rag.runtimes.bundled import bundled_embedder_folder
from rag.runtimes.tokenizer import Tokenizer
from rag.schema import ModelError
from tests.fakes import FakeReader
from tests.tiny_models import save_tiny_cross_encoder


@pytest.fixture(scope="module")
def reader() -> BundledReader:
    return BundledReader()


# --- support


@pytest.mark.parametrize(
    ("evidence", "borne_out", "not_borne_out"),
    [
        (
            "The acting is wooden and the plot makes no sense.",
            "Viewers find the acting poor.",
            "The acting is praised as outstanding.",
        ),
        (
            "The breakfast was cold and there was hardly any choice.",
            "Guests complain about the breakfast.",
            "The breakfast was hot and plentiful.",
        ),
        ("The staff were rude.", "The staff are unfriendly.", "The staff are friendly."),
    ],
)
def test_what_bears_a_claim_out_and_what_does_not(
    reader: BundledReader, evidence: str, borne_out: str, not_borne_out: str
) -> None:
    first, second = reader.support([([evidence], borne_out), ([evidence], not_borne_out)])
    assert first.entailed > 0.5 > second.entailed


def test_probabilities_add_up_to_one_in_the_order_given(reader: BundledReader) -> None:
    pairs = [(["It is quiet."], "It is quiet."), (["It is loud."], "It is quiet. " * 9)]
    judged = reader.support(pairs * 20)
    for support in judged:
        assert support.entailed + support.contradicted + support.not_stated == pytest.approx(
            1, abs=0.02
        )
    np.testing.assert_allclose(judged[0].entailed, judged[38].entailed, atol=0.02)


def test_a_number_or_name_that_stands_nowhere_is_told(reader: BundledReader) -> None:
    (verdict,) = verdicts(
        reader, [(["We waited an hour for Maria."], "They waited six hours for Elena.")]
    )
    assert verdict.missing == ("six", "Elena")
    assert not (verdict.borne_out or verdict.unsure)


# --- stance and answers


def test_stances(reader: BundledReader) -> None:
    said = {
        "The staff were kind and went out of their way to help.": "praise",
        "The bathroom was filthy and nobody cared.": "criticism",
        "It is boring, badly acted and far too long.": "criticism",
        "I love the sound of it.": "praise",
    }
    rows = reader.stance([("", sentence) for sentence in said])
    assert rows.shape == (len(said), len(STANCES))
    assert [STANCES[place] for place in rows.argmax(axis=1)] == list(said.values())


@pytest.mark.parametrize(
    ("sentence", "stance"),
    [
        ("The host went out of her way to make us welcome.", "praise"),
        ("The crew went above and beyond.", "praise"),
        ("You couldn't have asked for more from that kitchen.", "praise"),
        ("Nothing was too much trouble for the man at the desk.", "praise"),
        ("We cannot fault the cleaning.", "praise"),
        ("The second half left a lot to be desired.", "criticism"),
        ("The finale fell flat.", "criticism"),
        ("We won't be back.", "criticism"),
        ("It isn't worth the money.", "criticism"),
        ("Would def go back.", "praise"),
        ("We would never go back there.", "criticism"),
        ("I wish we could have stayed longer.", "praise"),
        ("The photos don't do it justice.", "praise"),
        ("This game used to be great.", "criticism"),
        ("2/10", "criticism"),
        ("One star.", "criticism"),
        ("Don't waste your time.", "criticism"),
        ("The place was squeaky clean.", "praise"),
    ],
)
def test_set_phrases_are_read_as_they_are_meant(
    sentence: str, stance: str, reader: BundledReader
) -> None:
    assert STANCES[int(reader.stance([("", sentence)])[0].argmax())] == stance


def test_what_only_looks_like_a_set_phrase_is_left() -> None:
    for sentence in ("The way out was blocked.", "The flat was small.", "They had one complaint."):
        assert in_plain_words(sentence) == sentence


def test_the_stance_on_an_aspect(reader: BundledReader) -> None:
    sentence = "The food was wonderful, but the waiter was rude."
    food, waiter = reader.stance([("food", sentence), ("waiter", sentence)])
    assert food[0] > waiter[0] and waiter[1] > food[1]


def test_what_answers(reader: BundledReader) -> None:
    yes, no = reader.answers(
        "Is it quiet at night?", ["The trams kept us awake until two.", "The breakfast was fine."]
    )
    assert yes > no


def test_nothing_is_read_of_nothing(reader: BundledReader) -> None:
    assert reader.support([]) == []
    assert reader.stance([]).shape == (0, 4)
    assert reader.answers("Is it quiet?", []).shape == (0,)


@pytest.mark.parametrize(
    "text", ["", " ", "\ud800", "x" * 5000, "방이 깨끗하고 조용했어요.", "😍" * 300]
)
def test_any_text_is_read(reader: BundledReader, text: str) -> None:
    (support,) = reader.support([([text], text)])
    assert 0 <= support.entailed <= 1
    assert np.isfinite(reader.stance([(text, text)])).all()
    assert np.isfinite(reader.answers(text, [text])).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["hotel", "noise", "a", "very", "loud!", "x1"]), max_size=300))
def test_windows_cover_the_text(words: list[str]) -> None:
    tokenizer = Tokenizer(bundled_embedder_folder(), MOST_TOKENS)
    text = " ".join(words)
    windows = windows_of(tokenizer, text, "Is it loud?")
    assert text.startswith(windows[0]) and text.endswith(windows[-1])
    for window in windows:
        assert sum(tokenizer.count([window, "Is it loud?"])) + 3 <= MOST_TOKENS
    if len(windows) > 1:
        assert sum(map(len, windows)) > len(text)  # they overlap


def test_loading_writes_nothing_on_the_terminal() -> None:
    code = "from rag.reader import load; load().answers('Is it loud?', ['It is loud.'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# --- weights that cannot be read


def test_damaged_weights_are_a_clear_error(tmp_path: Path) -> None:
    damaged = tmp_path / "reader.safetensors"
    damaged.write_bytes(WEIGHTS.read_bytes()[:1000])
    for path in (damaged, tmp_path / "none.safetensors"):
        with pytest.raises(ModelError, match="Install the project again"):
            BundledReader(path).support([(["It is quiet."], "It is quiet.")])


def test_answers_do_without_a_reader_that_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load.cache_clear()
    monkeypatch.setattr(
        "rag.reader.bundled.BundledReader.__init__.__defaults__", (tmp_path / "no", None)
    )
    assert make_reader(Settings()) is None
    load.cache_clear()


def test_none_is_none() -> None:
    assert make_reader(Settings().changed({"reader.model": "none"})) is None


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size <= 6_000_000


# --- another's model


@pytest.mark.parametrize(
    ("names", "places"),
    [
        (("contradiction", "entailment", "neutral"), [1, 0, 2]),
        (("ENTAILMENT", "NEUTRAL", "CONTRADICTION"), [0, 2, 1]),
        (("SUPPORTS", "REFUTES", "NOT ENOUGH INFO"), [0, 1, 2]),
        (("LABEL_0", "LABEL_1"), [2, 0]),
        (("hallucinated", "consistent"), [2, 0]),
        (("not_entailment", "entailment"), [2, 0]),
    ],
)
def test_labels_are_read_from_the_config(names: tuple[str, ...], places: list[int]) -> None:
    assert list(label_places(dict(enumerate(names))).values()) == places


def test_labels_without_entailment_are_refused() -> None:
    with pytest.raises(ValueError, match="do not say which is entailment"):
        label_places({0: "sad", 1: "glad"})


def test_a_cross_encoder_judges_support(tmp_path: Path) -> None:
    folder = save_tiny_cross_encoder(tmp_path / "cross")
    reader = make_reader(Settings().changed({"reader.model": str(folder)}))
    assert isinstance(reader, NliReader)
    (support,) = reader.support([(["the pool was warm"], "the pool was warm in 1999")])
    assert support.entailed + support.not_stated == pytest.approx(1, abs=1e-5)
    assert support.missing == ("1999",)
    assert reader.stance([("", "I love it.")]).shape == (1, 4)


def test_a_folder_that_is_no_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"reader\.model"):
        make_reader(Settings().changed({"reader.model": str(tmp_path)}))


# --- verdicts


@pytest.mark.parametrize(
    ("claim", "borne_out", "opposite", "missing"),
    [
        ("the pool was good", True, False, ()),
        ("the pool was not good", False, True, ()),
        ("the pool was deep", False, False, ()),
        ("the pool was good in 1999", False, False, ("1999",)),
    ],
)
def test_verdicts(claim: str, borne_out: bool, opposite: bool, missing: tuple[str, ...]) -> None:
    (verdict,) = verdicts(FakeReader(), [(["the pool was good in june"], claim)])
    assert (verdict.borne_out, verdict.opposite) == (borne_out, opposite)
    assert verdict.missing == missing and not verdict.unsure


def test_every_head_has_its_labels() -> None:
    assert set(HEADS) == {"support", "answers", "stance"} and HEADS["stance"] == STANCES
