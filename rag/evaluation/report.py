"""Reports as Markdown: one table for all of them, and the templates in `templates/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined


def escape_cell(text: str) -> str:
    """`text` so that it stays in its cell; other markup in it is kept."""
    return " ".join(text.splitlines()).replace("|", "\\|")


def escape_markdown(text: str) -> str:
    """`text` as one line that Markdown shows as it is, for what a model or a user wrote."""
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", " ".join(text.split()))


def markdown_table(
    header: Sequence[object],
    rows: Sequence[Sequence[object]],
    escape: Callable[[str], str] = escape_cell,
) -> str:
    """A Markdown table, without a line break at its end; floats have two digits."""
    return render("table.md.jinja", header=header, rows=rows, escape=escape)


def render(template: str, **values: object) -> str:
    """A template of `templates/` with these values; `markdown_table` is known to all of them."""
    return _environment.get_template(template).render(values)


def cell(value: object, escape: Callable[[str], str] = escape_cell) -> str:
    """A value as a table shows it."""
    return escape(f"{value:.2f}" if isinstance(value, float) else str(value))


# Markdown is escaped by the functions above: `autoescape` is for HTML.
_environment = Environment(
    loader=PackageLoader("rag.evaluation"),
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["markdown_table"] = markdown_table
_environment.filters["cell"] = cell
