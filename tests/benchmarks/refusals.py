"""What is refused at each threshold: ``python -m tests.benchmarks.refusals [INDEXES QUESTIONS CORPUS...]
[--plot FILE.svg]``

Over the sample's questions, and those of a JSON Lines file (question, corpus, expected: "answerable" or
"refuse", kind) to indexes in a folder. Prints the rates at which the unanswerable are refused and the
answerable are, for several thresholds of `answering.answerable`: the curve of risk and
coverage, which --plot draws. The last column is
what answers come to at the threshold in use, over all questions, those that are never decided so, too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import rag
from rag.answering.counted import CountingAnswerer
from rag.answering.opinions import opinions_on
from rag.answering.pipeline import Pipeline
from rag.answering.refusal import answerable, evidence_score, rarity_of
from rag.config import Settings, load_settings
from rag.evaluation.questions import read_questions
from rag.index.catalogue import index_catalogue
from tests.benchmarks.measuring import QUESTIONS, sample_index, show, temporary_settings
from tests.benchmarks.plots import curves

FITTED = ("sample, train", "sample, dev", "squidrt", "men", "albany")
"""What the regression was fitted on."""

IN_USE = Settings().answering.answerable
THRESHOLDS = (0.2, 0.3, 0.35, 0.4, 0.5, 0.6)

Asked = tuple[str, bool]
"""A question, and whether the reviews answer it."""


def probabilities(pipeline: Pipeline, asked: Iterable[Asked]) -> list[tuple[float, bool]]:
    """How probably each question is answered, and whether it is; only of those that are decided so."""
    rarity = rarity_of(index_catalogue(pipeline.index))
    answerer, reader = pipeline.answerer, pipeline.reader
    assert isinstance(answerer, CountingAnswerer) and reader is not None
    found = []
    for question, is_answered in asked:
        plan = pipeline.plan(question).parts[0]
        if plan.is_overview or plan.intent in ("count", "statistic") or plan.unknown_item:
            continue
        counts = answerer.counts(plan)
        evidence = pipeline.retriever.evidence(plan, plan.conditions, judged=not counts)
        best = evidence.best
        if counts and evidence.chunks:
            best = opinions_on(plan, pipeline.index, reader, evidence.where).best
        if best is None or pipeline.about_language(question):
            continue
        score = evidence_score(plan.aspect, evidence.chunks, rarity, is_fact=plan.is_fact)
        found.append((answerable(best, score, is_fact=plan.is_fact), is_answered))
    return found


def as_answered(pipeline: Pipeline, asked: Iterable[Asked]) -> str:
    """The shares refused of both kinds by whole answers."""
    refused = [(pipeline.ask(question).refused, is_answered) for question, is_answered in asked]
    wrong = [value for value, is_answered in refused if not is_answered]
    right = [value for value, is_answered in refused if is_answered]
    return f"{sum(wrong)} of {len(wrong)}; {sum(right)} of {len(right)}"


def row(name: str, found: Sequence[tuple[float, bool]]) -> list[object]:
    """The shares refused of both kinds, at each threshold."""
    told = []
    for threshold in THRESHOLDS:
        wrong = [value < threshold for value, is_answered in found if not is_answered]
        right = [value < threshold for value, is_answered in found if is_answered]
        told.append(f"{sum(wrong)} of {len(wrong)}; {sum(right)} of {len(right)}")
    return [name, *told]


def risk_at(found: Sequence[tuple[float, bool]], threshold: float) -> tuple[float, float]:
    """Coverage, the share of the questions that is answered, and risk, the share of these that should
    not be, where all below a threshold are refused.
    """
    kept = [is_answered for value, is_answered in found if value >= threshold]
    return len(kept) / len(found), kept.count(False) / max(1, len(kept))


def risk_and_coverage(found: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """The curve over all thresholds (El-Yaniv and Wiener 2010)."""
    return sorted(risk_at(found, value) for value, _ in found)


def main() -> None:
    """Print the table and draw the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("indexes", nargs="?", type=Path)
    parser.add_argument("questions", nargs="?", type=Path)
    parser.add_argument("corpora", nargs="*")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    rows, drawn = [], {}
    with temporary_settings() as settings:
        settings = settings.changed({"generator.name": "extractive"})
        pipeline = rag.open(sample_index(settings).name, settings=settings).pipeline
        questions = list(read_questions(QUESTIONS))
        for split in ("train", "dev", "test"):
            asked = [(q.question, q.answerable) for q in questions if q.split == split]
            found = drawn[f"sample, {split}"] = probabilities(pipeline, asked)
            rows.append([*row(f"sample, {split}", found), as_answered(pipeline, asked)])
    if arguments.questions:
        lines = arguments.questions.read_text(encoding="utf-8").splitlines()
        overrides = {"paths.indexes_dir": arguments.indexes, "generator.name": "extractive"}
        settings = load_settings(environ={}, overrides=overrides)
        for corpus in arguments.corpora:
            pipeline = rag.open(corpus, settings=settings).pipeline
            asked = [
                (each["question"], each["expected"] == "answerable")
                for each in map(json.loads, lines)
                if each["corpus"] == corpus and each["kind"] != "followup"
            ]
            found = drawn[corpus] = probabilities(pipeline, asked)
            rows.append([*row(corpus, found), as_answered(pipeline, asked)])
    title = "Rightly refused; wrongly refused, below each threshold"
    show(title, ["", *(f"{threshold:g}" for threshold in THRESHOLDS), "answers"], rows)
    if arguments.plot:
        reported = [pair for name, found in drawn.items() if name not in FITTED for pair in found]
        fitted = [pair for name, found in drawn.items() if name in FITTED for pair in found]
        both = {"fitted on": fitted, "reported on": reported}
        names = {name: f"{name}, {len(found)} questions" for name, found in both.items() if found}
        picture = curves(
            "What is answered, and what should not be",
            "coverage: of the questions, answered",
            "risk: of those answered, unanswerable",
            {name: risk_and_coverage(both[short]) for short, name in names.items()},
            marked={name: risk_at(both[short], IN_USE) for short, name in names.items()},
        )
        arguments.plot.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
