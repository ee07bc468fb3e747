"""Rows of a data set on the Hugging Face Hub: "hf:NAME", "hf:NAME@config", "hf:NAME:split"."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag.ingest.formats.flatten import make_row
from rag.ingest.formats.rows import DAMAGED, Row, RowSource
from rag.schema import ReviewFileError, short_reason

PREFIX = "hf:"
_NAME = re.compile(r"(?P<name>[^@]+?)(?:@(?P<config>[^:@]+))?(?::(?P<split>[\w.\[\]%:+-]+))?")
_TIMEOUT = 10.0  # seconds until a hub that does not answer is taken for out of reach


class HubSource(RowSource):
    """One split of a data set, streamed; its code, if it has any, is never run."""

    def __init__(self, location: str) -> None:
        match = _NAME.fullmatch(location.removeprefix(PREFIX))
        if match is None:
            raise ReviewFileError(
                f'{location!r} does not name a data set: write "hf:NAME", "hf:NAME@config:split".'
            )
        self._where, self._path, self._config, split = (
            location,
            match["name"],
            match["config"],
            match["split"],
        )
        try:
            import datasets  # noqa: F401 - is it there?
        except ImportError as error:
            raise ReviewFileError(
                f'{location} needs the package "datasets", which is not installed: '
                'install it (pip install "reviewqa[finetune]"), or download the files and give '
                "those."
            ) from error
        if not Path(self._path).is_dir():
            _reach(self._path, location)
        self._split = split or self._choose_split()
        splits = getattr(getattr(self._load(), "info", None), "splits", None) or {}
        rows = int(getattr(splits.get(self._split), "num_examples", 0) or 0)
        name = self._path.rstrip("/").rsplit("/", 1)[-1]
        super().__init__(name, f"data set, split {self._split!r}", rows)

    def _choose_split(self) -> str:
        from datasets import get_dataset_split_names

        names = self._call(get_dataset_split_names, self._path, self._config)
        if not names:
            raise ReviewFileError(f"{self._where} has no split.")
        return str("train" if "train" in names else names[0])

    def _load(self) -> Any:
        from datasets import load_dataset

        return self._call(load_dataset, self._path, self._config, split=self._split, streaming=True)

    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except Exception as error:  # datasets passes on what its many parts raise
            raise ReviewFileError(f"Cannot read {self._where}: {short_reason(error)}.") from error

    def __iter__(self) -> Iterator[Row]:
        self.done = number = 0
        rows = iter(self._load())
        while True:
            try:
                value = next(rows)
            except StopIteration:
                return
            except Exception as error:  # see above
                if not number:
                    raise ReviewFileError(
                        f"Cannot read {self._where}: {short_reason(error)}."
                    ) from error
                yield Row(number + 1, {}, f"{DAMAGED} ({short_reason(error)})")
                return
            number += 1
            self.done = number
            yield make_row(number, value)


def _reach(name: str, location: str) -> None:
    """Raise `ReviewFileError` at once where the hub cannot be asked for a data set, or has none of
    that name.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.constants import HF_HUB_OFFLINE

    advice = "Download its files and give those instead"
    if HF_HUB_OFFLINE or os.environ.get("HF_DATASETS_OFFLINE", "").upper() in (
        "1",
        "ON",
        "YES",
        "TRUE",
    ):
        raise ReviewFileError(
            f"{location} is not here, and the hub is not asked: offline mode is set. {advice}."
        )
    try:
        HfApi().dataset_info(name, timeout=_TIMEOUT)
    except Exception as error:  # from bad names to broken networks
        raise ReviewFileError(
            f"Cannot get {location} from the hub: {short_reason(error)}. {advice}."
        ) from error
