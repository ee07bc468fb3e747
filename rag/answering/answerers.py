"""Which answerer answers, and what judges for it."""

from __future__ import annotations

from pathlib import Path

from rag.answering.base import Answerer, BearsOn
from rag.answering.counted import CountingAnswerer
from rag.answering.extractive import ExtractiveAnswerer
from rag.answering.model import Budget, ModelAnswerer
from rag.answering.statement_prompt import STATING
from rag.answering.wording import StatementWriter
from rag.config import Settings
from rag.embedding import Embedder
from rag.generators import Generator
from rag.generators.base_models import model_and_adapter
from rag.generators.choice import ChosenGenerator, merged_models
from rag.generators.completion import BatchCompleter
from rag.index import ReviewIndex
from rag.reader import Reader, make_judge, make_reader

_CHARACTERS_PER_TOKEN = 4  # about, in English; for an answer without a model


def make_answerer(
    settings: Settings,
    index: ReviewIndex,
    embedder: Embedder,
    generator: Generator | None,
    reader: Reader | None = None,
    bears_on: BearsOn = lambda *_: True,
) -> Answerer:
    """What answers with this generator; without one, the reviews are quoted, and counted where a
    reader can read them.
    """
    if generator is None:
        most = settings.generator.max_new_tokens * _CHARACTERS_PER_TOKEN
        quoting = ExtractiveAnswerer(most_characters=most)
        if reader is None:
            return quoting
        writer = _statement_writer(settings, reader)
        return CountingAnswerer(index, reader, quoting, bears_on, writer)
    return ModelAnswerer(
        generator,
        index,
        embedder,
        budget=Budget(
            max_prompt_tokens=settings.generator.max_prompt_tokens,
            max_new_tokens=settings.generator.max_new_tokens,
        ),
        support_threshold=settings.answering.support_threshold,
        reader=reader,
    )


def readers(settings: Settings, chosen: ChosenGenerator) -> tuple[Reader | None, Reader | None]:
    """The reader of the settings, and the judge, which only a language model needs. Raises
    `ModelError`.
    """
    judge = None if chosen.generator is None else make_judge(settings)
    return make_reader(settings), judge


def _statement_writer(settings: Settings, reader: Reader) -> StatementWriter | None:
    """What words counted points: the newest model merged here that was tuned for it, unless the
    settings name another. Raises `ModelError`.
    """
    wording = settings.answering.wording
    if wording == "off":
        return None
    if wording == "auto":
        models = merged_models(settings.paths.models_dir, tuned_for=(STATING,))
        completer = BatchCompleter(models[0], STATING) if models else None
    else:
        model, adapter = model_and_adapter(wording, settings)
        name = Path(wording).name + (", an adapter" if adapter else "")
        completer = BatchCompleter(model, STATING, adapter=adapter, name=name)
    if completer is None:
        return None
    return StatementWriter(completer, reader, make_judge(settings, loaded=False))
