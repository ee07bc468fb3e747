"""Real review files, where they are at hand: they build, answer, and every quotation is word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import pipeline
from rag.config import Settings
from rag.embedding import make_embedder
from rag.index import build_index, verify_index
from rag.reviews import read_reviews

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
    settings = Settings(indexes_dir=tmp_path, generator="extractive")
    embedder = make_embedder(settings)
    build_index(
        reviews[:150], embedder, tmp_path / "real", chunking=settings.chunking, chunk_tokens=settings.chunk_tokens
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


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("amazon_alexa/amazon_alexa_514KB.tsv", 3071),
        ("amazon_beauty_gz/All_Beauty_5.json.gz", 5264),
        ("airbnb_albany/reviews.csv.gz", None),
        ("skytrax/lounge.csv", 2264),
    ],
)
def test_real_files_are_read_to_the_last_row(name: str, kept: int | None) -> None:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"the real review file {name} is not here")
    reviews, report = read_reviews(file)
    assert report.kept == len(reviews)
    assert report.read == report.kept + sum(report.dropped.values())
    assert len({review.review_id for review in reviews}) == len(reviews)
    if kept is not None:
        assert abs(report.kept - kept) <= 1, report
