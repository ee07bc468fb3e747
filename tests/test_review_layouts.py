"""Layouts of review files that people have, each as a small file: read right, or refused plainly."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rag.ingest import read_reviews
from rag.schema import ReviewFileError

TEXTS = (
    "The room was quiet and the bed was soft",
    "We waited an hour for cold soup",
    "Lovely people at the desk and a harbour view",
    "Never again, the lift was broken",
)
Cells = Callable[[int], dict[str, Any]]


def text(number: int) -> str:
    return f"{TEXTS[number % 4]} ({number})"


def booking(n: int) -> dict[str, Any]:
    return {
        "Gast": f"G{n}",
        "Datum": f"0{n % 9 + 1}.02.2024",
        "Punkte": f"{n % 9 + 1},5",
        "Positiv": f"Das Zimmer war ruhig und sauber ({n})" if n % 3 else "nichts",
        "Negativ": f"Das Frühstück war leider kalt ({n})",
        "Antwort der Unterkunft": "Lieber Gast, vielen Dank für Ihren Besuch bei uns. " * 4,
    }


def software(n: int) -> dict[str, Any]:
    return {
        "Review Date": f"{n % 28 + 1}/02/2024",
        "Star Rating": n % 5 + 1,
        "What do you like best about Acme?": text(n),
        "What do you dislike about Acme?": text(n + 1),
        "What problems is Acme solving and how is that benefiting you?": text(n + 2),
    }


def marketplace_jp(n: int) -> dict[str, Any]:
    return {
        "評価": f"5つ星のうち{n % 5 + 1}.0",
        "タイトル": f"題名 {n}",
        "本文": f"部屋はとても静かでベッドも柔らかい {n}",
        "日付": f"2024年2月{n % 28 + 1}日に日本でレビュー済み",
    }


def employer(n: int) -> dict[str, Any]:
    return {
        "title": f"Head {n}",
        "rating": n % 5 + 1,
        "date": f"February {n % 28 + 1}, 2024",
        "pros": text(n),
        "cons": text(n + 1),
        "advice_to_management": "Please listen to the people in the shop more often. " * 4,
    }


def recommendation(n: int) -> dict[str, Any]:
    return {
        "Start time": f"2024-02-{n % 28 + 1:02} 10:00:00",
        "How likely are you to recommend us? (0-10)": n % 4,
        "Why did you give this score?": text(n),
        "Respondent ID": 1000 + n,
    }


def nested(n: int) -> dict[str, Any]:
    return {
        "business": {"name": ["Fox", "Bell"][n % 2], "rating": 4.1},
        "review": {"text": text(n), "stars": n % 5 + 1, "date": f"2024-02-{n % 28 + 1:02}"},
        "user": {"name": f"U{n}"},
    }


def shop_kr(n: int) -> dict[str, Any]:
    return {
        "작성자": f"u{n}",
        "별점": "⭐️" * (n % 5 + 1),
        "작성일": f"2024. 2. {n % 28 + 1}.",
        "리뷰": f"방이 조용하고 침대가 편했어요 {n}",
        "사장님 답변": "소중한 리뷰 감사합니다 다음에 또 방문해 주세요 " * 4,
    }


def films(n: int) -> dict[str, Any]:
    return {
        "movie_title": ["Dune", "Alien"][n % 2],
        "vote_average": [8.1, 7.9][n % 2],
        "author_rating": n % 4 + 1,
        "content": text(n),
        "created_at": f"2024-02-{n % 28 + 1:02}T10:00:00.000Z",
    }


def shop_tr(n: int) -> dict[str, Any]:
    return {
        "Kullanıcı": f"u{n}",
        "Puan": f"5 yıldız üzerinden {n % 5 + 1},0",
        "Tarih": f"{n % 28 + 1} Şubat 2024",
        "Yorum": f"Oda sessiz ve yatak rahattı {n}",
        "Satıcı yanıtı": "Değerli misafirimiz yorumunuz için teşekkür ederiz " * 4,
    }


def web_shop(n: int) -> dict[str, Any]:
    return {
        "title": f"Head {n}",
        "body": text(n),
        "rating": n % 5 + 1,
        "review_date": f"2024-02-{n % 28 + 1:02} 10:00:00 UTC",
        "reviewer_name": f"N{n}",
        "product_id": 7,
        "product_description": "What the shop says of its soap, with its smells. " * 4,
        "reply": "Thanks for your review! We are so glad that you like the soap. " * 4,
    }


@pytest.mark.parametrize(
    ("cells", "fields", "scale", "begins"),
    [
        (booking, "author text rating date", "1..10", "Positiv: Das Zimmer"),
        (software, "text rating date", "1..5", "Positive: We waited"),
        (marketplace_jp, "text title rating date", "1..5", "部屋は"),
        (employer, "text title rating date", "1..5", "Pros: We waited"),
        (recommendation, "text rating date", "0..10", "We waited"),
        (nested, "text rating date author item", "1..5", "We waited"),
        (shop_kr, "text rating date author", "1..5", "방이"),
        (films, "text rating date item", "1..10", "We waited"),
        (shop_tr, "text rating date author", "1..5", "Oda"),
        (web_shop, "text title rating date author item", "1..5", "We waited"),
    ],
)
def test_a_layout_is_read_right(
    tmp_path: Path, cells: Cells, fields: str, scale: str, begins: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(cells(n)) for n in range(24)), encoding="utf-8")
    reviews, report = read_reviews(path)
    assert set(report.columns) == set(fields.split())
    assert len(reviews) == 24 and report.rating_scale == scale and report.unread == {}
    review = reviews[1]
    assert review.text.startswith(begins) and "vielen Dank" not in review.text
    assert review.date == "2024-02-02" and review.rating in (1, 2, 2.5)


def test_a_table_of_questions_and_responses_is_refused_plainly(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["Question", "Response"], *(["How was it?", text(n)] for n in range(24))]
        )
    with pytest.raises(ReviewFileError, match=r"which column holds.*--map text='Response'"):
        read_reviews(tmp_path / "a.csv")
    reviews, _ = read_reviews(tmp_path / "a.csv", mapping={"text": "Response"})
    assert len(reviews) == 24
