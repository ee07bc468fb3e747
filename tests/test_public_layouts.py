"""Layouts that public services export, as small files: all reviews are read, or a clear error."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from rag.ingest import read_reviews
from rag.ingest.formats.registry import open_sources
from rag.schema import ReviewFileError

TEXTS = [
    f"The soup of day {n} was warm, the waiter was {word}, and we stayed for hours."
    for n, word in enumerate(("kind", "slow", "late", "quick", "gone", "rude"))
]
REPLY = "Dear guest, thank you for your kind words, which every one of us has read with joy. " * 2


def as_json(make: Callable[[int, str], dict[str, Any]], around: Callable[[list[Any]], Any]) -> str:
    return json.dumps(around([make(n, text) for n, text in enumerate(TEXTS)]))


def as_csv(header: str, make: Callable[[int, str], list[Any]], **options: Any) -> str:
    out = io.StringIO()
    writer = csv.writer(out, **options)
    writer.writerows([header.split(","), *(make(n, text) for n, text in enumerate(TEXTS))])
    return out.getvalue()


def takeout(n: int, text: str) -> dict[str, Any]:
    place = {"Business Name": f"Cafe {n}", "Address": "1 Main St"}
    about = {"Location": place, "Published": "2021-03-04T10:00:00Z", "Star Rating": 4}
    return {"type": "Feature", "properties": {**about, "Review Comment": text}}


def app_store(n: int, text: str) -> dict[str, Any]:
    attributes = {"rating": n % 5 + 1, "title": f"T{n}", "body": text, "territory": "USA"}
    return {"type": "customerReviews", "id": f"u-{n}", "attributes": attributes}


def trustpilot(n: int, text: str) -> dict[str, Any]:
    reply = {"text": REPLY, "createdAt": "2024-02-02T00:00:00Z"}
    author = {"id": f"c{n}", "displayName": f"Person {n}"}
    review = {"id": f"t{n}", "stars": n % 5 + 1, "title": f"Title {n}", "text": text}
    return {**review, "consumer": author, "companyReply": reply, "createdAt": "2024-01-01"}


def yelp(n: int, text: str) -> dict[str, Any]:
    ids = {"review_id": f"y{n}", "user_id": f"u{n}", "business_id": "b1"}
    return {**ids, "stars": 4.0, "useful": n, "text": text, "date": "2018-07-07 22:09:11"}


def jikan(n: int, text: str) -> dict[str, Any]:
    user = {"username": f"user{n}", "url": "https://example.org"}
    about = {"mal_id": 100 + 7 * n, "type": "anime", "score": n + 3, "tags": ["Recommended"]}
    return {**about, "review": text, "user": user, "date": "2023-01-02T03:04:05+00:00"}


def four_city(n: int, text: str) -> dict[str, Any]:
    ratings = {"Service": "4", "Overall": "5.0"}
    about = {"ReviewID": f"UR{n}", "Author": f"A{n}", "Date": "January 2, 2012"}
    return {"Ratings": ratings, **about, "Title": f"T{n}", "Content": text}


def business_profile(n: int, text: str) -> dict[str, Any]:
    reviewer = {"displayName": f"Guest {n}"}
    about = {"reviewId": f"g{n}", "reviewer": reviewer, "starRating": "FOUR"}
    return {**about, "comment": text, "reviewReply": {"comment": REPLY}}


def letterboxd(n: int, text: str) -> list[Any]:
    uri, text = f"https://boxd.it/{n}", text.replace(", ", ",\n\n", 1)
    return ["2023-01-02", f"Film {n}", 1999, uri, 3.5, "", text, "", "2023-01-01"]


LETTERBOXD = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date"
UNICODE_TEXT = as_csv("Id,Stars,Comment", lambda n, text: [f"k{n}", 4, text], delimiter="\t")
DUMP = as_csv(
    "review_id,stars,body,deleted",
    lambda n, text: [f"d{n}", 4, text, r"\N"],
    delimiter="\t",
    quoting=csv.QUOTE_NONE,
    quotechar=None,
    lineterminator="\n",
)
HOTEL = {"Name": "Fox and Crown", "HotelID": "77", "Price": "$100"}

LAYOUTS: dict[str, tuple[str, str | bytes, list[str]]] = {
    "Google Takeout, older": (
        "Reviews.json",
        as_json(takeout, lambda rows: {"type": "FeatureCollection", "features": rows}),
        [],
    ),
    "Trustpilot API": (
        "trustpilot.json",
        as_json(trustpilot, lambda rows: {"links": [{"href": "x"}], "reviews": rows}),
        [],
    ),
    "App Store Connect API": (
        "app.json",
        as_json(app_store, lambda rows: {"data": rows, "links": {"self": "x"}, "meta": {}}),
        [],
    ),
    "Yelp Open Dataset": (
        "yelp_academic_dataset_review.json",
        "\n".join(json.dumps(yelp(n, text)) for n, text in enumerate(TEXTS)),
        ["b1"] * len(TEXTS),
    ),
    "MyAnimeList (Jikan)": (
        "mal.json",
        as_json(jikan, lambda rows: {"pagination": {"last_visible_page": 1}, "data": rows}),
        [],
    ),
    "TripAdvisor, four cities": (
        "77.json",
        as_json(four_city, lambda rows: {"Reviews": rows, "HotelInfo": HOTEL}),
        ["Fox and Crown"] * len(TEXTS),
    ),
    "Google Business Profile API": (
        "gbp.json",
        as_json(business_profile, lambda rows: {"reviews": rows, "averageRating": 4.5}),
        [],
    ),
    "Firebase": (
        "firebase.json",
        as_json(
            lambda n, text: {"text": text, "stars": n % 5 + 1, "hotel": "Inn"},
            lambda rows: {"reviews": {f"-Mx{n}": row for n, row in enumerate(rows)}},
        ),
        ["Inn"] * len(TEXTS),
    ),
    "Letterboxd": ("reviews.csv", as_csv(LETTERBOXD, letterboxd), []),
    "Unicode text of Excel": ("export.txt", UNICODE_TEXT.encode("utf-16"), []),
    "SELECT INTO OUTFILE": ("dump.tsv", DUMP, []),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_public_layout_is_read_whole(tmp_path: Path, layout: str) -> None:
    name, content, items = LAYOUTS[layout]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    reviews, report = read_reviews(path)
    assert [" ".join(review.text.split()) for review in reviews] == TEXTS
    assert report.read == len(TEXTS) and not report.dropped
    if items:
        assert [review.item for review in reviews] == items


def test_a_booking_export_has_all_its_rows(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Property reviews"])
    sheet.append([])
    sheet.append(["Booking number", "Guest name", "Positive review", "Negative review", "Score"])
    for n, text in enumerate(TEXTS):
        sheet.append([f"4{n}17", f"Guest {n}", text, "Noise at night.", 8.5])
    book.save(tmp_path / "booking.xlsx")
    (source,) = open_sources(tmp_path / "booking.xlsx")
    found = list(source)
    assert [row.line for row in found] == list(range(4, 10))
    assert [row.cells["Positive review"] for row in found] == TEXTS


@pytest.mark.parametrize(
    ("name", "start", "message"),
    [
        ("wordpress.xml", "<?xml version='1.0'?><rss><channel/></rss>", "an XML file; save it"),
        ("export.xls", "<html><table><tr><td>text</td></tr></table></html>", "a web page"),
        ("reviews.numbers", "PK\x05\x06" + "\0" * 18, "no review files in it"),
    ],
)
def test_what_is_not_read_is_said_with_what_to_do(
    tmp_path: Path, name: str, start: str, message: str
) -> None:
    (tmp_path / name).write_bytes(start.encode())
    with pytest.raises(ReviewFileError, match=message):
        read_reviews(tmp_path / name)
