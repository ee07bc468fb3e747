"""Reports and cards from the templates in `templates/`."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from rag.evaluation.report import escape_markdown, markdown_table


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
