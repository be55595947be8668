"""Gallery of test images with their true class and the prediction of each network, a page at a time."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from roboreg_core.charts.png_url import png_url
from roboreg_core.datasets import sources
from roboreg_core.runs.predicted_classes import PredictedClasses
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import html_marks, keys, panels
from roboreg_core.wording import baseline_changes, fmt

PER_PAGE = 48
# Of a picture, in screen pixels.
BOX = 96
_STYLE = """<style>
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem 0.75rem; }
.pictures figure { margin: 0; }
.pictures figcaption { font-size: 0.8rem; line-height: 1.35; margin-top: 0.25rem; }
.pictures .wrong { opacity: 0.85; font-style: italic; }
</style>"""


def show(name: str, places: np.ndarray, title: str, summary: Summary) -> None:
    """Draw a page of test images with the predictions of a run's networks, and of the baseline if that is another run.

    Args:
        name: name of the gallery, unique on the page.
        places: indices of the test images (n,).
        title: heading, to which the number of images is added.
        summary: the run against its baseline.
    """
    with st.container(key=keys.of("pictures", name)):
        if not len(places):
            st.markdown(f"**{title}: no images**")
            return
        pages = -(-len(places) // PER_PAGE)
        with st.container(horizontal=True, vertical_alignment="center"):
            place = st.empty()
            # A key per selection of images, so that another one starts on its first page.
            key = f"page-{name}-{len(places)}-{int(places[0])}-{int(places[-1])}"
            page = st.pagination(pages, key=key, max_visible_pages=5) if pages > 1 else 1
        start = (page - 1) * PER_PAGE
        shown = places[start : start + PER_PAGE]
        place.markdown(f"**{title}: {fmt.plural(len(places), 'image')}, {start + 1:,}–{start + len(shown):,}**")
        with panels.errors_shown():
            st.html(_grid(shown, summary))


def _grid(places: np.ndarray, summary: Summary) -> str:
    networks = {fmt.STAGE_WORDS[stage]: each for stage, each in summary.predictions.items()}
    if not baseline_changes.is_dense(summary):
        networks["baseline"] = summary.baseline.predictions
    images = sources.test_images(summary.record.spec["training_set"])
    pixels = images.pixels[places.tolist()].permute(0, 2, 3, 1).numpy()
    figures = "".join(
        _figure(int(place), picture, summary, networks) for place, picture in zip(places, pixels, strict=True)
    )
    return f'{_STYLE}<div class="pictures">{figures}</div>'


def _figure(place: int, picture: np.ndarray, summary: Summary, networks: dict[str, PredictedClasses]) -> str:
    label = summary.labels[place]
    name = summary.classes[label]
    true = html.escape(name)
    lines = []
    for network, each in networks.items():
        predicted = each.classes[place]
        text = f"{network}: {html.escape(summary.classes[predicted])} {fmt.percent(float(each.confidence[place]), 0)}"
        lines.append(f"✓ {text}" if predicted == label else f'<span class="wrong">✗ {text}</span>')
    url, alt, title = png_url(np.ascontiguousarray(picture)), f"{name}, test image {place}", f"test image {place}"
    return (
        f"<figure>{html_marks.picture(url, len(picture), BOX, alt, title)}"
        f"<figcaption><strong>{true}</strong><br>{'<br>'.join(lines)}</figcaption></figure>"
    )
