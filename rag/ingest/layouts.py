"""Layouts of review files that are known outright, by the names of their columns.

To add one: its name, the columns that tell it (all must be there), and which column is which field.
Names are compared as `plain` writes them: lower case, letters and digits only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layout:
    """A known layout; `told_by` are the columns that no other layout has together."""

    name: str
    told_by: tuple[str, ...]
    fields: Mapping[str, str]  # field -> column


def plain(name: str) -> str:
    """A column's name in lower case, letters and digits only."""
    return re.sub(r"[\W_]", "", name.casefold())


def _layout(name: str, told_by: str, **fields: str) -> Layout:
    return Layout(name, tuple(told_by.split()), fields)


LAYOUTS = (
    _layout(
        "Amazon reviews (2018)",
        "reviewtext overall asin",
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
        text="description",
        title="title",
        rating="rating",
        date="date",
        helpful_votes="thumbsup",
    ),
    _layout(
        "IMDb",
        "review imdbid reviewid",
        review_id="reviewid",
        text="review",
        rating="rating",
        item="imdbid",
    ),
    _layout(
        "TripAdvisor",
        "hotelname reviewtext reviewtitle rating",
        text="reviewtext",
        title="reviewtitle",
        rating="rating",
        date="reviewdate",
        item="hotelname",
        author="username",
    ),
)


def known_layout(names: Iterable[str]) -> tuple[str, dict[str, str]] | None:
    """The layout that these columns are, and which of them is which field; None where they are
    none.
    """
    columns = {plain(name): name for name in reversed(list(names))}
    for layout in LAYOUTS:
        if all(column in columns for column in layout.told_by) and layout.fields["text"] in columns:
            return layout.name, {
                field: columns[name] for field, name in layout.fields.items() if name in columns
            }
    return None
