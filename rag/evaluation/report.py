"""Reports as Markdown: one table for all of them, and the templates in `templates/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined


def escape_cell(value: object) -> str:
    """A value so that it stays in its cell, other markup kept; floats have two digits."""
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return " ".join(text.splitlines()).replace("|", "\\|")


def escape_markdown(value: object) -> str:
    """A value as one line that Markdown shows as it is, for what a model or a user wrote."""
    return re.sub(r"([\\`*_|<>\[\]#])", r"\\\1", " ".join(str(value).split()))


def markdown_table(
    header: Sequence[object],
    rows: Sequence[Sequence[object]],
    escape: Callable[[object], str] = escape_cell,
) -> str:
    """A Markdown table, without a line break at its end."""
    return render("rows.md.jinja", header=header, rows=rows, escape=escape)


def render(template: str, **values: object) -> str:
    """A template of `templates/` with these values, without a line break at its end; the macros for
    tables are in `table.md.jinja`.
    """
    return _environment.get_template(template).render(values).rstrip("\n")


# what is written is escaped by the functions above: `autoescape` is for HTML
_environment = Environment(
    loader=PackageLoader("rag.evaluation"),
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["escape_cell"] = escape_cell
