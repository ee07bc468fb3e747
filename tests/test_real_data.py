"""Real review files, where they are at hand: they build, answer, and every quotation is word for
word.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.answering import pipeline
from rag.config import Settings
from rag.embedding import make_embedder
from rag.index import build_index, verify_index
from rag.ingest import read_reviews

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FILES = {
    "squidgame_rt/data_squid_game_reviews.csv": (897, "Is the acting good?"),
    "twoandahalfmen_imdb/reviews.csv": (551, "Is it still good without Charlie Sheen?"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_real_file_builds_and_answers(name: str, tmp_path: Path) -> None:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"the real review file {name} is not here")
    rows, question = FILES[name]
    reviews, report = read_reviews(file)
    assert report.read == report.kept + sum(report.dropped.values()) == rows
    settings = Settings().changed({"paths.indexes_dir": tmp_path, "generator.name": "extractive"})
    embedder = make_embedder(settings)
    build_index(
        reviews[:150],
        embedder,
        tmp_path / "real",
        chunking=settings.index.chunking,
        chunk_tokens=settings.index.chunk_tokens,
    )
    assert verify_index(tmp_path / "real") == []
    answer = pipeline.Pipeline.open(settings, "real", embedder).ask(question)
    assert not answer.refused
    texts = {review.review_id: review.text for review in reviews}
    claims = [sentence for sentence in answer.sentences if not sentence.heading]
    assert claims
    for sentence in claims:
        assert sentence.supported
        for citation in sentence.citations:
            assert texts[citation.review_id][citation.start : citation.end] == citation.quote


# Rows, and rows whose text is not blank: counted with the csv and json modules alone, with the
# encodings in SOURCE.md.
COUNTED = {
    "airbnb_albany/reviews.csv.gz": (25_313, 25_313),
    "amazon_alexa/amazon_alexa_514KB.tsv": (3150, 3071),
    "amazon_beauty_gz/All_Beauty_5.json.gz": (5269, 5264),
    "filmweb_pl/dataset.csv": (4281, 4281),
    "filmweb_pl/dataset_tv_series.csv": (1331, 1284),
    "reviewrc/laptop_train.json": (355, 355),
    "reviewrc/rest_dev.json": (69, 69),
    "scifact_beir/corpus.jsonl.gz": (5183, 5183),
    "skytrax/lounge.csv": (2264, 2264),
    "skytrax/seat.csv": (1258, 1258),
    "squidgame_rt/data_parasite_reviews.csv": (1413, 1413),
    "squidgame_rt/data_squid_game_reviews.csv": (897, 897),
    "squidgame_rt/squid_game_reviews.csv": (897, 897),
    "steam_csv/reviews.csv": (13_259, 13_259),
    "subjqa/electronics/reviews.jsonl": (1615, 1615),
    "subjqa/grocery/reviews.jsonl": (1479, 1479),
    "subjqa/restaurants/reviews.jsonl": (1599, 1599),
    "subjqa/tripadvisor/reviews.jsonl": (1491, 1491),
    "twoandahalfmen_imdb/reviews.csv": (551, 551),
}


@pytest.mark.parametrize("name", COUNTED)
def test_real_files_are_read_to_the_last_row(name: str) -> None:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"the real review file {name} is not here")
    rows, least = COUNTED[name]
    reviews, report = read_reviews(file)
    assert (report.read, report.kept) == (rows, len(reviews)) and report.kept >= least
    assert report.read == report.kept + sum(report.dropped.values()) and set(report.dropped) <= {
        "no text"
    }
    assert len({review.review_id for review in reviews}) == len(reviews)
    assert "text" in report.columns and not report.skipped


def test_strays_among_stars_are_absent_and_do_not_make_the_scale() -> None:
    file = DATA / "skytrax" / "lounge.csv"
    if not file.exists():
        pytest.skip("the real review file skytrax/lounge.csv is not here")
    reviews, report = read_reviews(file)
    assert report.rating_scale == "1..5" and report.unread["rating"].count == 67
    assert {review.rating for review in reviews} == {None, 1, 2, 3, 4, 5}
