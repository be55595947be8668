"""Fields for a grid of schedules: counts per stage, counts per block, a list, or bounds for random draws."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.schedules.schedule import presets
from roboreg_core.sweeps.grid import BLOCKS, LIST, MAX_SCHEDULES, RANDOM, STAGES, Grid, source_grid
from roboreg_core.ui import keys, shared_state, url_settings
from roboreg_core.ui.explore import grid_parsing, sweep_extension
from roboreg_core.ui.url_settings import UrlSetting, one_of, within

KIND_WORDS = {STAGES: "Grid by stage", BLOCKS: "Grid by block", LIST: "List", RANDOM: "Random"}
KIND_HELP = {
    STAGES: "Every combination of the counts below; all blocks of a stage get the same count.",
    BLOCKS: "Every combination of the counts below, one list per block. A single count keeps a block fixed.",
    LIST: "One schedule per line: {n_blocks} counts or the name of a preset.",
    RANDOM: "Each block's count is drawn uniformly between two bounds. The same seed draws the same schedules.",
}
HOW = "Comma-separated counts; 4-12 means all from 4 to 12, 4-12:4 every fourth of them."
MOST_TEXT, DEFAULT_DRAWS = 400, 20
# Fields of blocks side by side.
_COLUMNS = 3
_FIELD = {STAGES: "stage", BLOCKS: "block", RANDOM: "bounds"}


def _settings() -> list[UrlSetting]:
    """Settings kept in the address; a list is left out, since it may be longer than an address."""
    texts = [
        UrlSetting(key=_key(kind, place), default=text, read=lambda value: value[:MOST_TEXT])
        for kind in _FIELD
        for place, text in enumerate(_defaults(kind), 1)
    ]
    return [
        UrlSetting(key=keys.SWEEP_KIND, default=STAGES, read=one_of(*KIND_WORDS)),
        UrlSetting(key=keys.SWEEP_DRAWS, default=DEFAULT_DRAWS, read=within(1, MAX_SCHEDULES)),
        UrlSetting(key=keys.SWEEP_DRAW_SEED, default=0, read=within(0, grid_parsing.MOST_SEED)),
        *texts,
    ]


def show() -> None:
    """Draw the fields for a sweep's grid, and a button that fills in the original project's grid."""
    settings = _settings()
    url_settings.restore(settings)
    source = source_grid(_architecture())
    st.session_state.setdefault(keys.SWEEP_LIST, "")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Which schedules",
            list(KIND_WORDS),
            key=keys.SWEEP_KIND,
            required=True,
            format_func=KIND_WORDS.__getitem__,
            persist_state="session",
        )
        st.button(
            f"Original project's grid ({source.size})",
            key=keys.SWEEP_SOURCE,
            icon=":material/grid_view:",
            on_click=take,
            args=(source,),
            help="A quarter, a half and three quarters of each stage's filters.",
        )
    kind = st.session_state[keys.SWEEP_KIND]
    st.caption(KIND_HELP[kind].format(n_blocks=_architecture().n_blocks))
    fields: dict[str, Callable[[], None]] = {
        STAGES: _stages, BLOCKS: partial(_per_block, BLOCKS, HOW), LIST: _list, RANDOM: _random
    }  # fmt: skip
    fields[kind]()
    url_settings.follow(settings)


def read() -> Grid:
    """Parse the fields drawn by `show`. Raises `SpecError`: a field is invalid."""
    kind, architecture = st.session_state[keys.SWEEP_KIND], _architecture()
    if kind == LIST:
        return grid_parsing.grid(kind, [st.session_state[keys.SWEEP_LIST] or ""], architecture)
    places = range(1, len(_defaults(kind)) + 1)
    texts = [st.session_state.get(_key(kind, place)) or "" for place in places]
    n, seed = (st.session_state[key] or 0 for key in (keys.SWEEP_DRAWS, keys.SWEEP_DRAW_SEED))
    return grid_parsing.grid(kind, texts, architecture, n=n, seed=seed)


def take(grid: Grid) -> None:
    """For callbacks: fill the fields with a grid."""
    st.session_state[keys.SWEEP_KIND] = grid.kind
    if grid.kind == LIST:
        st.session_state[keys.SWEEP_LIST] = "\n".join(grid_parsing.written(counts) for counts in grid.values)
        return
    for place, values in enumerate(grid.values, 1):
        text = "-".join(map(str, values)) if grid.kind == RANDOM else grid_parsing.written(values)
        st.session_state[_key(grid.kind, place, grid.architecture)] = text
    if grid.kind == RANDOM:
        st.session_state.update({keys.SWEEP_DRAWS: grid.n, keys.SWEEP_DRAW_SEED: grid.seed})


def _architecture() -> Architecture:
    """Architecture of the grid: of the extended sweep, else of the chosen dense network."""
    extended = sweep_extension.extended()
    return shared_state.architecture() if extended is None else extended.spec.grid.architecture


def _key(kind: str, place: int, architecture: Architecture | None = None) -> str:
    """Key of the text field `place` (from 1) of a kind of grid; other architectures have fields of their own."""
    of = architecture or _architecture()
    name = "" if of.bounds == RESNET20.bounds else f"-{of.depth}-{of.base_width}"
    return keys.sweep_field(_FIELD[kind] + name, place)


def _defaults(kind: str) -> tuple[str, ...]:
    """Initial texts of the fields of a kind of grid."""
    architecture = _architecture()
    if kind == STAGES:
        return tuple(map(grid_parsing.written, source_grid(architecture).values))
    if kind == BLOCKS:
        return tuple(map(str, presets(architecture)["moderate"]))
    return tuple(f"{max(1, bound // 4)}-{bound}" for bound in architecture.bounds)


def _stages() -> None:
    architecture = _architecture()
    widths = architecture.stage_widths
    for stage, column, width in zip(architecture.stages, st.columns(len(widths)), widths, strict=True):
        blocks = architecture.blocks_of(stage)
        _text(column, f"Blocks {blocks[0]} to {blocks[-1]}, 1 to {width}", _key(STAGES, stage), HOW)


def _random() -> None:
    _per_block(RANDOM, "Lowest and highest count, e.g. 4-16 (inclusive). A single number keeps a block fixed.")
    left, right, _ = st.columns(3)
    left.number_input("Number of schedules", 1, MAX_SCHEDULES, key=keys.SWEEP_DRAWS, persist_state="session")
    right.number_input("Seed of the draw", 0, grid_parsing.MOST_SEED, key=keys.SWEEP_DRAW_SEED, persist_state="session")


def _per_block(kind: str, how: str) -> None:
    """Draw a field per block; those of a stage with many blocks in an expander."""
    architecture = _architecture()
    for stage, width in zip(architecture.stages, architecture.stage_widths, strict=True):
        blocks = architecture.blocks_of(stage)
        title = f"Blocks {blocks[0]} to {blocks[-1]}, 1 to {width}"
        with st.expander(title) if architecture.is_deep else st.container():
            for row in range(0, len(blocks), _COLUMNS):
                for column, block in zip(st.columns(_COLUMNS), blocks[row : row + _COLUMNS], strict=False):
                    _text(column, f"Block {block}, 1 to {width}", _key(kind, block), how)


def _text(column: st.delta_generator.DeltaGenerator, label: str, key: str, how: str) -> None:
    column.text_input(label, key=key, max_chars=MOST_TEXT, help=how, persist_state="session")


def _list() -> None:
    st.text_area(
        "Schedules, one per line",
        key=keys.SWEEP_LIST,
        height=160,
        placeholder=f"{presets(_architecture())['moderate']}\nquarter\n{presets(_architecture())['minimal']}",
        persist_state="session",
    )
