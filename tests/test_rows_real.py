"""Real review files, where they are at hand: as many rows as were counted by other means, and none
with a problem.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.ingest.formats.registry import open_sources

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {
    "airbnb_albany/reviews.csv.gz": (25_313, "separated by ',', UTF-8"),
    "amazon_alexa/amazon_alexa_514KB.tsv": (3_150, "separated by tabs, UTF-8 with BOM"),
    "amazon_beauty_gz/All_Beauty_5.json.gz": (5_269, "JSON Lines"),
    "filmweb_pl/dataset.csv": (4_281, "separated by '$'"),
    "filmweb_pl/dataset_tv_series.csv": (1_331, "separated by '$'"),
    "imdb_50k/reviews.jsonl.gz": (50_000, "JSON Lines"),
    "reviewrc/laptop_dev.json": (88, "data[].paragraphs"),
    "reviewrc/laptop_train.json": (355, "data[].paragraphs"),
    "reviewrc/rest_dev.json": (69, "data[].paragraphs"),
    "reviewrc/rest_train.json": (278, "data[].paragraphs"),
    "scifact_beir/corpus.jsonl.gz": (5_183, "JSON Lines"),
    "skytrax/lounge.csv": (2_264, "separated by ','"),
    "skytrax/seat.csv": (1_258, "separated by ','"),
    "squidgame_rt/data_parasite_reviews.csv": (1_413, "one column"),
    "squidgame_rt/data_squid_game_reviews.csv": (897, "one column"),
    "squidgame_rt/squid_game_reviews.csv": (897, "one column"),
    "steam_csv/reviews.csv": (13_259, "cp1252"),
    "subjqa/electronics/reviews.jsonl": (1_615, "JSON Lines"),
    "subjqa/grocery/reviews.jsonl": (1_479, "JSON Lines"),
    "subjqa/restaurants/reviews.jsonl": (1_599, "JSON Lines"),
    "subjqa/tripadvisor/reviews.jsonl": (1_491, "JSON Lines"),
    "twoandahalfmen_imdb/reviews.csv": (551, "separated by ','"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_has_all_its_rows(name: str) -> None:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"the real review file {name} is not here")
    count, form = FILES[name]
    (source,) = open_sources(file)
    assert form in source.format
    found = [(row.line, row.problem) for row in source]
    assert len(found) == count
    assert not [row for row in found if row[1]]


def test_the_broken_copy_of_a_file_has_the_rows_of_the_mended_one() -> None:
    files = [
        DATA / "squidgame_rt" / name
        for name in ("squid_game_reviews.csv", "data_squid_game_reviews.csv")
    ]
    if not all(file.exists() for file in files):
        pytest.skip("the real review files of squidgame_rt are not here")
    broken, mended = ([row.cells for row in open_sources(file)[0]] for file in files)
    assert broken == mended
