"""Keys of widgets, containers and fragments that tests, addresses and style sheets rely on.

Streamlit marks an element with the class `st-key-<key>`. Keys of one job, run, schedule, network, sweep or card are
`<action>-<id>`, see `of`. Keys that begin with `controls` are hidden while presenting. A chart of `Panel.show` has
`chart-<name>`, `table-<name>`, `csv-<name>`.
"""

# Design.
SCHEDULE_ROWS, TOOLS_BAR = "schedule-rows", "tools-bar"
UNDO_STEP, REDO_STEP, UNLOCK_ALL, RESET = "undo-step", "redo-step", "unlock-all", "reset"
SCALE_PANEL, SCALE, SCALE_ALL = "scale-panel", "scale", "scale-all"
UPLOAD_SCHEDULE, DOWNLOAD_SCHEDULE = "upload-schedule", "download-schedule"
DOWNLOAD_CURRENT, DOWNLOAD_UNSAVED = "download-current", "download-unsaved"
METHOD, RECALIBRATE, EPOCHS, SEED, IMAGES = "method", "recalibrate", "epochs", "seed", "images"
TUNE_PRESET, DISTIL = "tune-preset", "distil"
LEARNING_RATE, BATCH_SIZE = "learning-rate", "batch-size"
BASELINE_NETWORK = "dense"
START, OPEN_RUN, SHOW_PROGRESS, COUNTS = "start", "open-run", "show-progress", "counts"
PREVIEW, PREVIEW_OLD, PREVIEW_NOTE, PREVIEW_AGAIN = "preview", "preview-old", "preview-note", "preview-again"
# Fragments of Design. `LIVE_PARTS` are rerun, in this order, with every change of a count; then `PREVIEW_PART`, which
# depends on them. `TOOLS_PART` has the buttons undo, redo, scale, reset and unlock, `REMOVAL_PART` the table of removal
# costs; `EDITOR_PART` contains all others.
COUNTS_PART, PRESETS_PART, LAUNCH_PART = "part-counts", "part-presets", "part-launch"
LIVE_PARTS = (COUNTS_PART, PRESETS_PART, LAUNCH_PART)
PREVIEW_PART = "part-preview"
TOOLS_PART = "part-tools"
REMOVAL_PART = "part-exchange"
EDITOR_PART = "part-editor"

# Saved schedules, on Design and on their own page.
LOAD_SAVED, ALL_SAVED = "load-saved", "all-saved"
SAVE_PANEL, SAVE_FORM, SAVE = "save-panel", "save-form", "save"
SAVE_NAME, SAVE_NOTE, SAVE_TAGS, SAVE_OVER = "save-name", "save-note", "save-tags", "save-over"
TAG, ORDER, IMPORT_PANEL, IMPORT, EXPORT_ALL = "tag", "order", "import-panel", "import", "export-all"

# Deletion.
UNDO, DELETE_RUN, CONFIRM_DELETE, KEEP_RUN = "undo", "delete-run", "confirm-delete", "keep-run"

# Signing in, on every page.
ACCESS, SIGN_IN, SIGN_OUT = "access", "sign-in", "sign-out"
SIGN_IN_PANEL, SIGN_IN_FORM, SIGN_IN_NAME, SIGN_IN_PASSWORD = (
    "sign-in-panel",
    "sign-in-form",
    "sign-in-name",
    "sign-in-password",
)

# Inspect. `chart-changes` and `chart-confusion` get a number appended, see `inspect.controls.marks`.
RUN_PICKER, BASELINE_PICKER, FINDING = "run-picker", "baseline-picker", "finding"
STAGE, TAB, CONFUSION_VALUES = "stage", "tab", "confusion-values"
FOLLOW, EVERYTHING, CHANGES_CLASS, BAND = "follow", "everything", "class", "band"
TRUE, PREDICTED, BLOCK, FIND_CLASSES = "true", "predicted", "block", "find-classes"

# Overview and Compare.
BEST, PRESETS, RUNS_TABLE, TRADEOFF = "best", "presets", "runs-table", "tradeoff"
PICKED, COMPARE_THESE, INSPECT_THIS = "picked", "compare-these", "inspect-this"
FIND, SHOW_METHOD, SHOW_ORIGIN, SHOW_PRESET = "find", "show-method", "show-origin", "show-preset"
SHOW_ARCHITECTURE, SHOW_DATA = "show-architecture", "show-data"
COMPARE_RUNS, COMPARE_BASELINE, COMPARED = "compare-runs", "compare-baseline", "compared"
SORT, METRIC, ONLY_METHOD, ONLY_ORIGIN = "sort", "metric", "only-method", "only-origin"
LEAST_ACCURACY, LEAST_WORST, MOST_PARAMETERS = "least-accuracy", "least-worst", "most-parameters"
CLEAR_FILTERS = "clear-filters"
PRESENT = "present"

# Explore.
EXPLORE_TAB, SWEEP = "explore-tab", "sweep"
SWEEP_KIND, SWEEP_SOURCE, SWEEP_LIST = "sweep-kind", "sweep-source", "sweep-list"
SWEEP_DRAWS, SWEEP_DRAW_SEED = "sweep-draws", "sweep-draw-seed"
SWEEP_METHOD, SWEEP_RECALIBRATE, SWEEP_SEEDS = "sweep-method", "sweep-recalibrate", "sweep-seeds"
SWEEP_TUNE, SWEEP_NAME = "sweep-tune", "sweep-name"
SWEEP_COST, SWEEP_START = "sweep-cost", "sweep-start"
SWEEP_EXTENDED, SWEEP_LEAVE = "sweep-extended-note", "sweep-extend-leave"
SWEEP_FORM_PART, SWEEP_LIST_PART = "part-sweep-form", "part-sweep-list"
VARIABLES, GIVEN, ONE, OTHER, POINT, MATRIX = "variables", "given", "one", "other", "point", "matrix"
EXPLORE_METHOD, EXPLORE_RECALIBRATE, AT = "explore-method", "explore-recalibrate", "at"
SCORED, SCORED_STAGE, SCORED_TUNING = "scored", "scored-stage", "scored-tuning"
TRIALS, REFINE, REFINE_STOP = "trials", "refine", "refine-stop"

# Dense networks.
TRAIN_NEW, TRAIN_RECIPE, TRAIN_EPOCHS, TRAIN_SEED = "train-new", "train-recipe", "train-epochs", "train-seed"
TRAIN_BATCH, TRAIN_IMAGES, TRAIN_DEVICE, TRAIN_NAME = "train-batch", "train-images", "train-device", "train-name"
TRAIN_START, TRAIN_RESUME, TRAIN_USE = "train-start", "train-resume", "train-use"
TRAIN_UPLOAD_PART, TRAIN_UPLOAD, TRAIN_UPLOAD_NAME = "train-upload-part", "train-upload", "train-upload-name"
TRAIN_UPLOAD_USE, TRAIN_UPLOAD_NORMALISATION = "train-upload-use", "train-upload-normalisation"
TRAIN_UPLOAD_DATA = "train-upload-data"
TRAIN_DATA, TRAIN_DEPTH, TRAIN_SHORTCUT = "train-data", "train-depth", "train-shortcut"
DATA_PART, DATA_SIZE, DATA_READ, DATA_STOP = "part-data", "data-size", "data-read", "data-stop"
DATA_NAME, DATA_ADD, DATA_DISCARD, UNDO_DATA = "data-name", "data-add", "data-discard", "undo-data"
TRAIN_FETCH_100, TRAIN_FETCH_100_STOP = "train-fetch-100", "train-fetch-100-stop"
TRAIN_IMAGES_PART, TRAIN_FETCH, TRAIN_FETCH_STOP = "train-images-part", "train-fetch", "train-fetch-stop"


def of(action: str, what: str | int) -> str:
    """Widget key `<action>-<what>`, e.g. `lock-3`; `what` is the number, name or id of a block, a preset, a run ..."""
    return f"{action}-{what}"


def row_part(block: int) -> str:
    """Key of the fragment with the row of a block: `part-row-3`."""
    return f"part-row-{block}"


def stage_part(stage: int) -> str:
    """Key of the fragment with the heading of a stage, 1..3: `part-stage-2`."""
    return f"part-stage-{stage}"


def stage_row_part(stage: int) -> str:
    """Key of the fragment with the row of a stage, 1..3, whose blocks are grouped: `part-stage-row-2`."""
    return f"part-stage-row-{stage}"


def sweep_field(kind: str, place: int) -> str:
    """Key of a text field of a sweep's grid, e.g. `sweep-block-3`.

    `kind` is `stage`, `block` or `bounds`, `place` the number of the stage or block, from 1.
    """
    return f"sweep-{kind}-{place}"


def of_measuring(action: str, name: str) -> str:
    """Key of a tab's button that starts (`action`: `measure`) or stops (`measure-stop`) the sweep called `name`."""
    return f"{action}-{name.replace(' ', '-')}"


def limit(name: str) -> str:
    """Key of the number field of a search limit, a field of `search.limits.Limits`: `limit-macs`."""
    return f"limit-{name}"


def limit_on(name: str) -> str:
    """Key of the switch of a search limit, a field of `search.limits.Limits`: `limit-on-macs`."""
    return f"limit-on-{name}"
