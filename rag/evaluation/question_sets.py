"""Questions with the reviews that bear on them: the project's own layout, SubjQA's, and BEIR's.

SubjQA (Bjerva et al. 2020): a question makes sense only about its item; its gold is the review that
was shown to the annotators, of whom some marked the words that answer it. BEIR (Thakur et al.
2021): corpus.jsonl, queries.jsonl and qrels/<split>.tsv in a folder.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.evaluation.questions import read_questions
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
    if (path / "queries.jsonl").is_file() or (path / "queries.jsonl.gz").is_file():
        found = _read_beir(path, split or "test")
    else:
        file = path / "questions.jsonl" if path.is_dir() else path
        first = next((row for _, row in _rows(file)), {})
        if "gold_review_id" in first:
            found = [
                _subjqa(file, line, row)
                for line, row in _rows(file)
                if split in (None, row.get("split"))
            ]
        else:
            found = [
                RetrievalQuestion(
                    one.id, one.question, one.kind, one.split, dict.fromkeys(one.review_ids, 1)
                )
                for one in read_questions(file, split)
            ]
    if not found:
        raise ReviewFileError(
            f"{path} has no questions" + (f' of the split "{split}".' if split else ".")
        )
    twice = [name for name, count in Counter(one.id for one in found).items() if count > 1]
    if twice:
        raise ReviewFileError(
            f'{path}: {len(twice)} ids name more than one question, the first is "{twice[0]}".'
        )
    return found


def without_shared(questions: Sequence[RetrievalQuestion], path: Path) -> list[RetrievalQuestion]:
    """The questions none of whose gold reviews is gold of one of the set's training questions."""
    known = (
        {one.split for one in read_question_set(path)} if path.is_dir() or path.is_file() else set()
    )
    if "train" not in known:
        return list(questions)
    trained = {review for one in read_question_set(path, "train") for review in one.relevance}
    return [one for one in questions if one.split == "train" or trained.isdisjoint(one.relevance)]


def read_beir_corpus(folder: Path) -> list[Review]:
    """The documents of a BEIR folder as reviews: text is title and text, as is usual for published
    figures.
    """
    file = _either(folder, "corpus.jsonl")
    reviews = []
    for line, row in _rows(file):
        text = f"{row.get('title') or ''} {_field(file, line, row, 'text')}".strip()
        reviews.append(
            Review(_field(file, line, row, "_id"), text or "-", source=file.name, line=line)
        )
    return reviews


def _read_beir(folder: Path, split: str) -> list[RetrievalQuestion]:
    queries = _either(folder, "queries.jsonl")
    texts = {
        _field(queries, line, row, "_id"): _field(queries, line, row, "text")
        for line, row in _rows(queries)
    }
    judged = folder / "qrels" / f"{split}.tsv"
    relevance: dict[str, dict[str, int]] = {}
    for number, cells in enumerate(csv.reader(io.StringIO(_text(judged)), delimiter="\t"), 1):
        if number == 1 and cells[-1:] == ["score"]:
            continue
        try:
            query, document, gain = cells
            if int(gain) > 0:
                relevance.setdefault(query, {})[document] = int(gain)
        except ValueError as error:
            raise ReviewFileError(
                f"{judged}, line {number}: not a query, a document and a score: {cells}."
            ) from error
        if query not in texts:
            raise ReviewFileError(f'{judged}, line {number}: no query has the id "{query}".')
    return [
        RetrievalQuestion(query, texts[query], folder.resolve().name, split, gold)
        for query, gold in relevance.items()
    ]


def _subjqa(path: Path, line: int, row: Mapping[str, Any]) -> RetrievalQuestion:
    gold = _field(path, line, row, "gold_review_id")
    try:
        spans = {
            (gold, int(a["start"]), int(a["end"]))
            for a in row["annotations"]
            if a.get("start") is not None
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReviewFileError(
            f"{path}, line {line}: not a question of SubjQA ({type(error).__name__}: {error}); its "
            "annotations have "
            "start and end."
        ) from error
    return RetrievalQuestion(
        id=f"{row.get('domain', '')}/{row.get('split', '')}/{_field(path, line, row, 'q_review_id')}",
        question=_field(path, line, row, "question"),
        domain=str(row.get("domain", path.parent.name)),
        split=str(row.get("split", "")),
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


def _either(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file, with their lines."""
    for number, line in enumerate(io.StringIO(_text(path)), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ReviewFileError(f"{path}, line {number}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise ReviewFileError(f"{path}, line {number}: not an object with named fields.")
        yield number, row


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ReviewFileError(f"Cannot read the question file {path}: {error}.") from error
