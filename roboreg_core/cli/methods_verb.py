"""The verb `methods`."""

from __future__ import annotations

from roboreg_core.cli.common import Json, print_result


def methods_verb(as_json: Json = False) -> None:
    """List the pruning methods and the parts that they are composed of."""
    from roboreg_core.pruning.methods import (
        CLUSTERS,
        DEFAULT_METHOD,
        FEATURES,
        KEEPS,
        METHODS,
        REPAIRS,
        WEIGHTS,
        WEIGHTS_MEANING,
    )

    parts = {
        "features": FEATURES,
        "clusters": CLUSTERS,
        "keep": KEEPS,
        "repair": {**REPAIRS, "recalibrate": "batch norm's statistics are estimated anew on calibration images"},
    }
    methods = [*(method.to_json() for method in METHODS.values()), {"name": WEIGHTS, "meaning": WEIGHTS_MEANING}]
    lines = [
        f"{method['name']:<12}{method['meaning']}{' (default)' if method['name'] == DEFAULT_METHOD else ''}"
        for method in methods
    ]
    for part, choices in parts.items():
        lines += ["", f"--{part}", *(f"  {name:<12}{meaning}" for name, meaning in choices.items())]
    print_result(as_json, {"default": DEFAULT_METHOD, "methods": methods, "parts": parts}, "\n".join(lines))
