"""A card per data set: classes, images, contact sheet, report and actions."""

import html

import numpy as np
import pandas as pd
import streamlit as st

from roboreg_core.charts.png_url import png_url
from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import CIFAR10, Dataset
from roboreg_core.datasets.own_images import SPLITS
from roboreg_core.store.records import RESTORE_DAYS
from roboreg_core.ui import access, html_marks, keys, panels, schedule_html, shared_state
from roboreg_core.ui.deleted_items import DeletedItems, Entry
from roboreg_core.wording import dataset_facts, fmt

ERRORS = "train-data"
SHOWN = 12
# Of the contact sheet.
CLASSES_SHOWN, PICTURES, BOX = 20, 8, 48
_SHEET = (
    '<div style="display:grid;grid-template-columns:minmax(5rem,auto) 1fr;gap:.35rem .75rem;align-items:center;'
    'max-width:40rem">{rows}</div>'
)


def show() -> None:
    """Draw a card per data set, the first `SHOWN` and a button for more."""
    panels.kept_messages(ERRORS)
    panels.some_at_a_time(library.list_datasets(), _card, SHOWN, "data-more")


def contact_sheet(rows: list[tuple[str, np.ndarray]]) -> str:
    """HTML of some pictures per class; `rows` are pairs of a class name and uint8 pixels (n, height, width, 3)."""
    cells = "".join(
        f'<span style="font-size:.85rem">{schedule_html.text(name)}</span>'
        f'<span style="display:flex;flex-wrap:wrap;gap:3px" role="img" '
        f'aria-label="{html.escape(f"{len(pictures)} pictures of {name}")}">'
        + "".join(html_marks.picture(png_url(np.ascontiguousarray(each)), len(each), BOX, alt="") for each in pictures)
        + "</span>"
        for name, pictures in rows
    )
    return _SHEET.format(rows=cells)


def counts_table(classes: tuple[str, ...], counts: dict[str, list[int]]) -> None:
    """Draw a table of the number of pictures per class and split; `counts` maps each split to its numbers by class."""
    frame = pd.DataFrame({"class": list(classes), **{split: list(counts[split]) for split in SPLITS}})
    st.dataframe(frame, hide_index=True, height="content" if len(frame) <= CLASSES_SHOWN else 420)


def report(lines: list[str], classes: tuple[str, ...], counts: dict[str, list[int]]) -> None:
    """Draw the findings of an import of pictures, and its counts.

    Args:
        lines: findings, one sentence each.
        classes: class names.
        counts: split -> number of pictures of each class, in the order of `classes`.
    """
    st.markdown("\n".join(f"- {panels.escape(line)}" for line in lines))
    counts_table(classes, counts)


def _card(dataset: Dataset) -> None:
    with st.container(border=True, key=keys.of("data", dataset.id)):
        left, right = st.columns([3, 1.4], vertical_alignment="center")
        with left:
            badge = ("yours", None, "blue") if dataset.is_own else ("standard", None, "gray")
            panels.card_heading(fmt.inline_text(dataset.name), badge)
            st.markdown(panels.escape(f"{dataset_facts.size_words(dataset)}."))
            added = f" · added {fmt.date_time(dataset.created)} UTC" if dataset.created else ""
            st.caption(panels.escape(f"{fmt.inline_text(dataset.origin)}{added}"))
        with right:
            _more(dataset)
        shown = st.expander(
            "Pictures and classes", icon=":material/photo_library:", key=keys.of("sheet", dataset.id), on_change="rerun"
        )
        if shown.open:
            with shown, panels.errors_shown():
                _details(dataset)


def _details(dataset: Dataset) -> None:
    if not shared_state.backend().loaded.is_set():
        panels.loading("the images")
        return
    from roboreg_core.datasets import sources

    images = sources.training_images(dataset.id)
    labels = images.labels.numpy()
    first = [np.flatnonzero(labels == label)[:PICTURES] for label in range(min(dataset.n_classes, CLASSES_SHOWN))]
    rows = [
        (name, images.pixels[rows.tolist()].permute(0, 2, 3, 1).numpy())
        for name, rows in zip(dataset.classes, first, strict=False)
    ]
    st.html(contact_sheet(rows))
    if dataset.n_classes > CLASSES_SHOWN:
        names = ", ".join(map(fmt.inline_text, dataset.classes[CLASSES_SHOWN:]))
        st.caption(
            panels.escape(f"And {dataset.n_classes - CLASSES_SHOWN} more classes: {fmt.shortened(names, 2_000)}.")
        )
    if dataset.report:
        st.markdown("**Report of the import**")
        report(dataset.report["lines"], dataset.classes, dataset.report["counts"])


def _more(dataset: Dataset) -> None:
    if not dataset.is_own:
        return
    more = st.popover("More", key=keys.of("data-actions", dataset.id), on_change="rerun")
    if not more.open:  # drawn only when open
        return
    with more:
        with st.form(keys.of("data-edit", dataset.id), border=False):
            st.text_input("Name", dataset.name, key=keys.of("data-name", dataset.id))
            st.form_submit_button(
                "Rename",
                key=keys.of("data-rename", dataset.id),
                on_click=_rename,
                args=(dataset,),
                disabled=not access.may_write(),
            )
        users = library.users_of(dataset, shared_state.store())
        used = dataset_facts.users_words(users)
        need = "; their results stay, but not the pictures" if users else ""
        st.caption(f"Used by {used}{need}. A deleted data set can be restored for {RESTORE_DAYS} days.")
        key = keys.of("data-delete", dataset.id)
        panels.action("Delete", key, "delete", lambda: _delete(dataset), ERRORS, type="tertiary")


def _rename(dataset: Dataset) -> None:
    with panels.errors_kept(ERRORS):
        access.author()
        renamed = library.rename_dataset(dataset, st.session_state[keys.of("data-name", dataset.id)])
        panels.keep_success(ERRORS, f"Renamed to {schedule_html.isolated(renamed.name)}.")
        st.session_state[keys.of("data-actions", dataset.id)] = False


def _delete(dataset: Dataset) -> None:
    access.author()
    library.delete_dataset(dataset)
    DELETED.remember(dataset.id)
    if st.session_state.get(keys.TRAIN_DATA) == dataset.id:
        st.session_state[keys.TRAIN_DATA] = CIFAR10.id
    st.session_state[keys.of("data-actions", dataset.id)] = False


def _restore(dataset_id: str) -> None:
    access.author()
    restored = library.restore_dataset(dataset_id)
    panels.keep_success(ERRORS, f"Restored {schedule_html.isolated(restored.name)}.")


def _deleted() -> list[Entry]:
    return [
        (
            each.id,
            f"{schedule_html.text(each.name)} · {each.n_classes} classes",
            f"Deleted the data set {schedule_html.isolated(each.name)}. Its runs keep their results, without pictures.",
        )
        for each in library.deleted_datasets()
    ]


DELETED = DeletedItems(
    title="Deleted data sets", entries=_deleted, restore=_restore, errors=ERRORS, undo=keys.UNDO_DATA
)
