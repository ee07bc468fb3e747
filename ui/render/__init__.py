"""What is shown, as markup for the app and as text for the terminal: each fragment is a macro of a
template. In markup, Jinja2 escapes what others wrote.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ui.render import words

if TYPE_CHECKING:
    import jinja2


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ui.render"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({function.__name__: function for function in words.FILTERS})
    return environment


def fragment(template: str, macro: str, *values: object) -> str:
    """What a macro of a file in ``templates/`` makes of `values`."""
    return str(getattr(_environment().get_template(template).module, macro)(*values))
