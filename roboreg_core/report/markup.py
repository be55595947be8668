"""HTML that cannot be forgotten to be escaped: every text is, and only what this module made passes as it is.

Names of networks, schedules and notes may hold anything, so no plain string gets into a page unescaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

# What HTML and UTF-8 cannot hold: control characters, lone halves of surrogate pairs, two that mean nothing.
_UNSPEAKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VOID = {"br", "meta"}


@dataclass(frozen=True)
class Markup:
    """A piece of HTML, safe by construction."""

    html: str


Content = str | int | Markup | None


def escape(text: str) -> str:
    """Text as it stands in HTML, between tags or in a quoted attribute."""
    return html.escape(speakable(text))


def speakable(text: str) -> str:
    """The same with what no page can hold replaced by the sign for that."""
    return _UNSPEAKABLE.sub("\ufffd", text)


def tag(name: str, /, *content: Content, **attributes: str | None) -> Markup:
    """An element. Texts are escaped; attributes that are None are left out, and `class_` becomes `class`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    opening = f"<{name}{written}>"
    return Markup(opening) if name in _VOID else Markup(f"{opening}{join(content).html}</{name}>")


def join(content: Iterable[Content]) -> Markup:
    """Pieces one after the other; None is nothing."""
    return Markup("".join(_html(each) for each in content if each is not None))


def _html(content: str | int | Markup) -> str:
    return content.html if isinstance(content, Markup) else escape(str(content))
