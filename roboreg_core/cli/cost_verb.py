"""The verb `cost`."""

from dataclasses import asdict

from roboreg_core.architecture import RESNET20
from roboreg_core.cli.common import ArchitectureOptions, Json, ScheduleArgument, print_result, with_options
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule


@with_options
def cost_verb(schedule: ScheduleArgument, options: ArchitectureOptions, as_json: Json = False) -> None:
    """Compute parameters, MACs and size of a schedule."""
    architecture = options.chosen()
    parsed = Schedule.parse(schedule, architecture)
    counted, dense = cost(parsed), cost(parsed.dense)
    shares = counted.parameters / dense.parameters, counted.macs / dense.macs
    values = {
        **parsed.stored(),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "flops": counted.flops,
        "size_bytes": counted.size_bytes,
        "parameters_share": shares[0],
        "macs_share": shares[1],
        "layers": [asdict(layer) for layer in counted.layers],
    }
    network = "" if architecture == RESNET20 else f"{architecture.label}, "
    print_result(
        as_json,
        values,
        f"{network}{parsed.label}: {counted.parameters:,} parameters, {counted.macs:,} MACs "
        f"({shares[0]:.1%} and {shares[1]:.1%} of dense)",
    )
