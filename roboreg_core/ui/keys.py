"""Keys of the widgets that tests and addresses rely on; Streamlit marks each with the class `st-key-<key>`.

Design: `slider-1`..`slider-9`, `number-1`..`number-9`, `lock-1`..`lock-9`, `link-1`..`link-3`, `preset-<name>`,
`undo-step`, `redo-step`, `scale-panel`, `scale`, `scale-all`, `unlock-all`, `reset`, `upload-schedule`,
`download-schedule`, `method`, `recalibrate`, `epochs`, `seed`, `images`, `learning-rate`, `batch-size`,
`tune-preset`, `distil`, `start`, `open-run`, `show-progress`, `counts` (the live figures), `schedule-rows`,
`preview` (the pruned accuracy, `preview-old` while it is measured anew), `preview-note`, `preview-again`.
Jobs: `job-<id>`, `cancel-<id>`, `resume-<id>`, `open-<id>`, `log-<id>`, `forget-<id>`.
Inspect: `run-picker`, `baseline-picker`, `stage`, `tab`, `confusion-values`, `finding`; Damage: `follow`, `everything`,
`class`, `band`, `pictures-band`; Confusion: `true`, `predicted`, `pictures-cell`, `pictures-entered`, `pictures-left`;
Clusters: `block`; Files: `download-weights`, `download-card`,
`download-run-schedule`, `download-predictions`, `download-report`, `download-record`,
`make-onnx`, `make-report`, `download-made-onnx`, `download-made-report`.
Saved schedules, on Design: `load-saved`, `save-panel`, `save-name`, `save-note`, `save-tags`, `save-over`, `save`,
`all-saved`; on their page: `tag`, `order`, `import-panel`, `import`, `export-all`, and for each `saved-<id>`,
`design-<id>`, `more-<id>`, `name-<id>`, `note-<id>`, `tags-<id>`, `rename-<id>`, `duplicate-<id>`, `export-<id>`,
`delete-<id>`, `restore-<id>`.
Deletions: `undo`, `undo-bar`; of runs `delete-run`, `confirm-delete`, `keep-run`, `restore-<id>`.
Overview: `best`, `presets`, `runs-table`, `tradeoff`, `picked`, `compare-these`, `inspect-this`, `find`, `show-method`,
`show-origin`, `show-preset`.
Compare: `compare-runs`, `compare-baseline`, `compare-start-<name>`, `sort`, `metric`, `only-method`, `only-origin`,
`least-accuracy`, `least-worst`, `most-parameters`, `clear-filters`, `compared` (the table of figures), `tradeoff`.
Explore: `explore-tab`, `sweep` (which one is looked at).
Sweeps: `sweep-kind`, `sweep-source`, `sweep-stage-1`..`3`, `sweep-block-1`..`9`,
`sweep-bounds-1`..`9`, `sweep-list`, `sweep-draws`, `sweep-draw-seed`, `sweep-method`, `sweep-recalibrate`,
`sweep-seeds`, `sweep-tune`, `sweep-images`, `sweep-name`, `sweep-cost` (what it will take), `sweep-start`, and for
each `sweep-<id>`, `stop-<id>`, `resume-<id>`, `extend-<id>`, `correlate-<id>`, `more-<id>`, `name-<id>`, `rename-<id>`,
`delete-<id>`, `restore-<id>`.
Correlation: `variables`, `given`, `one`, `other` (the chosen cell), `point` (the id of a record), `matrix`.
Sensitivity, Search and Prediction: `explore-method`, `explore-recalibrate`, `measure-<name>`, `measure-stop-<name>`.
Sensitivity: `at` (the schedule). Prediction: `scored-stage`, `scored-tuning`, `scored` (the chosen one's record).
A schedule's card, `<where>` being where it is shown: `card-<where>`, `card-design-<where>`, `card-run-<where>`,
`card-inspect-<where>`.
Search: `limit-on-<name>`, `limit-<name>`, `trials`, `refine`, `refine-stop`.
Train: `dense` (the chosen network, on Design and Explore), `train-new`, `train-recipe`, `train-epochs`, `train-seed`,
`train-batch`, `train-images`, `train-device`, `train-name`, `train-start`, `train-resume`, `train-use`,
`train-upload-part`, `file-<n>`, `train-upload-name`, `train-upload`, `train-upload-use`, `train-images-part`,
`train-fetch`, `train-fetch-stop`, and for each network, `<id>` being its record's or the beginning of its SHA-256,
`network-<id>`, `use-<id>`, `more-<id>`, `curves-<id>`, `download-<id>`, `name-<id>`, `rename-<id>`, `delete-<id>`,
`restore-<id>`, `restore-training-<id>`, `restore-upload-<id>`.
Presenting: `present`; containers whose key begins with `controls` are hidden by it.
Every chart: `chart-<name>`, `table-<name>`, `csv-<name>`; `chart-damage` and `chart-confusion` get a number behind them
when something is chosen that was not clicked.
"""

from __future__ import annotations

RESET, SCHEDULE_ROWS = "reset", "schedule-rows"
UNDO_STEP, REDO_STEP, UNLOCK_ALL = "undo-step", "redo-step", "unlock-all"
SCALE_PANEL, SCALE, SCALE_ALL = "scale-panel", "scale", "scale-all"
TOOLS_BAR = "tools-bar"
UPLOAD_SCHEDULE, DOWNLOAD_SCHEDULE = "upload-schedule", "download-schedule"
METHOD, RECALIBRATE, EPOCHS, SEED, IMAGES = "method", "recalibrate", "epochs", "seed", "images"
TUNE_PRESET, DISTIL = "tune-preset", "distil"
LEARNING_RATE, BATCH_SIZE = "learning-rate", "batch-size"
BASELINE_NETWORK = "dense"
START, OPEN_RUN, SHOW_PROGRESS, COUNTS = "start", "open-run", "show-progress", "counts"
PREVIEW, PREVIEW_OLD, PREVIEW_NOTE, PREVIEW_AGAIN = "preview", "preview-old", "preview-note", "preview-again"
# Fragments that are drawn again with every change of a count, in this order.
COUNTS_PART, PRESETS_PART, LAUNCH_PART = "part-counts", "part-presets", "part-launch"
LIVE_PARTS = (COUNTS_PART, PRESETS_PART, LAUNCH_PART)
# Drawn again last, and when the method changes: what it asks for depends on the others.
PREVIEW_PART = "part-preview"
# Undo, redo and the like: they tell what was changed last.
TOOLS_PART = "part-tools"
# What one cluster fewer saves and costs.
EXCHANGE_PART = "part-exchange"
# The fragment around all of them and the rows.
WORKBENCH_PART = "part-workbench"
RUN_PICKER, STAGE, TAB, CONFUSION_VALUES, FINDING = "run-picker", "stage", "tab", "confusion-values", "finding"
BASELINE_PICKER, FOLLOW, EVERYTHING, DAMAGE_CLASS, BAND = "baseline-picker", "follow", "everything", "class", "band"
TRUE, PREDICTED, BLOCK = "true", "predicted", "block"
LOAD_SAVED, ALL_SAVED = "load-saved", "all-saved"
SAVE_PANEL, SAVE_FORM, SAVE = "save-panel", "save-form", "save"
SAVE_NAME, SAVE_NOTE, SAVE_TAGS, SAVE_OVER = "save-name", "save-note", "save-tags", "save-over"
TAG, ORDER, IMPORT_PANEL, IMPORT, EXPORT_ALL = "tag", "order", "import-panel", "import", "export-all"
UNDO, UNDO_BAR, DELETE_RUN, CONFIRM_DELETE, KEEP_RUN = "undo", "undo-bar", "delete-run", "confirm-delete", "keep-run"
BEST, PRESETS, RUNS_TABLE, TRADEOFF = "best", "presets", "runs-table", "tradeoff"
PICKED, COMPARE_THESE, INSPECT_THIS = "picked", "compare-these", "inspect-this"
FIND, SHOW_METHOD, SHOW_ORIGIN, SHOW_PRESET = "find", "show-method", "show-origin", "show-preset"
COMPARE_RUNS, COMPARE_BASELINE, COMPARED = "compare-runs", "compare-baseline", "compared"
SORT, METRIC, ONLY_METHOD, ONLY_ORIGIN = "sort", "metric", "only-method", "only-origin"
LEAST_ACCURACY, LEAST_WORST, MOST_PARAMETERS = "least-accuracy", "least-worst", "most-parameters"
CLEAR_FILTERS = "clear-filters"
EXPLORE_TAB, SWEEP = "explore-tab", "sweep"
SWEEP_KIND, SWEEP_SOURCE, SWEEP_LIST = "sweep-kind", "sweep-source", "sweep-list"
SWEEP_DRAWS, SWEEP_DRAW_SEED = "sweep-draws", "sweep-draw-seed"
SWEEP_METHOD, SWEEP_RECALIBRATE, SWEEP_SEEDS = "sweep-method", "sweep-recalibrate", "sweep-seeds"
SWEEP_TUNE, SWEEP_NAME = "sweep-tune", "sweep-name"
SWEEP_COST, SWEEP_START = "sweep-cost", "sweep-start"
SWEEP_EXTENDED, SWEEP_LEAVE = "sweep-extended-note", "sweep-extend-leave"
VARIABLES, GIVEN, ONE, OTHER, POINT, MATRIX = "variables", "given", "one", "other", "point", "matrix"
EXPLORE_METHOD, EXPLORE_RECALIBRATE, AT = "explore-method", "explore-recalibrate", "at"
SCORED, SCORED_STAGE, SCORED_TUNING = "scored", "scored-stage", "scored-tuning"
TRIALS, REFINE, REFINE_STOP = "trials", "refine", "refine-stop"
# The fragments of the Sweeps tab.
SWEEP_FORM_PART, SWEEP_LIST_PART = "part-sweep-form", "part-sweep-list"
PRESENT = "present"
TRAIN_NEW, TRAIN_RECIPE, TRAIN_EPOCHS, TRAIN_SEED = "train-new", "train-recipe", "train-epochs", "train-seed"
TRAIN_BATCH, TRAIN_IMAGES, TRAIN_DEVICE, TRAIN_NAME = "train-batch", "train-images", "train-device", "train-name"
TRAIN_START, TRAIN_RESUME, TRAIN_USE = "train-start", "train-resume", "train-use"
TRAIN_UPLOAD_PART, TRAIN_UPLOAD, TRAIN_UPLOAD_NAME = "train-upload-part", "train-upload", "train-upload-name"
TRAIN_UPLOAD_USE = "train-upload-use"
TRAIN_IMAGES_PART, TRAIN_FETCH, TRAIN_FETCH_STOP = "train-images-part", "train-fetch", "train-fetch-stop"


def slider(block: int) -> str:
    """The slider of a block, 1..9."""
    return f"slider-{block}"


def number(block: int) -> str:
    """The number field of a block, 1..9."""
    return f"number-{block}"


def lock(block: int) -> str:
    """The button that locks a block, 1..9, or unlocks it."""
    return f"lock-{block}"


def link(stage: int) -> str:
    """The button that links a stage, 1..3, or lets it go."""
    return f"link-{stage}"


def row_part(block: int) -> str:
    """The fragment of a block's row."""
    return f"part-row-{block}"


def stage_part(stage: int) -> str:
    """The fragment of a stage's heading."""
    return f"part-stage-{stage}"


def preset(name: str) -> str:
    """The button of a preset."""
    return f"preset-{name}"


def make_file(kind: str) -> str:
    """The button that makes a file of a run; `kind` is `onnx` or `report`."""
    return f"make-{kind}"


def download_made(kind: str) -> str:
    """The download of such a file once it is made."""
    return f"download-made-{kind}"


def pictures(what: str) -> str:
    """The pictures of a `band` or a `cell`, or those that `entered` a cell or `left` it."""
    return f"pictures-{what}"


def of(action: str, what: str) -> str:
    """A control of one job, saved schedule, network, sweep or card, named by its id; for the actions see above."""
    return f"{action}-{what}"


def sweep_field(kind: str, place: int) -> str:
    """A text of the grid; `kind` is `stage`, `block` or `bounds`, `place` counts from 1."""
    return f"sweep-{kind}-{place}"


def of_measuring(action: str, name: str) -> str:
    """Starts or stops what a tab lacks; `action` is `measure` or `measure-stop`."""
    return f"{action}-{name.replace(' ', '-')}"


def limit(name: str) -> str:
    """The number of a search's limit, named as in `analysis.limits.Limits`."""
    return f"limit-{name}"


def limit_on(name: str) -> str:
    """The switch of such a limit."""
    return f"limit-on-{name}"


def compare_start(name: str) -> str:
    """The button that begins a comparison with a group of runs: `front`, `recorded` or `newest`."""
    return f"compare-start-{name}"
