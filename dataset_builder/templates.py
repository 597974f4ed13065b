"""HTML from templates: whatever is put into one is escaped, and what it lacks is an error.

A template file holds the pieces of one page as macros. It stands beside the module that fills it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

Fill = Callable[..., Markup]


def html_environment(package: str) -> jinja2.Environment:
    """The templates of a package, by their paths in it; each is compiled once.

    Escaping cannot be turned off from within a template: only what Python has made ``Markup`` stays as it is.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package, ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    del made.filters["safe"]
    return made


def pieces(environment: jinja2.Environment, path: str, **known: Any) -> Fill:
    """A function that fills a piece of a template by its name: ``fill("row", model=…)``.

    ``known`` holds functions and values that every piece of the template may use.
    """

    @cache
    def module() -> Any:
        return environment.get_template(path, globals=known).module

    def fill(piece: str, /, **values: Any) -> Markup:
        macro = getattr(module(), piece)
        return Markup(macro(**values))  # noqa: S704 - the macro has escaped what it was given

    return fill
