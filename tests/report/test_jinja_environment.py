"""The templates escape every value everywhere, and reject a missing one."""

from __future__ import annotations

import re

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.paths import PROJECT
from roboreg_core.report.jinja_environment import environment, render, replace_invalid
from roboreg_core.report.values import Number, RunName
from tests.report.reading import Reader

REPORT = PROJECT / "roboreg_core" / "report"
TAGS = ["{{ 7 * 7 }}", "{% raw %}", "{% include 'report.css' %}", "{{ self }}", "{# comment #}"]


def rendered(text: str, folded: bool) -> Reader:
    """A table and a command with the text in every place."""
    macros = environment().get_template("macros.html.j2").module
    cells = [text, 7, Number(value=1.5, text=text, verdict=text), Number(value=2.5, text=text, dimmed=True)]
    rows = [[text, *cells], [RunName(text=text, marker=text, colour="#123456"), *cells]]
    table = macros.table(text, [text] * 5, rows, folded=folded)  # type: ignore[attr-defined]
    return Reader(replace_invalid(f"{table}{macros.command(text, text)}"))  # type: ignore[attr-defined]


@given(text=st.text() | st.sampled_from(TAGS), folded=st.booleans())
def test_no_text_adds_an_element_or_an_attribute(text: str, folded: bool) -> None:
    read, harmless = rendered(f"x{text}", folded), rendered("x", folded)
    assert [(name, list(given)) for name, given in read.elements] == [
        (name, list(given)) for name, given in harmless.elements
    ]
    shown = replace_invalid(f"x{text}")
    assert read.tables == {
        shown: [[shown] * 5, [shown, shown, "7", shown, shown], [shown * 2, shown, "7", shown, shown]]
    }
    assert [value for value, _ in read.numbers] == [1.5, 2.5] * 2
    assert {given["aria-label"] for _, given in read.elements if "aria-label" in given} == {shown}


@given(text=st.text())
def test_a_value_comes_back_as_it_was(text: str) -> None:
    written = environment().from_string("{{ text }}").render(text=text)
    assert not set(written) & set("<>\"'")
    read = Reader(f'<p title="{written}">{written}</p>')
    assert (read.text, read.elements) == (text, [("p", {"title": text})])


@pytest.mark.parametrize("lone", ["\ud800", "\x00", "\x1b[31m", "\uffff"])
def test_what_no_page_can_hold_is_replaced(lone: str) -> None:
    page = render("base.html.j2", name=lone, finding=lone, lead=[lone])
    assert page.count("\ufffd") == 3
    page.encode()


@pytest.mark.parametrize("template", ["base.html.j2", "run.html.j2", "comparison.html.j2"])
def test_a_missing_value_is_an_error(template: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render(template, name="a", finding="b")


def test_every_template_escapes_and_one_place_makes_markup() -> None:
    names = environment().list_templates()
    assert {"base.html.j2", "macros.html.j2", "run.html.j2", "comparison.html.j2", "report.css"} == set(names)
    for name in names:
        template = (REPORT / "templates" / name).read_text()
        assert not re.search(r"\|\s*safe\b|autoescape|Markup", template), name
    sources = "".join(path.read_text() for path in REPORT.glob("*.py"))
    assert len(re.findall(r"\bMarkup\(", sources)) == 1
    assert environment().autoescape is True
