"""A format is one file and one registration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rag.ingest import read_reviews
from rag.ingest.formats import registry
from rag.ingest.formats.rows import Format, Row, RowSource
from rag.ingest.formats.unpack import Packed
from rag.schema import ReviewFileError


class StanzaSource(RowSource):
    """Reviews apart by blank lines, each with its mark before a colon."""

    def __init__(self, packed: Packed) -> None:
        super().__init__(packed.name, "stanzas")
        self._packed = packed

    def __iter__(self) -> Iterator[Row]:
        content = self._packed.sample(10_000).decode()
        for number, stanza in enumerate(content.split("\n\n"), 1):
            mark, _, text = stanza.partition(":")
            yield Row(number, {"rating": mark, "text": text})


STANZAS = Format("Stanzas", ("stanza",), lambda packed, table: [StanzaSource(packed)])


def test_a_new_format_is_read_wherever_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "FORMATS", (*registry.FORMATS, STANZAS))
    path = tmp_path / "a.stanza"
    path.write_text("4: A warm room.\n\n2: Cold soup.", encoding="utf-8")
    for place in (path, tmp_path):  # by itself, and in a folder
        reviews, report = read_reviews(place)
        assert [(review.text, review.rating) for review in reviews] == [
            ("A warm room.", 4),
            ("Cold soup.", 2),
        ]
        assert report.format == "stanzas"
    (tmp_path / "b.pdf").write_bytes(b"%PDF")
    with pytest.raises(ReviewFileError, match="Stanzas"):
        registry.open_sources(tmp_path / "b.pdf")


def test_every_format_says_how_it_is_called_and_told() -> None:
    endings = [ending for format in registry.FORMATS for ending in format.endings]
    assert len(endings) == len(set(endings)) and all(map(str.isalnum, endings))
    assert all(format.label for format in registry.FORMATS)
