"""Test images as pictures, each with its true class and what every network took it for, a page at a time."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import streamlit as st

from roboreg_core.charts.png_url import png_address
from roboreg_core.datasets import sources
from roboreg_core.runs.predicted_classes import PredictedClasses
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import keys
from roboreg_core.wording import baseline_changes, fmt

PER_PAGE = 48
NETWORK_WORDS = {"dense": "dense", "pruned": "pruned", "tuned": "tuned"}
# Three screen pixels for each of the image's 32, with sharp edges: smoothing would invent what is not there.
_STYLE = """<style>
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem 0.75rem; }
.pictures figure { margin: 0; }
.pictures img { width: 96px; height: 96px; image-rendering: pixelated; border-radius: 2px; display: block; }
.pictures figcaption { font-size: 0.8rem; line-height: 1.35; margin-top: 0.25rem; }
.pictures .wrong { opacity: 0.85; font-style: italic; }
</style>"""


@dataclass(frozen=True, kw_only=True)
class GalleryPredictions:
    """What every network said to the images.

    Attributes:
        classes: names of the classes.
        labels: int64 (n,), true classes of all test images.
        networks: name -> what it predicted, in the order of the captions.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    networks: dict[str, PredictedClasses]

    @classmethod
    def of(cls, summary: Summary) -> GalleryPredictions:
        """The run's networks, and the baseline's where that is another run."""
        networks = {NETWORK_WORDS[stage]: each for stage, each in summary.predictions.items()}
        if not baseline_changes.is_dense(summary):
            networks["baseline"] = summary.baseline.predictions
        return cls(classes=summary.classes, labels=summary.labels, networks=networks)


def show(name: str, places: np.ndarray, title: str, look: GalleryPredictions) -> None:
    """The test images at `places` under a title that tells how many they are; `name` is unique on the page."""
    with st.container(key=keys.pictures(name)):
        if not len(places):
            st.markdown(f"**{title}: no image**")
            return
        pages = -(-len(places) // PER_PAGE)
        with st.container(horizontal=True, vertical_alignment="center"):
            place = st.empty()
            # Named after its images, so that another choice begins on its first page.
            key = f"page-{name}-{len(places)}-{int(places[0])}-{int(places[-1])}"
            page = st.pagination(pages, key=key, max_visible_pages=5) if pages > 1 else 1
        start = (page - 1) * PER_PAGE
        shown = places[start : start + PER_PAGE]
        place.markdown(f"**{title}: {fmt.plural(len(places), 'image')}, {start + 1:,}–{start + len(shown):,}**")
        st.html(grid(shown, look))


def grid(places: np.ndarray, look: GalleryPredictions) -> str:
    """The pictures as HTML."""
    pixels = sources.test_images().pixels[places.tolist()].permute(0, 2, 3, 1).numpy()
    figures = "".join(_figure(int(place), picture, look) for place, picture in zip(places, pixels, strict=True))
    return f'{_STYLE}<div class="pictures">{figures}</div>'


def _figure(place: int, picture: np.ndarray, look: GalleryPredictions) -> str:
    true = html.escape(look.classes[look.labels[place]])
    said = "<br>".join(
        _line(name, look, int(each.classes[place]), float(each.confidence[place]), place)
        for name, each in look.networks.items()
    )
    address = png_address(np.ascontiguousarray(picture))
    return (
        f'<figure><img src="{address}" alt="{true}, test image {place}" title="test image {place}" width="96" '
        f'height="96"><figcaption><strong>{true}</strong><br>{said}</figcaption></figure>'
    )


def _line(name: str, look: GalleryPredictions, predicted: int, confidence: float, place: int) -> str:
    right = predicted == look.labels[place]
    text = f"{name}: {html.escape(look.classes[predicted])} {fmt.percent(confidence, 0)}"
    return f"✓ {text}" if right else f'<span class="wrong">✗ {text}</span>'
