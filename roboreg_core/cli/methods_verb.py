"""The verb `methods`."""

from roboreg_core.cli.common import Json, print_result
from roboreg_core.pruning import methods as pruning


def methods_verb(as_json: Json = False) -> None:
    """List the pruning methods and the parts that they are composed of."""
    parts = {
        "features": pruning.FEATURES,
        "clusters": pruning.CLUSTERS,
        "keep": pruning.KEEPS,
        "repair": {
            **pruning.REPAIRS,
            "recalibrate": "batch norm's statistics are re-estimated on calibration images",
        },
    }
    methods = [
        *(method.to_json() for method in pruning.METHODS.values()),
        {"name": pruning.WEIGHTS, "meaning": pruning.WEIGHTS_MEANING},
    ]
    lines = [
        f"{method['name']:<12}{method['meaning']}{' (default)' if method['name'] == pruning.DEFAULT_METHOD else ''}"
        for method in methods
    ]
    for part, choices in parts.items():
        lines += ["", f"--{part}", *(f"  {name:<12}{meaning}" for name, meaning in choices.items())]
    print_result(as_json, {"default": pruning.DEFAULT_METHOD, "methods": methods, "parts": parts}, "\n".join(lines))
