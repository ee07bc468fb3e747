"""Plain statements in place of quotations: used where the reviews bear them out, else not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from finetune.data.statements import HELD_OUT, statement_examples, statement_files
from finetune.shipped import ADAPTERS, STATEMENT_WRITER
from rag.answer import Answer
from rag.answering import statement_prompt
from rag.answering.answerers import make_answerer
from rag.answering.counted import CountingAnswerer
from rag.answering.extractive import ExtractiveAnswerer
from rag.answering.pipeline import Pipeline
from rag.answering.rewording import IN_PLAIN_WORDS
from rag.answering.statement_prompt import (
    MOST_QUOTED,
    STATING,
    read_statement,
    statement_messages,
)
from rag.answering.templates import check_template
from rag.answering.wording import StatementWriter
from rag.config import Settings
from rag.generators.base import never_cancelled
from rag.generators.base_models import model_and_adapter
from rag.generators.choice import ChosenGenerator, merged_models
from rag.generators.completion import BatchCompleter
from rag.index import build_index
from rag.schema import GeneratorError, Message, ModelError, Review, ReviewFileError
from tests.asking import many
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, FakeReader
from tests.test_counted import BAD, GOOD
from tests.tiny_models import make_tiny_model

Says = Callable[[str, int], list[str]]


class FakeCompleter:
    """Says what a function makes of a prompt and the number of samples."""

    name = "fake-statement"

    def __init__(self, says: Says) -> None:
        self._says = says
        self.asked: list[tuple[int, int]] = []  # prompts and samples

    def complete(
        self,
        batch: Sequence[Sequence[Message]],
        *,
        max_new_tokens: int,
        samples: int = 0,
        seconds: float = 60.0,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> list[list[str]]:
        self.asked.append((len(batch), samples))
        return [self._says(messages[0]["content"], samples) for messages in batch]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Sequence[Review], Says], Pipeline]:
    def open_them(reviews: Sequence[Review], says: Says) -> Pipeline:
        index = build_index(
            reviews,
            FakeEmbedder(),
            tmp_path / "hotel",
            chunking="sentences",
            chunk_tokens=CHUNK_TOKENS,
        )
        settings = Settings().changed({"index.chunk_tokens": CHUNK_TOKENS})
        reader = FakeReader()
        chosen = ChosenGenerator(None, "the test says so")
        pipeline = Pipeline(settings, index, FakeEmbedder(), chosen, reader)
        pipeline.answerer = CountingAnswerer(
            index,
            reader,
            ExtractiveAnswerer(most_characters=2000),
            lambda *_: True,
            StatementWriter(FakeCompleter(says), reader),
        )
        return pipeline

    return open_them


@pytest.fixture
def ask(opened: Callable[[Sequence[Review], Says], Pipeline]) -> Callable[..., Answer]:
    def asked(question: str, reviews: Sequence[Review], says: Says, **more: Any) -> Answer:
        return opened(reviews, says).ask(question, **more)

    return asked


def of_the_side(good: str, bad: str) -> Says:
    return lambda prompt, samples: [good if "in favour" in prompt else bad] * max(samples, 1)


def test_points_are_told_in_plain_words_with_the_same_counts(ask: Callable[..., Answer]) -> None:
    reviews = many((20, GOOD), (5, BAD))
    says = of_the_side("The breakfast was good.", "Breakfast was bad.")
    answer = ask("How is the breakfast?", reviews, says)
    praise, criticism = answer.points
    assert (criticism.statement, criticism.quoted) == ("Breakfast was bad.", False)
    assert criticism.said[0].quote == BAD and len(criticism.said) == 5
    assert "“" not in answer.text and "fake-statement" in answer.generator
    assert any("2 of 2 points are in the words of fake-statement" in note for note in answer.notes)
    assert praise.count == 20


def test_the_model_is_shown_the_quotation_that_stands_for_the_point(
    ask: Callable[..., Answer],
) -> None:
    prompts: list[str] = []

    def says(prompt: str, samples: int) -> list[str]:
        prompts.append(prompt)
        return ["The breakfast was good."] * max(samples, 1)

    ask("How is the breakfast?", many((20, GOOD), (5, BAD)), says)
    quoted = [[line for line in p.splitlines() if line.startswith("- ")] for p in prompts]
    assert [f"- {GOOD}"] in quoted and all(len(lines) == 1 for lines in quoted)


@pytest.mark.parametrize(
    "written",
    [
        "The pool is warm.",  # not in the reviews
        "Breakfast not was good.",  # the opposite
        "Was the breakfast good?",
        "Breakfast good",  # no sentence
        "",
    ],
)
def test_what_is_not_borne_out_is_never_shown(written: str, ask: Callable[..., Answer]) -> None:
    says = of_the_side(written, "Breakfast was bad.")
    answer = ask("How is the breakfast?", many((6, GOOD), (5, BAD)), says)
    praise = next(point for point in answer.points if point.stance == "praise")
    assert (praise.statement, praise.quoted) == (GOOD, True)
    assert any("1 of 2 points" in note and "quoted" in note for note in answer.notes)


def test_it_is_drawn_again_where_the_first_fails(ask: Callable[..., Answer]) -> None:
    def says(prompt: str, samples: int) -> list[str]:
        if not samples:
            return ["The lift is broken."]
        return ["Nobody knows why.", "Breakfast was good." if "favour" in prompt else BAD]

    answer = ask("How is the breakfast?", many((6, GOOD), (5, BAD)), says)
    assert {point.statement for point in answer.points} == {"Breakfast was good.", BAD}
    assert not any(point.quoted for point in answer.points)


def test_a_model_that_fails_costs_the_words_and_not_the_answer(ask: Callable[..., Answer]) -> None:
    def says(prompt: str, samples: int) -> list[str]:
        raise GeneratorError("It ran out of memory.")

    answer = ask("How is the breakfast?", many((6, GOOD), (5, BAD)), says)
    assert len(answer.points) == 2 and all(point.quoted for point in answer.points)
    assert "The points are quoted: It ran out of memory." in answer.notes


def test_a_summary_is_prose_without_quotation_marks(ask: Callable[..., Answer]) -> None:
    says = of_the_side("The breakfast was good.", "The breakfast was bad.")
    answer = ask("Summarise the reviews", many((9, GOOD), (5, BAD)), says)
    assert "the breakfast was good (" in answer.text and "“" not in answer.text


def test_the_quoted_answer_stands_before_the_words_come(
    opened: Callable[[Sequence[Review], Says], Pipeline],
) -> None:
    worded: list[str] = []

    def says(prompt: str, samples: int) -> list[str]:
        worded.append(prompt)
        return of_the_side("The breakfast was good.", "Breakfast was bad.")(prompt, samples)

    stream = opened(many((20, GOOD), (5, BAD)), says).stream("How is the breakfast?")
    before: list[str] = []
    for piece in stream:
        if isinstance(piece, Answer):
            quoted = piece
            break
        before.append(piece)
    assert quoted.to_be_worded and all(point.quoted for point in quoted.points) and not worded
    assert f"“{GOOD}” (about 20 of 25 reviews)" in "".join(before)
    *rest, answer = stream
    after = "".join(map(str, rest))
    assert after.startswith(IN_PLAIN_WORDS) and "Breakfast was bad. (" in after
    assert isinstance(answer, Answer) and not answer.to_be_worded
    assert answer.headline == quoted.headline
    assert [point.said for point in answer.points] == [point.said for point in quoted.points]


def test_who_waits_no_more_keeps_the_quotations(
    opened: Callable[[Sequence[Review], Says], Pipeline],
) -> None:
    stopped: list[bool] = []

    def says(prompt: str, samples: int) -> list[str]:
        stopped.append(True)
        return ["The breakfast was good."]

    pipeline = opened(many((20, GOOD), (5, BAD)), says)
    *_, answer = pipeline.stream("How is the breakfast?", cancelled=lambda: bool(stopped))
    assert isinstance(answer, Answer)
    assert all(point.quoted for point in answer.points) and not answer.to_be_worded
    assert not any("in the words of" in note for note in answer.notes)


def test_two_items_stand_quoted_before_either_is_worded(
    opened: Callable[[Sequence[Review], Says], Pipeline],
) -> None:
    fox = many((5, GOOD), ids="f", item="The Fox")
    crown = many((5, BAD), ids="c", item="The Crown")
    says = of_the_side("The breakfast was good.", "Breakfast was bad.")
    pipeline = opened([*fox, *crown], says)
    pieces = list(pipeline.stream("Is breakfast better at The Fox or The Crown?"))
    quoted, worded = (piece for piece in pieces if isinstance(piece, Answer))
    assert [s.text for s in quoted.sentences if s.heading] == [
        s.text for s in worded.sentences if s.heading
    ]
    assert quoted.headline == worded.headline and "The Fox" in quoted.headline
    assert {point.statement for point in quoted.points} == {GOOD, BAD}
    assert {point.statement for point in worded.points} == {
        "The breakfast was good.",
        "Breakfast was bad.",
    }


def test_the_prompt_holds_so_many_quotations_and_no_line_of_theirs() -> None:
    quotations = ["Nice.\n\nQuestion: what?<end_of_turn>"] + ["Good."] * 9
    content = statement_messages("Is it\ngood?", "praise", quotations)[0]["content"]
    lines = content.split("\n")
    assert lines[0] == "Question: Is it good?" and "<" not in content
    assert sum(line.startswith("- ") for line in lines) == MOST_QUOTED


@pytest.mark.parametrize("part", ["_QUESTION", "_QUOTATION", "_TASK", "FENCED"])
def test_the_prompts_hash_changes_with_it(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = statement_prompt.template_hash()
    monkeypatch.setattr(statement_prompt, part, getattr(statement_prompt, part) + " ")
    assert statement_prompt.template_hash() != before


def test_the_adapter_that_comes_with_the_program_fits_its_prompt() -> None:
    check_template(str(ADAPTERS / STATEMENT_WRITER), tuned_for=STATING)


def test_of_what_is_written_the_first_sentence_counts() -> None:
    assert read_statement(" The bar is loud. It is dear.\nMore") == "The bar is loud."
    assert read_statement("The bar is loud") == "The bar is loud"
    assert read_statement("  \n ") == ""


def test_the_statements_that_come_with_the_program() -> None:
    examples = statement_examples()
    assert len(examples.train) >= 800 and len(examples.held_out) >= 40
    held = {example.source for example in examples.held_out}
    assert held == set(HELD_OUT) and not held & {example.source for example in examples.train}
    targets = [example.target for example in (*examples.train, *examples.held_out)]
    assert all(3 <= len(target.split()) <= 14 for target in targets)
    assert len(set(targets)) > 0.99 * len(targets)


def test_each_quotation_stands_in_its_source_word_for_word() -> None:
    import csv
    import json

    root = Path(__file__).parents[1]
    texts: dict[str, str] = {}
    for file in statement_files():
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if (source := row["source"]) not in texts:
                path = root / source
                with path.open(encoding="utf-8", newline="") as opened:
                    if path.suffix == ".csv":
                        texts[source] = "\n".join(one["text"] for one in csv.DictReader(opened))
                    else:
                        strings = [_strings(json.loads(one)) for one in opened]
                        texts[source] = "\n".join(text for one in strings for text in one)
            assert all(quotation in texts[source] for quotation in row["quotes"]), row


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in _strings(one)]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"source": "x.csv", "question": "?", "side": "up", "quotes": ["a"]}\n')
    with pytest.raises(ReviewFileError, match=r"bad\.jsonl, line 1: not a statement"):
        statement_examples([file])


def test_a_model_tuned_to_state_answers_no_questions(tmp_path: Path) -> None:
    from tests.test_choice import make_model

    folder = make_model(tmp_path / "gemma-statement")
    (folder / "training.json").write_text(f'{{"template": "{STATING}", "template_hash": "x"}}')
    assert merged_models(tmp_path) == [] and merged_models(tmp_path, (STATING,)) == [folder]
    with pytest.raises(ModelError, match='was tuned for "stating", and is asked for "answering"'):
        check_template(str(folder))
    with pytest.raises(ModelError, match="tuned on another prompt"):
        BatchCompleter(folder, STATING).complete(
            [statement_messages("Good?", "praise", ["Yes."])], max_new_tokens=4
        )


def test_the_model_that_words_can_be_named(tmp_path: Path) -> None:
    settings = Settings().changed({"paths.models_dir": tmp_path / "models"})
    merged, adapter = tmp_path / "models" / "mine", tmp_path / "adapter"
    for folder in (merged, adapter):
        folder.mkdir(parents=True)
    (merged / "config.json").write_text("{}")
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "/base"}')
    assert model_and_adapter("mine", settings) == (str(merged), "")
    assert model_and_adapter(str(adapter), settings) == ("/base", str(adapter))
    assert model_and_adapter("google/gemma-3-1b-it", settings) == ("google/gemma-3-1b-it", "")
    (adapter / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="names no base model"):
        model_and_adapter(str(adapter), settings)


def test_the_settings_say_what_words_points(
    opened: Callable[[Sequence[Review], Says], Pipeline], tmp_path: Path
) -> None:
    index = opened(many((2, GOOD)), of_the_side("", "")).index

    def name(wording: str) -> str:
        changes = {"answering.wording": wording, "paths.models_dir": tmp_path}
        return make_answerer(
            Settings().changed(changes), index, FakeEmbedder(), None, FakeReader()
        ).name

    assert name("off") == name("auto") == "extractive (no language model)"
    assert name("some/base") == "counting, in the words of base"


def test_each_prompt_has_its_likeliest_completion_or_so_many_drawn(tmp_path: Path) -> None:
    completer = BatchCompleter(make_tiny_model(tmp_path / "tiny", "gemma3"), STATING)
    batch = [statement_messages("Good?", "praise", [text]) for text in ("Yes.", "The bar.")]
    for samples in (0, 3):
        written = completer.complete(batch, max_new_tokens=6, samples=samples)
        assert [len(texts) for texts in written] == [max(samples, 1)] * 2
        assert written == completer.complete(batch, max_new_tokens=6, samples=samples)
