"""HTML pages from the templates beside this file; every value is escaped."""

from __future__ import annotations

from typing import Any

import jinja2

# what tells our pages from others
GENERATOR = '<meta name="generator" content="lipsync-notebooks">'

ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader(__name__.rpartition(".")[0], "."),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """A whole page from a template such as "page.html"."""
    return ENVIRONMENT.get_template(template).render(values)
