"""Questions with the reviews that bear on them: the project's own layout, SubjQA's, and BEIR's.

SubjQA (Bjerva et al. 2020): a question makes sense only about its item; its gold is the review that
was shown to the annotators, of whom some marked the words that answer it. BEIR (Thakur et al.
2021): corpus.jsonl, queries.jsonl and qrels/<split>.tsv in a folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.evaluation.questions import Question, json_rows, read_questions, read_text, require_some
from rag.schema import Review, ReviewFileError

Span = tuple[str, int, int]
"""A review's id, and where in its text an answer begins and ends."""


@dataclass(frozen=True, slots=True)
class RetrievalQuestion:
    """A question and what should be found.

    `relevance` maps the ids of gold reviews to gains, 1 or more; it is empty for a question that
    the reviews do not answer. A question with an `item_id` is asked of that item's reviews alone.
    """

    id: str
    question: str
    domain: str
    split: str
    relevance: Mapping[str, int]
    item_id: str = ""
    spans: tuple[Span, ...] = ()


def read_question_set(path: Path, split: str | None = None) -> list[RetrievalQuestion]:
    """The questions of a file or folder, all or of one split; the layout is told by the content.

    Raises `ReviewFileError` with file and line for what cannot be read, and where no question is
    left.
    """
    if _gzipped_or_not(path, "queries.jsonl").is_file():
        questions = _read_beir(path, split or "test")
    else:
        file = path / "questions.jsonl" if path.is_dir() else path
        if file.suffix.lower() != ".csv" and "gold_review_id" in next(json_rows(file), (0, {}))[1]:
            questions = _read_subjqa(file, split)
        else:
            questions = [_retrieval_question(question) for question in read_questions(file, split)]
    require_some(questions, path, split)
    counts = Counter(question.id for question in questions)
    repeated = [id for id, count in counts.items() if count > 1]
    if repeated:
        raise ReviewFileError(
            f"{path}: {len(repeated)} ids name more than one question, the first is "
            f'"{repeated[0]}".'
        )
    return questions


def without_shared(questions: Sequence[RetrievalQuestion], path: Path) -> list[RetrievalQuestion]:
    """The questions none of whose gold reviews is gold of one of the set's training questions."""
    known = read_question_set(path) if path.exists() else []
    trained = {gold for one in known if one.split == "train" for gold in one.relevance}
    return [
        question
        for question in questions
        if question.split == "train" or trained.isdisjoint(question.relevance)
    ]


def read_beir_corpus(folder: Path) -> list[Review]:
    """The documents of a BEIR folder as reviews: text is title and text, as is usual for published
    figures.
    """
    file = _gzipped_or_not(folder, "corpus.jsonl")
    reviews = []
    for line, row in json_rows(file):
        text = f"{row.get('title') or ''} {_field(file, line, row, 'text')}".strip()
        reviews.append(
            Review(_field(file, line, row, "_id"), text or "-", source=file.name, line=line)
        )
    return reviews


def _retrieval_question(question: Question) -> RetrievalQuestion:
    relevance = dict.fromkeys(question.review_ids, 1)
    return RetrievalQuestion(
        question.id, question.question, question.kind, question.split, relevance
    )


def _read_beir(folder: Path, split: str) -> list[RetrievalQuestion]:
    file = _gzipped_or_not(folder, "queries.jsonl")
    queries = {
        _field(file, line, row, "_id"): _field(file, line, row, "text")
        for line, row in json_rows(file)
    }
    judged = folder / "qrels" / f"{split}.tsv"
    relevance: dict[str, dict[str, int]] = {}
    for line, text in enumerate(read_text(judged).splitlines(), 1):
        cells = text.split("\t")
        if line == 1 and cells[-1] == "score":
            continue
        try:
            query, document, gain = cells
            if int(gain) > 0:
                relevance.setdefault(query, {})[document] = int(gain)
        except ValueError as error:
            raise ReviewFileError(
                f"{judged}, line {line}: not a query, a document and a score: {cells}."
            ) from error
        if query not in queries:
            raise ReviewFileError(f'{judged}, line {line}: no query has the id "{query}".')
    return [
        RetrievalQuestion(query, queries[query], folder.resolve().name, split, gold)
        for query, gold in relevance.items()
    ]


def _read_subjqa(file: Path, split: str | None) -> list[RetrievalQuestion]:
    return [
        _subjqa_question(file, line, row)
        for line, row in json_rows(file)
        if split in (None, row.get("split"))
    ]


def _subjqa_question(path: Path, line: int, row: Mapping[str, Any]) -> RetrievalQuestion:
    gold = _field(path, line, row, "gold_review_id")
    try:
        spans = {
            (gold, int(answer["start"]), int(answer["end"]))
            for answer in row["annotations"]
            if answer.get("start") is not None
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReviewFileError(
            f"{path}, line {line}: not a question of SubjQA ({type(error).__name__}: {error}); its "
            "annotations have start and end."
        ) from error
    split = str(row.get("split", ""))
    return RetrievalQuestion(
        id=f"{row.get('domain', '')}/{split}/{_field(path, line, row, 'q_review_id')}",
        question=_field(path, line, row, "question"),
        domain=str(row.get("domain", path.parent.name)),
        split=split,
        relevance={gold: 1} if row.get("answerable", True) else {},
        item_id=_field(path, line, row, "item_id"),
        spans=tuple(sorted(spans)),
    )


def _field(path: Path, line: int, row: Mapping[str, Any], name: str) -> str:
    if not isinstance(row.get(name), (str, int)):
        raise ReviewFileError(
            f'{path}, line {line}: not a question set\'s line: it has no "{name}".'
        )
    return str(row[name])


def _gzipped_or_not(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"
