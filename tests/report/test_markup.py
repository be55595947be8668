import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.report.markup import Markup, escape, join, tag
from tests.report.reading import Reader


@given(text=st.text())
def test_text_comes_back_as_it_was(text: str) -> None:
    written = escape(text)
    assert not set(written) & set("<>\"'")
    back = html.unescape(written)
    assert len(back) == len(text)
    assert all(now in (before, "\ufffd") for before, now in zip(text, back, strict=True))
    written.encode()


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_an_element_holds_its_text_and_attributes_and_nothing_else(text: str) -> None:
    read = Reader(tag("p", text, aria_label=text, class_=None).html)
    assert [name for name, _ in read.elements] == ["p"]
    assert list(read.elements[0][1]) == ["aria-label"]


@pytest.mark.parametrize("lone", ["\ud800", "\x00", "\x1b[31m", "\uffff"])
def test_what_no_page_can_hold_is_replaced(lone: str) -> None:
    assert "\ufffd" in tag("p", lone).html
    tag("p", lone).html.encode()


def test_only_markup_passes_unescaped() -> None:
    assert join(("<b>", Markup("<b>"), None, 7)).html == "&lt;b&gt;<b>7"
    assert tag("meta", http_equiv="x").html == '<meta http-equiv="x">'
