"""The catalogue of an index is kept beside it: whole, checked, and done without where it is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.index import BuildOptions, Change, ReviewIndex, admin, change_index, verify_index
from rag.index import catalogue_file as catalogue_file_module
from rag.index.catalogue import computed_catalogue, index_catalogue
from rag.index.manifest import CATALOGUE_FILE, DATA_FILES
from rag.schema import IndexFileError, Review
from rag.understanding.catalogue import RULES, Catalogue
from tests.fakes import CHUNK_TOKENS, FakeEmbedder, build_fake_index
from tests.test_index_faults import accept_files
from tests.test_verify import fifo, link

EMBEDDER = FakeEmbedder()
REVIEWS = [
    Review(
        f"{item}-{n}",
        f"The pool of the Grand Bluebell was warm, and {host} was kind. Zażółć!",
        item=item,
        date=f"202{n % 5}-03-01",
        rating=n % 5 + 1.0,
        rating_min=1,
        rating_max=5,
    )
    for item, host in (("Fox Inn", "Sue"), ("Hotel Bluebell", "Ann"), ("Maison du Lac", "Jean"))
    for n in range(8)
]


@pytest.fixture
def hotels(tmp_path: Path) -> Path:
    """An index of several hotels that a test may harm."""
    build_fake_index(tmp_path / "hotels", REVIEWS)
    return tmp_path / "hotels"


def update(folder: Path, reviews: list[Review]) -> ReviewIndex:
    options = BuildOptions(chunk_tokens=CHUNK_TOKENS)
    return change_index(reviews, EMBEDDER, folder, Change(mode="update"), options).index


def rewrite(folder: Path, **changes: Any) -> Path:
    """Change what the kept catalogue says, and its checksum in the manifest; the generation."""
    generation = ReviewIndex.open(folder).generation
    path = generation / CATALOGUE_FILE
    values = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({k: v for k, v in values.items() if v != "left out"}))
    accept_files(generation)
    return generation


def make_old(folder: Path) -> None:
    """Make it an index from before there was a catalogue beside it."""
    generation = ReviewIndex.open(folder).generation
    (generation / CATALOGUE_FILE).unlink()
    accept_files(generation, DATA_FILES)


def test_a_build_keeps_the_catalogue_and_opening_reads_it(hotels: Path) -> None:
    index = ReviewIndex.open(hotels)
    assert index.catalogue == computed_catalogue(index)
    catalogue = index_catalogue(index)
    assert catalogue.items == {"Fox Inn": 8, "Hotel Bluebell": 8, "Maison du Lac": 8}
    assert catalogue.aliases["sue"] == ("Fox Inn",)
    assert catalogue.subjects == ("grand bluebell", "hotels")
    assert (catalogue.reviews, catalogue.words["zażółć"]) == (24, 24)
    assert (catalogue.dates, catalogue.scale) == (("2020-03-01", "2024-03-01"), (1, 5))
    assert verify_index(hotels, EMBEDDER) == []


def test_an_update_keeps_the_new_one(hotels: Path) -> None:
    added = Review("new", "A sauna, at last.", item="Sauna Inn", date="2025-06-01")
    catalogue = index_catalogue(update(hotels, [added]))
    assert catalogue.items["Sauna Inn"] == catalogue.words["sauna"] == 1
    assert (catalogue.reviews, catalogue.dates) == (25, ("2020-03-01", "2025-06-01"))
    assert verify_index(hotels, EMBEDDER) == []


def test_an_older_index_has_none_and_is_as_good(hotels: Path) -> None:
    kept = index_catalogue(ReviewIndex.open(hotels))
    make_old(hotels)
    index = ReviewIndex.open(hotels)
    assert index.catalogue is None and index_catalogue(index) == kept
    assert verify_index(hotels, EMBEDDER) == []
    updated = update(hotels, [Review("new", "A sauna, at last.", item="Fox Inn")])
    assert updated.catalogue is not None and updated.catalogue.items["Fox Inn"] == 9


def test_an_index_of_another_name_has_another_subject(hotels: Path, tmp_path: Path) -> None:
    admin.copy_index(hotels, tmp_path / "my-inns")
    copied, first = ReviewIndex.open(tmp_path / "my-inns"), ReviewIndex.open(hotels)
    assert copied.catalogue == first.catalogue
    assert index_catalogue(copied).subjects == ("grand bluebell", "my inns")
    admin.rename_index(tmp_path / "my-inns", tmp_path / "stays")
    assert "stays" in index_catalogue(ReviewIndex.open(tmp_path / "stays")).subjects


def test_an_open_index_keeps_its_catalogue_when_its_files_go(hotels: Path) -> None:
    index = ReviewIndex.open(hotels)
    admin.delete_index(hotels)
    assert index_catalogue(index).items["Fox Inn"] == 8


def test_of_many_reviews_some_thousands_are_read_for_words_and_all_for_items(
    tmp_path: Path,
) -> None:
    many = [Review(str(n), f"Warm pool {n % 2}.", item=f"Inn {n % 3}") for n in range(6500)]
    index = build_fake_index(tmp_path / "many", many)
    catalogue = index_catalogue(index)
    assert catalogue == computed_catalogue(index).called("many")
    assert sum(catalogue.items.values()) == catalogue.reviews == 6500
    assert catalogue.words["pool"] == catalogue.words["0"] == 3250 and "1" not in catalogue.words


# --- what else may lie there


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rules": "left out"}, "rules Field required"),
        ({"rules": True}, "rules Input should be a valid integer"),
        ({"words": "left out"}, "words Field required"),
        ({"words": ["the"]}, "words Input should be an object"),
        ({"words": {"the": "1"}}, "words.the Input should be a valid integer"),
        ({"words": {"the": 0}}, "words.the Input should be greater than 0"),
        ({"words": {"the": 1.5}}, "words.the Input should be a valid integer"),
        ({"words": {"the": 25}}, "more reviews of something, than there can be"),
        ({"words": {"the": 10**30}}, "more reviews of something, than there can be"),
        ({"items": {"Fox Inn": -1}}, "items.Fox Inn Input should be greater than 0"),
        ({"items": {str(n): 1 for n in range(5001)}}, "More items"),
        ({"aliases": {"sue": "Fox Inn"}}, "aliases.sue Input should be a valid"),
        ({"subjects": [7]}, "subjects.0 Input should be a valid string"),
        ({"dates": ["yesterday", "2024-01-01"]}, "Invalid isoformat string"),
        ({"dates": ["2024-01-02", "2024-01-01"]}, "first day is after the last"),
        ({"dates": ["2024-01-01"]}, "dates.1 Field required"),
        ({"scale": [5, 1]}, "lowest mark is not below the highest"),
        ({"scale": [float("nan"), 1]}, "lowest mark is not below the highest"),
        ({"reviews": 23, "words": {}, "items": {}}, "is of 23 reviews, and there are 24"),
    ],
)
def test_a_catalogue_that_no_build_writes_is_refused(
    hotels: Path, changes: dict[str, Any], told: str
) -> None:
    rewrite(hotels, **changes)
    (problem,) = verify_index(hotels)
    assert CATALOGUE_FILE in problem and told in problem and "\n" not in problem
    with pytest.raises(IndexFileError, match=r"then rebuild it or go back a generation"):
        ReviewIndex.open(hotels)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_catalogue_is_refused(hotels: Path, content: bytes) -> None:
    generation = ReviewIndex.open(hotels).generation
    (generation / CATALOGUE_FILE).write_bytes(content)
    accept_files(generation)
    with pytest.raises(IndexFileError, match=f"is damaged: {CATALOGUE_FILE} holds no catalogue"):
        ReviewIndex.open(hotels)


@pytest.mark.parametrize("put", [fifo, link])
def test_only_a_regular_file_is_read(hotels: Path, put: Callable[[Path], None]) -> None:
    generation = ReviewIndex.open(hotels).generation
    (generation / CATALOGUE_FILE).unlink()
    put(generation / CATALOGUE_FILE)
    with pytest.raises(IndexFileError, match=r"it is a link|it is not a regular file"):
        ReviewIndex(generation)
    assert len(verify_index(hotels)) == 1


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"words": {"pool": 24}}, "words"),
        ({"items": {"Fox Inn": 24}, "subjects": ["pool"]}, "items, subjects"),
        ({"dates": None}, "dates"),
    ],
)
def test_verify_tells_a_catalogue_of_other_reviews(
    hotels: Path, changes: dict[str, Any], names: str
) -> None:
    rewrite(hotels, **changes)
    assert verify_index(hotels, EMBEDDER) == [
        f"{CATALOGUE_FILE} is not that of the reviews: its {names} are others than they have. "
        "Rebuild the index."
    ]


@pytest.mark.parametrize("rules", [0, RULES + 1, 10**6])
def test_a_catalogue_of_other_rules_is_made_again(hotels: Path, rules: int) -> None:
    kept = index_catalogue(ReviewIndex.open(hotels))
    rewrite(hotels, rules=rules, words={}, items="of another kind")
    index = ReviewIndex.open(hotels)
    assert index.catalogue is None and index_catalogue(index) == kept
    assert verify_index(hotels, EMBEDDER) == []


def test_one_too_large_to_be_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_file_module, "LARGEST", 300)
    index = build_fake_index(tmp_path / "hotels", REVIEWS)
    assert index.catalogue is None and CATALOGUE_FILE not in index.manifest.files
    found: Catalogue = index_catalogue(index)
    assert found.items["Fox Inn"] == 8 and verify_index(tmp_path / "hotels") == []
