"""Reads a report as a browser would, with the standard library's parser."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "img"}


class Reader(HTMLParser):
    """The elements, tables and `<data>` values of a page; an element left open or closed twice is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.tables: dict[str, list[list[str]]] = {}
        self.numbers: list[tuple[float, str]] = []
        self._open: list[str] = []
        self._value: float | None = None
        self._caption = ""
        self._row: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag in VOID:
            return
        self._open.append(tag)
        if tag == "caption" or tag == "summary":
            self._caption = ""
        elif tag == "tr":
            self._row = []
        elif tag in {"td", "th"}:
            self._row.append("")
        elif tag == "data":
            self._value = float(given["value"])

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes nothing"
        if tag == "tr":
            self.tables.setdefault(self._caption, []).append(self._row)

    def handle_data(self, data: str) -> None:
        self.text += data
        if "caption" in self._open or "summary" in self._open:
            self._caption += data
        if self._open and {"td", "th"} & set(self._open):
            self._row[-1] += data
        if self._open and self._open[-1] == "data" and self._value is not None:
            self.numbers.append((self._value, data))
