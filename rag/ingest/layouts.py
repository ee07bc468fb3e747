"""Layouts of review files that are known outright, by the names of their columns.

To add one: its name, the columns that tell it (all must be there), and which column is which field.
Names are compared as `plain` writes them: lower case, letters and digits only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rag.ingest.column_names import plain


@dataclass(frozen=True, slots=True)
class Layout:
    """A known layout; `told_by` are the columns that no other layout has together."""

    name: str
    told_by: tuple[str, ...]
    fields: Mapping[str, str]  # field -> column; "" where no column is that field's
    scale: str = ""  # of the ratings, where it is always the same: "1..5"


def _layout(name: str, told_by: str, scale: str = "", **fields: str) -> Layout:
    return Layout(name, tuple(told_by.split()), fields, scale)


LAYOUTS = (
    _layout(
        "Amazon reviews (2018)",
        "reviewtext overall asin",
        scale="1..5",
        text="reviewtext",
        title="summary",
        rating="overall",
        date="unixreviewtime",
        author="reviewername",
        item="asin",
        helpful_votes="vote",
    ),
    _layout(
        "Amazon reviews (2023)",
        "text rating parentasin userid",
        scale="1..5",
        text="text",
        title="title",
        rating="rating",
        date="timestamp",
        author="userid",
        item="parentasin",
        helpful_votes="helpfulvote",
    ),
    _layout(
        "Yelp",
        "reviewid businessid stars text",
        scale="1..5",
        review_id="reviewid",
        text="text",
        rating="stars",
        date="date",
        author="userid",
        item="businessid",
        helpful_votes="useful",
    ),
    _layout(
        "Steam (API)",
        "recommendationid review votedup",
        scale="0..1",
        review_id="recommendationid",
        text="review",
        rating="votedup",
        date="timestampcreated",
        author="authorsteamid",
        item="appid",
        helpful_votes="votesup",
        language="language",
    ),
    _layout(
        "Steam (export)",
        "textofthereview 1recommended1notrecommended",
        text="textofthereview",
        rating="1recommended1notrecommended",
        date="dateofcreationofthereview",
        author="usernameofthereviewer",
        item="gameid",
        helpful_votes="numberofpeoplethatfoundthereviewtobeuseful",
    ),
    _layout(
        "Inside Airbnb",
        "listingid reviewerid comments",
        review_id="id",
        text="comments",
        date="date",
        author="reviewername",
        item="listingid",
    ),
    _layout(
        "Google Play",
        "reviewid content score thumbsupcount",
        scale="1..5",
        review_id="reviewid",
        text="content",
        rating="score",
        date="at",
        author="username",
        helpful_votes="thumbsupcount",
        item="appid",
    ),
    _layout(
        "Letterboxd",
        "letterboxduri review rating",
        text="review",
        rating="rating",
        date="date",
        item="name",
    ),
    _layout(
        "SubjQA",
        "reviewid itemid domain",
        review_id="reviewid",
        item="itemid",
        text="text",
    ),
    _layout(
        "SubjQA (original)",
        "qreviewid reviewid review domain",
        review_id="reviewid",
        item="itemid",
        text="review",
    ),
    _layout(
        "Rotten Tomatoes (critics)",
        "reviewcontent reviewscore reviewtype",
        text="reviewcontent",
        rating="reviewscore",
        date="reviewdate",
        author="criticname",
        item="rottentomatoeslink",
    ),
    _layout(
        "Rotten Tomatoes (critics)",
        "reviewtext criticname scoresentiment",
        review_id="reviewid",
        text="reviewtext",
        rating="originalscore",
        date="creationdate",
        author="criticname",
        item="id",
    ),
    _layout(
        "Skytrax",
        "airlinename content overallrating author",
        text="content",
        title="title",
        rating="overallrating",
        date="date",
        author="author",
        item="airlinename",
    ),
    _layout(
        "IMDb",
        "title date rating thumbsup thumbsdown description",
        scale="1..10",
        text="description",
        title="title",
        rating="rating",
        date="date",
        helpful_votes="thumbsup",
    ),
    _layout(
        "IMDb",
        "review imdbid reviewid",
        scale="1..10",
        review_id="reviewid",
        text="review",
        rating="rating",
        item="imdbid",
    ),
    _layout(
        "Goodreads",
        "bookid myrating myreview exclusiveshelf",
        scale="1..5",
        text="myreview",
        title="",  # "Title" and "Author" are the book's
        rating="myrating",
        date="dateadded",
        author="",
        item="title",
    ),
    _layout(
        "TripAdvisor",
        "hotelname reviewtext reviewtitle rating",
        scale="1..5",
        text="reviewtext",
        title="reviewtitle",
        rating="rating",
        date="reviewdate",
        item="hotelname",
        author="username",
    ),
)


def known_layout(names: Iterable[str]) -> Layout | None:
    """The layout that these columns are, with their own names in `fields`; None where they are none."""
    columns = {plain(name): name for name in reversed(list(names))}
    for layout in LAYOUTS:
        if all(column in columns for column in (*layout.told_by, layout.fields["text"])):
            fields = {
                field: columns.get(name, "")
                for field, name in layout.fields.items()
                if name in columns or not name
            }
            return replace(layout, fields=fields)
    return None
