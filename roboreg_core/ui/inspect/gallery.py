"""Gallery of test images with their true class and the prediction of each network, a page at a time."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st

from roboreg_core.charts.png_url import png_url
from roboreg_core.datasets import sources
from roboreg_core.runs.predicted_classes import PredictedClasses
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys
from roboreg_core.wording import baseline_changes, fmt

PER_PAGE = 48
# Three screen pixels per image pixel, without smoothing.
_STYLE = """<style>
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem 0.75rem; }
.pictures figure { margin: 0; }
.pictures img { width: 96px; height: 96px; image-rendering: pixelated; border-radius: 2px; display: block; }
.pictures figcaption { font-size: 0.8rem; line-height: 1.35; margin-top: 0.25rem; }
.pictures .wrong { opacity: 0.85; font-style: italic; }
</style>"""


@dataclass(frozen=True, kw_only=True)
class GalleryPredictions:
    """Predictions of several networks on the test images.

    Attributes:
        classes: names of the classes.
        labels: true classes of all test images, int64 (n,).
        networks: name -> predictions, in the order of the captions.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    networks: dict[str, PredictedClasses]

    @classmethod
    def of(cls, summary: Summary) -> GalleryPredictions:
        """Predictions of a run's networks, and of the baseline if that is another run."""
        networks = {fmt.STAGE_WORDS[stage]: each for stage, each in summary.predictions.items()}
        if not baseline_changes.is_dense(summary):
            networks["baseline"] = summary.baseline.predictions
        return cls(classes=summary.classes, labels=summary.labels, networks=networks)


def show(name: str, places: np.ndarray, title: str, predictions: GalleryPredictions) -> None:
    """Draw test images.

    Args:
        name: name of the gallery, unique on the page.
        places: indices of the test images (n,).
        title: heading, to which the number of images is added.
        predictions: predictions for the captions.
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
        st.html(_grid(shown, predictions))


def _grid(places: np.ndarray, predictions: GalleryPredictions) -> str:
    pixels = sources.test_images().pixels[places.tolist()].permute(0, 2, 3, 1).numpy()
    figures = "".join(_figure(int(place), picture, predictions) for place, picture in zip(places, pixels, strict=True))
    return f'{_STYLE}<div class="pictures">{figures}</div>'


def _figure(place: int, picture: np.ndarray, predictions: GalleryPredictions) -> str:
    label = predictions.labels[place]
    true = html.escape(predictions.classes[label])
    lines = []
    for name, each in predictions.networks.items():
        predicted = each.classes[place]
        text = f"{name}: {html.escape(predictions.classes[predicted])} {fmt.percent(float(each.confidence[place]), 0)}"
        lines.append(f"✓ {text}" if predicted == label else f'<span class="wrong">✗ {text}</span>')
    address = png_url(np.ascontiguousarray(picture))
    return (
        f'<figure><img src="{address}" alt="{true}, test image {place}" title="test image {place}" width="96" '
        f'height="96"><figcaption><strong>{true}</strong><br>{"<br>".join(lines)}</figcaption></figure>'
    )
