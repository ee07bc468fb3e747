"""The reviews at a glance: a profile and topics in, markup and plain text out."""

from __future__ import annotations

from collections.abc import Sequence

from rag.index.profile import Counts, Profile
from rag.topics import Topic
from ui.render import fragment
from ui.render.words import plural

Chart = tuple[str, str, Counts]
"""Its title, what its labels are, and the numbers of reviews."""
FEWEST = 3  # rated reviews of which a chart tells more than the average does


def charts(profile: Profile) -> list[Chart]:
    """What there is to draw: ratings and time, whichever the reviews have."""
    found: list[Chart] = []
    if profile.rated >= FEWEST:
        title = "Ratings, in percent of their scales" if profile.percent else "Ratings"
        found.append((title, "Rating", profile.ratings))
    if len(profile.periods) > 1:
        by = "month" if "-" in profile.periods[0][0] else "year"
        found.append((f"Reviews by {by}", by.capitalize(), profile.periods))
    return found


def told(chart: Chart) -> str:
    """A chart in a sentence, for those who do not see it."""
    title, label, rows = chart
    most = max(rows, key=lambda row: row[1])
    return (
        f"{title}: a bar for each of {plural(len(rows), label.lower())}, from {rows[0][0]} "
        f"({plural(rows[0][1], 'review')}) to {rows[-1][0]} ({plural(rows[-1][1], 'review')}); the "
        f"longest is {most[0]} ({plural(most[1], 'review')})."
    )


def facts_html(profile: Profile) -> str:
    """How many reviews there are, how they are rated on average, and of what time they are."""
    return fragment("overview.html", "facts", profile)


def tables_html(drawn: Sequence[Chart]) -> str:
    """The figures of the charts."""
    return fragment("overview.html", "tables", drawn)


def topic_html(topic: Topic, most: int) -> str:
    """How many speak of a topic, for and against; `most` is the number of the largest one."""
    return fragment("overview.html", "topic", topic, most)


def legend_html() -> str:
    """What the two parts of a topic's bar are."""
    return fragment("overview.html", "legend")
