"""The library's front door: open or build an index, and ask it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.answer import Answer
from rag.answering.answerers import readers
from rag.answering.pipeline import Pipeline
from rag.config import Settings, load_settings
from rag.embedding import Embedder, make_embedder
from rag.filters import Condition, parse_where
from rag.generators.base import never_cancelled
from rag.generators.choice import ChosenGenerator, choose_generator
from rag.index import ReviewIndex, index_folder
from rag.progress import Progress, no_progress
from rag.retrieval import Retriever
from rag.schema import Message, RetrievedChunk, Review, ReviewFileError
from rag.topics import Topic
from rag.topics.definition import Kept
from rag.understanding.plan import QuestionPlan

if TYPE_CHECKING:
    from rag.ingest import ReadOptions

Source = str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any] | Review] | Any
"""Review files (any kind that the command line reads), rows as dicts, `Review` records, or a pandas
DataFrame.
"""


class Index:
    """An open index of reviews to ask; safe to share between threads.

    It stays as it was opened when the index is changed; open it again to see the change. The
    embedder and what answers are loaded when first needed.
    """

    def __init__(
        self,
        snapshot: ReviewIndex,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        chosen: ChosenGenerator | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.settings = settings
        self._embedder = embedder or make_embedder(settings)
        self._chosen = chosen

    @property
    def name(self) -> str:
        """What it was opened by."""
        return self.snapshot.name

    @property
    def embedder(self) -> Embedder:
        """What embeds the questions."""
        return self._embedder

    @cached_property
    def pipeline(self) -> Pipeline:
        """What answers the questions. Raises `ReviewQAError` where it cannot be had."""
        chosen = self._chosen or choose_generator(self.settings)
        judging = readers(self.settings, chosen)
        return Pipeline(self.settings, self.snapshot, self._embedder, chosen, *judging)

    def ask(
        self,
        question: str,
        *,
        where: str | Sequence[Condition] = (),
        after: Sequence[str] = (),
        without: Sequence[str] = (),
    ) -> Answer:
        """The checked answer to a question.

        `where` limits it to some reviews: ``"rating <= 3 and date >= 2024-06"``. `after` are the
        questions asked before, oldest first, on which it may lean ("And the ending?"). `without`
        are keys of what it is limited to, and shall not be: those of ``index.plan(...).limits``.
        Raises `ReviewQAError`.
        """
        return self.pipeline.ask(_text(question), _conditions(where), [*map(_text, after)], without)

    def stream(
        self,
        question: str,
        *,
        where: str | Sequence[Condition] = (),
        after: Sequence[str] = (),
        without: Sequence[str] = (),
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Iterator[str | Answer]:
        """Pieces of the answer's text as they are written, and last the checked `Answer`. Where its
        points are put into plainer words after that, the answer with the quotations comes before
        (`to_be_worded`).
        """
        return self.pipeline.stream(
            _text(question),
            cancelled=cancelled,
            where=_conditions(where),
            previous=[*map(_text, after)],
            without=without,
        )

    def plan(
        self, question: str, *, after: Sequence[str] = (), without: Sequence[str] = ()
    ) -> QuestionPlan:
        """How a question is understood: what it wants, of which reviews, and about what."""
        return self.pipeline.plan(_text(question), [*map(_text, after)], without)

    def messages(
        self,
        question: str,
        *,
        where: str | Sequence[Condition] = (),
        after: Sequence[str] = (),
    ) -> list[Message]:
        """What a language model would be sent for a question."""
        return self.pipeline.messages(_text(question), _conditions(where), [*map(_text, after)])

    def search(
        self, question: str, *, where: str | Sequence[Condition] = ()
    ) -> list[RetrievedChunk]:
        """The passages nearest to a question, best first; no language model is needed."""
        return self._retriever.retrieve(_text(question), _conditions(where))

    def topics(self, *, where: str | Sequence[Condition] = ()) -> tuple[Topic, ...]:
        """What the reviews speak of, the most spoken of first, and who is for and against it.

        The topics are those of all reviews; with `where` they are counted in some. Raises
        `SettingsError` for conditions that cannot be read.
        """
        from rag.topics.counting import topics_of

        return topics_of(self.snapshot, self._kept_topics, _conditions(where))

    def reviews(self) -> Iterator[Review]:
        """All reviews, in the order of the index."""
        return self.snapshot.reviews()

    def update(
        self,
        source: Source,
        *,
        replace: bool = False,
        columns: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Index:
        """Add reviews, and open what becomes of it; with `replace`, what is not among them goes.

        Only sentences that are new or changed are embedded. Raises `ReviewQAError`; the index then
        stays as it was.
        """
        from rag.index.ingest import rebuild

        with _files(source) as files:
            rebuild(
                self.settings,
                self.name,
                files,
                mode="replace" if replace else "update",
                options=_options(self.settings, columns),
                progress=progress or no_progress,
                embedder=self._embedder,
            )
        snapshot = _snapshot(self.settings, self.name)
        return Index(snapshot, self.settings, embedder=self._embedder, chosen=self._chosen)

    @cached_property
    def _retriever(self) -> Retriever:
        return Retriever(self.settings, self.snapshot, self._embedder)

    @cached_property
    def _kept_topics(self) -> Kept:
        from rag.index.topics import index_topics

        return index_topics(self.snapshot)

    def __len__(self) -> int:
        return self.snapshot.manifest.reviews

    def __repr__(self) -> str:
        manifest = self.snapshot.manifest
        return f"<Index {self.name!r}: {manifest.reviews} reviews, {manifest.sentences} sentences>"


def open(
    name: str,
    *,
    settings: Settings | None = None,
    embedder: Embedder | None = None,
    chosen: ChosenGenerator | None = None,
) -> Index:
    """Open the index of this name.

    `settings` are those of `load_settings()` unless given; `embedder` and `chosen` take the place
    of what they name. Raises `IndexFileError`.
    """
    settings = settings or load_settings()
    return Index(_snapshot(settings, name), settings, embedder=embedder, chosen=chosen)


def build(
    source: Source,
    *,
    name: str,
    settings: Settings | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    embedder: Embedder | None = None,
) -> Index:
    """Build the index `name` from reviews alone, and open it; one of that name that is there stays
    live until the new one is whole.

    `columns` says which column holds a field (``{"text": "Review_body"}``) where it is not found by
    itself. `progress` is called with (stage, done, total). Raises `ReviewQAError`.
    """
    from rag.index.ingest import rebuild

    settings = settings or load_settings()
    embedder = embedder or make_embedder(settings)
    with _files(source) as files:
        rebuild(
            settings,
            name,
            files,
            mode="new",
            options=_options(settings, columns),
            progress=progress or no_progress,
            embedder=embedder,
        )
    return open(name, settings=settings, embedder=embedder)


def _snapshot(settings: Settings, name: str) -> ReviewIndex:
    return ReviewIndex.open(index_folder(settings.paths.indexes_dir, name))


def _options(settings: Settings, columns: Mapping[str, str] | None) -> ReadOptions:
    from rag.ingest import ReadOptions

    return ReadOptions(mapping=columns or {}, max_unpack_ratio=settings.reading.max_unpack_ratio)


@contextlib.contextmanager
def _files(source: Source) -> Iterator[Sequence[str | Path]]:
    """The files of a source; rows are written to one first, and so read as any file is."""
    if isinstance(source, str | Path):
        yield [source]
        return
    with tempfile.TemporaryDirectory(prefix="reviewqa-") as folder:
        file = Path(folder) / "reviews.jsonl"
        if hasattr(source, "to_json"):  # a DataFrame; pandas need not be installed
            source.to_json(file, orient="records", lines=True, date_format="iso")
            yield [file]
            return
        rows = list(source)
        if not rows:
            raise ReviewFileError("There are no reviews: give a file, rows, or a DataFrame.")
        if isinstance(rows[0], str | Path):
            yield rows
            return
        with file.open("w", encoding="utf-8", errors="replace") as lines:
            for row in rows:
                lines.write(json.dumps(_row(row), ensure_ascii=False, default=str) + "\n")
        yield [file]


def _row(row: Mapping[str, Any] | Review) -> dict[str, Any]:
    if isinstance(row, Mapping):
        return {str(column): value for column, value in row.items()}
    fields = ("review_id", "text", "title", "rating", "date", "author", "item", "helpful_votes")
    return {field: getattr(row, field) for field in fields}


def _conditions(where: str | Sequence[Condition]) -> Sequence[Condition]:
    return parse_where(where) if isinstance(where, str) else where


def _text(question: str) -> str:
    """The question without half characters (lone surrogates), which are no text."""
    return question.encode(errors="replace").decode()
