"""What the app shows, as markup: each fragment is a macro of a template, and Jinja2 escapes what
others wrote.
"""

from __future__ import annotations

import jinja2

from ui.render import words

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("ui.render"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update({function.__name__: function for function in words.FILTERS})


def fragment(template: str, macro: str, *values: object) -> str:
    """The markup that a macro of ``templates/<template>.html`` makes of `values`."""
    module = _ENVIRONMENT.get_template(f"{template}.html").module
    return str(getattr(module, macro)(*values))
