"""Reports and cards from the templates in `templates/`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


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
    """A Markdown table, without a line break at its end."""
    lines = []
    for row in (header, *rows):
        lines.append(f"| {' | '.join(escape(str(cell)) for cell in row)} |")
    lines.insert(1, "|" + "---|" * len(header))
    return "\n".join(lines)


def render(template: str, **values: object) -> str:
    """A template with these values; what is put into HTML and SVG is escaped."""
    return _environment.get_template(template).render(values)


_environment = Environment(
    loader=PackageLoader("finetune"),
    autoescape=select_autoescape(("html.jinja", "svg.jinja")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_environment.globals["markdown_table"] = markdown_table
_environment.globals["escape_markdown"] = escape_markdown
_environment.filters["markdown"] = escape_markdown
