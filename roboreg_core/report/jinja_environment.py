"""Jinja2 environment of the report's templates: all values are escaped, undefined names are errors."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from roboreg_core import __version__
from roboreg_core.charts import palette

# Invalid in HTML or UTF-8: control characters, lone surrogates, two noncharacters.
_INVALID = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@cache
def environment() -> Environment:
    """The Jinja2 environment; templates are read when first rendered."""
    loader = PackageLoader("roboreg_core.report")
    return Environment(autoescape=True, undefined=StrictUndefined, loader=loader, trim_blocks=True, lstrip_blocks=True)


def render(template: str, **values: Any) -> str:
    """HTML of the file `template` of `templates/` with these values.

    Raises `jinja2.UndefinedError`: the template uses a missing value.
    """
    themes = {"light": palette.LIGHT._asdict(), "dark": palette.DARK._asdict()}
    return replace_invalid(environment().get_template(template).render(version=__version__, themes=themes, **values))


def replace_invalid(text: str) -> str:
    """Replace each character that is invalid in HTML by U+FFFD."""
    return _INVALID.sub("\ufffd", text)
