"""Can everybody use the app? ``python -m tests.benchmarks.axe --axe PATH --indexes FOLDER`` runs axe-core
on every page and prints a table of what it finds.

Every page and state of a page is opened in Chromium in light and dark, on a desk and on a phone.
axe-core (MPL-2.0) is a tool of the check and no part of the project: ``npm pack axe-core`` fetches
it, and `PATH` is the ``package/axe.min.js`` in what it fetched. A finding counts as Streamlit's if
every element of it is one that Streamlit draws by itself, and which nothing here can change. Ends
with status 1 where another finding is serious, critical or moderate.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page

from rag.config import Settings
from tests.benchmarks.measuring import REVIEWS, options, show
from tests.benchmarks.screenshots import PATIENCE_MS, QUESTION, browsing, served
from ui.components.feedback import BAD
from ui.components.indexes import DEFAULT_INDEX

GRAVE = ("critical", "serious", "moderate")
WIDTHS, SCHEMES = (1280, 360), ("light", "dark")
REFUSED = "How long does the battery last?"
OVERVIEW = "pros and cons of Squid Game?"
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(found => ({
  id: found.id, impact: found.impact,
  nodes: found.nodes.map(node => node.target.flat().join(" ")),
}))"""
STREAMLITS = ("section", '[data-testid="stFileUploader', ".st-emotion-cache")
"""How selectors of elements that Streamlit draws by itself begin; what is ours has a class of ours, or
stands within `.qa`.
"""


def _nothing(page: Page) -> None:
    """The page as it opens."""


def _open_points(page: Page) -> None:
    for point in page.locator(".qa-answer details > summary").all()[:2]:
        point.click()


def _open_filters(page: Page) -> None:
    page.locator(".st-key-filters summary").click()
    page.get_by_role("slider").first.wait_for()


def _find_it_bad(page: Page) -> None:
    page.get_by_role("button", name=BAD).click()
    page.get_by_text("What is wrong with it?").wait_for()


def _ask_too_much(page: Page) -> None:
    page.get_by_label("Your question").fill("why " * 200)
    page.get_by_label("Your question").press("Enter")
    page.get_by_text("at most can be asked").wait_for()


def _name_a_file(page: Page) -> None:
    page.get_by_text("Upload a file").wait_for()
    page.locator("input[type=file]").set_input_files(REVIEWS)
    page.locator(".qa-preview").wait_for()


def _compare(page: Page) -> None:
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_label("Your question").press("Enter")
    page.locator(".st-key-vote").wait_for()


@dataclass(frozen=True, slots=True)
class State:
    """What a person may have before them: an address, what shows that it is there, and what is done
    then.
    """

    name: str
    address: str
    there: str
    do: Callable[[Page], None] = _nothing


def _asked(question: str) -> str:
    return f"?q={quote(question)}"


STATES = (
    State("Ask, first screen", "", ".st-key-overview [role=graphics-document]"),
    State("Ask, only some reviews", "", ".st-key-overview", _open_filters),
    State("Ask, too long a question", "", ".st-key-overview", _ask_too_much),
    State("Ask, an answer", _asked(QUESTION), ".qa-about"),
    State("Ask, points opened", _asked(QUESTION), ".qa-about", _open_points),
    State("Ask, found not good", _asked(QUESTION), ".qa-about", _find_it_bad),
    State("Ask, an overview", _asked(OVERVIEW), ".qa-about"),
    State("Ask, a refusal", _asked(REFUSED), ".qa-about"),
    State("Browse", "browse", ".qa-browse .qa-card"),
    State("Browse, searched", "browse?search=masks", ".qa-browse .qa-card"),
    State("Browse, one review", "browse?review=sq-332", ".qa-browse .qa-card"),
    State("Import", "reviews", ".st-key-kind"),
    State("Import, a file seen", "reviews", ".st-key-kind", _name_a_file),
    State("Import, an index changed", f"reviews?index={DEFAULT_INDEX}", ".st-key-kind"),
    State("Compare", "compare", ".st-key-compare-question-form, .stForm"),
    State("Compare, two answers", "compare", ".stForm", _compare),
)


def findings(page: Page, address: str, state: State, axe: str) -> list[dict[str, Any]]:
    """What axe finds: rules with their impact and elements."""
    page.goto(address + state.address)
    page.locator(state.there).first.wait_for()
    page.locator("html.qa-shown").wait_for(state="attached")
    state.do(page)
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.wait_for_timeout(800)  # what is drawn fades in
    page.evaluate(axe)  # as the page's policy lets no script in
    found: list[dict[str, Any]] = page.evaluate(RUN)
    return found


def is_streamlits(finding: dict[str, Any]) -> bool:
    """Whether all elements of a finding are Streamlit's own."""
    return all(node.startswith(STREAMLITS) and "qa" not in node for node in finding["nodes"])


def main() -> None:
    """Look at every page, and print the tables."""
    parser = options(__doc__)
    parser.add_argument("--axe", type=Path, required=True, help="axe.min.js")
    parser.add_argument("--indexes", type=Path, default=Settings().paths.indexes_dir)
    parser.add_argument("--only", default="", help="states whose names match this pattern")
    given = parser.parse_args()
    axe = given.axe.read_text(encoding="utf-8")
    states = [state for state in STATES if re.search(given.only, state.name)]
    views = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]
    seen: list[tuple[State, tuple[int, str], dict[str, Any]]] = []
    with (
        tempfile.TemporaryDirectory() as kept,
        served(given.indexes.resolve(), Path(kept)) as (address, _),
        browsing() as browser,
    ):
        for width, scheme in views:
            page = browser.new_page(
                viewport={"width": width, "height": 900 if width > 600 else 800},
                color_scheme="dark" if scheme == "dark" else "light",
                reduced_motion="reduce",
            )
            page.set_default_timeout(PATIENCE_MS)
            for state in states:
                found = findings(page, address, state, axe)
                seen += [(state, (width, scheme), finding) for finding in found]
                rules = ", ".join(finding["id"] for finding in found) or "nothing"
                print(f"{width} {scheme}, {state.name}: {rules}", file=sys.stderr, flush=True)
            page.context.close()
    report(states, views, seen)


def report(
    states: Sequence[State],
    views: Sequence[tuple[int, str]],
    seen: Sequence[tuple[State, tuple[int, str], dict[str, Any]]],
) -> None:
    """Print the tables. Raises `SystemExit` with status 1 where a grave finding is ours."""
    grave = Counter(
        (state, view, is_streamlits(finding))
        for state, view, finding in seen
        if finding["impact"] in GRAVE
    )
    rows = [
        [
            state.name,
            *(f"{grave[state, view, False]} + {grave[state, view, True]}" for view in views),
        ]
        for state in states
    ]
    header = ["page", *(f"{width} {scheme}" for width, scheme in views)]
    show("Grave findings: ours + Streamlit's", header, rows)
    elements: dict[tuple[bool, str, str, str], list[str]] = defaultdict(list)
    for state, (width, scheme), finding in seen:
        for node in finding["nodes"]:
            key = (is_streamlits(finding), finding["impact"], finding["id"], node)
            elements[key].append(f"{state.name}, {width} {scheme}")
    for title, streamlits in (("Ours", False), ("Streamlit's", True)):
        lines = [
            [*key[1:], len(places), places[0]]
            for key, places in elements.items()
            if key[0] == streamlits
        ]
        show(title, ["impact", "rule", "element", "times", "first on"], lines)
    raise SystemExit(any(not theirs for _, _, theirs in grave))


if __name__ == "__main__":
    main()
