"""The retrieval harness: metrics known by hand, within items, spans, comparisons, files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rag.config import Settings
from rag.evaluation.metrics import retrieval_metrics
from rag.evaluation.metrics.spans import SPANS
from rag.evaluation.question_sets import RetrievalQuestion
from rag.evaluation.retrieval import RetrievalReport, compare, evaluate_retrieval, merged
from rag.evaluation.retrieval_report import json_report, markdown_report, plot_report
from rag.index import ReviewIndex
from rag.retrieval import Retriever
from rag.schema import Review, SettingsError
from tests.fakes import FakeEmbedder, build_fake_index, review

PLAIN = Settings().changed({"retrieval.near_duplicate": 1.0})
ANIMALS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibis", "jay", "kid", "lynx")


def question(
    name: str,
    text: str,
    *gold: str,
    item: str = "",
    spans: Sequence[tuple[str, int, int]] = (),
    domain: str = "zoo",
) -> RetrievalQuestion:
    return RetrievalQuestion(name, text, domain, "test", dict.fromkeys(gold, 1), item, tuple(spans))


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> ReviewIndex:
    """Review n names the first n + 1 animals: the fewer others, the nearer to a question for one of
    them.
    """
    reviews = [review(f"r{n}", " ".join(ANIMALS[: n + 1]) + " here.") for n in range(len(ANIMALS))]
    return build_fake_index(tmp_path_factory.mktemp("indexes") / "zoo", reviews, chunk_tokens=64)


def ask(
    index: ReviewIndex, *questions: RetrievalQuestion, least_reviews: int = 1
) -> RetrievalReport:
    retriever = Retriever(PLAIN, index, FakeEmbedder())
    return evaluate_retrieval(retriever, questions, name="plain", least_reviews=least_reviews)


def test_metrics_are_those_known_by_hand(zoo: ReviewIndex) -> None:
    report = ask(
        zoo,
        question("first", "ant", "r0"),
        question("third", "ant", "r2"),
        question("far", "ant", "r11"),
        question("both", "ant", "r0", "r2"),
    )
    assert report.of("recall@5") == {"first": 1, "third": 1, "far": 0, "both": 1}
    assert report.of("MRR@10") == pytest.approx({"first": 1, "third": 1 / 3, "far": 0, "both": 1})
    ideal = 1 + 1 / 1.584962500721156
    assert report.of("nDCG@10") == pytest.approx(
        {"first": 1, "third": 0.5, "far": 0, "both": 1.5 / ideal}
    )
    assert report.interval("recall@10").mean == 0.75 and set(report.results) == {
        "first",
        "third",
        "far",
        "both",
    }


def test_questions_without_gold_are_counted_and_left_out(zoo: ReviewIndex) -> None:
    report = ask(zoo, question("a", "ant", "r0"), question("none", "ant"))
    assert report.unanswerable == 1 and set(report.of("nDCG@10")) == {"a"}


def test_a_copy_of_the_gold_review_counts_as_found(tmp_path: Path) -> None:
    text = "The kitchen closes at nine and nobody tells you."
    index = build_fake_index(
        tmp_path / "x", [review("one", text), review("two", text), review("other", "Nice soup.")]
    )
    report = ask(index, question("a", "when does the kitchen close", "two"))
    assert report.of("recall@5") == {"a": 1}


def test_a_question_about_an_item_is_asked_of_that_item(tmp_path: Path) -> None:
    texts = {
        "x": ("The lamp is loud.", "The lamp glows."),
        "y": ("The lamp is loud indeed.", "The cable is short."),
        "z": ("Loud lamp.",),
    }
    reviews = [
        Review(f"{item}{n}", text, item=item)
        for item, some in texts.items()
        for n, text in enumerate(some)
    ]
    index = build_fake_index(tmp_path / "items", reviews)
    asked = [
        question("y", "is the lamp loud", "y0", item="y"),
        question("z", "is the lamp loud", "z0", item="z"),
    ]
    report = ask(index, *asked, least_reviews=2)
    assert report.of("MRR@10") == {"y": 1} and report.too_few == 1
    assert ask(index, *asked).of("MRR@10") == {"y": 1, "z": 1}


def test_spans_count_when_they_lie_in_what_fits(tmp_path: Path) -> None:
    filler = " ".join(["word"] * 60)
    text = f"The lamp is loud. {filler}."
    reviews = [
        review("gold", text),
        *(review(f"r{n}", f"Lamp {n} {filler} {n}.") for n in range(40)),
    ]
    index = build_fake_index(tmp_path / "x", reviews, chunk_tokens=64)
    at = text.index("loud")
    report = ask(
        index,
        question("in", "is the lamp loud", "gold", spans=[("gold", at, at + 4)]),
        question(
            "half", "is the lamp loud", "gold", spans=[("gold", at, at + 4), ("gold", 0, 10_000)]
        ),
        question("late", f"lamp {filler}", "gold", spans=[("gold", at, at + 4)]),
        question("none", "is the lamp loud", "gold"),
    )
    assert report.of(SPANS.name) == {"in": 1, "half": 0.5, "late": 0}
    assert report.metrics == list(retrieval_metrics)


def test_an_index_of_something_else_is_refused(zoo: ReviewIndex) -> None:
    with pytest.raises(
        SettingsError, match='None of the 1 gold reviews of these questions is in the index "zoo"'
    ):
        ask(zoo, question("a", "ant", "elsewhere"))


def test_settings_are_compared_on_the_same_questions(zoo: ReviewIndex) -> None:
    questions = [question(f"q{n}", "ant", f"r{n}") for n in range(8)]
    better, worse = ask(zoo, *questions), ask(zoo, *questions[:7])
    with pytest.raises(
        SettingsError, match=r"not measured on the same questions \(8 and 7, 7 of them in both\)"
    ):
        compare(better, worse, "nDCG@10")
    same = compare(better, ask(zoo, *questions), "nDCG@10")
    assert (same.difference, same.p_value) == (0, 1)


def test_several_indexes_make_one_report(zoo: ReviewIndex) -> None:
    first = ask(zoo, question("a", "ant", "r0"), question("none", "ant"))
    second = ask(zoo, question("b", "ant", "r2", domain="other"))
    both = merged("both", [first, second])
    assert both.of("MRR@10") == pytest.approx({"a": 1, "b": 1 / 3}) and both.unanswerable == 1
    assert both.interval("MRR@10", "other").mean == pytest.approx(1 / 3)


def test_sets_that_share_ids_keep_all_their_questions(zoo: ReviewIndex) -> None:
    first = ask(zoo, question("1", "ant", "r0"), question("2", "ant", "r2"))
    second = ask(zoo, question("1", "ant", "r11", domain="other"))
    both = merged("both", [first, second])
    assert both.of("recall@5") == {"1/1": 1, "1/2": 1, "2/1": 0} and len(both.results) == 3
    assert both.results["1/2"].domain == "zoo" and both.results["2/1"].domain == "other"
    assert compare(both, merged("again", [first, second]), "recall@5").difference == 0


def test_settings_are_compared_by_domain_too(zoo: ReviewIndex) -> None:
    worse = ask(zoo, question("a", "ant", "r0"), question("b", "ant", "r11", domain="other"))
    better = ask(zoo, question("a", "ant", "r0"), question("b", "ant", "r2", domain="other"))
    assert [
        compare(worse, better, "recall@5", domain).difference for domain in ("", "zoo", "other")
    ] == [0.5, 0, 1]
    text = markdown_report([worse, replace(better, name="better")])
    assert (
        "| all | better | +0.500 [+0.000, +1.000]" in text
        and "| other | better | +1.000 [+1.000, +1.000]" in text
    )
    (written,) = json_report([worse, replace(better, name="better")])["differences"]
    assert (
        written["recall@5"]["difference"] == 0.5
        and written["by_domain"]["other"]["recall@5"]["low"] == 1
    )


def test_a_domain_without_answer_spans_is_not_compared_by_them(zoo: ReviewIndex) -> None:
    report = ask(
        zoo,
        question("a", "ant", "r0", spans=[("r0", 0, 3)]),
        question("b", "ant", "r2", domain="other"),
    )
    text = markdown_report([report, replace(report, name="again")])
    assert re.search(r"\| other \| again \|.*\| - \|$", text, re.MULTILINE)
    (written,) = json_report([report, replace(report, name="again")])["differences"]
    assert (
        SPANS.name in written["by_domain"]["zoo"]
        and SPANS.name not in written["by_domain"]["other"]
    )


def test_reports_as_text_and_plot(zoo: ReviewIndex, tmp_path: Path) -> None:
    questions = [
        question(f"q{n}", "ant", f"r{n}", domain="odd" if n % 2 else "even|") for n in range(8)
    ]
    reports = [ask(zoo, *questions), replace(ask(zoo, *questions), name="again")]
    text = markdown_report(reports)
    assert text.startswith("8 questions; mean") and "| plain | 0.625 [" in text
    assert (
        re.search(r"\| even\\\| \| 4 \| plain \| 0\.750", text)
        and "| all | again | +0.000 [+0.000, +0.000] p=1.000" in text
    )
    written = json_report(reports)
    assert written["settings"][0]["means"]["all"]["recall@5"][0] == 0.625
    assert written["settings"][1]["by_question"]["q0"]["MRR@10"] == 1
    assert (
        written["differences"][0]["nDCG@10"]["p_value"] == 1
        and json.loads(json.dumps(written)) == written
    )
    for ending, begin in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        plot_report(reports, tmp_path / f"plot.{ending}")
        assert (tmp_path / f"plot.{ending}").read_bytes().startswith(begin)
    with pytest.raises(SettingsError, match="must end in one of"):
        plot_report(reports, tmp_path / "plot.exe")
