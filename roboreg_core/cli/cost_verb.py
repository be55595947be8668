"""The verb `cost`."""

from dataclasses import asdict

from roboreg_core.cli.common import Json, ScheduleArgument, print_result
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.schedules.schedule import Schedule


def cost_verb(schedule: ScheduleArgument, as_json: Json = False) -> None:
    """Compute parameters, MACs and size of a schedule."""
    parsed = Schedule.parse(schedule)
    counted = cost(parsed)
    shares = counted.parameters / DENSE_COST.parameters, counted.macs / DENSE_COST.macs
    values = {
        "schedule": parsed.to_json(),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "flops": counted.flops,
        "size_bytes": counted.size_bytes,
        "parameters_share": shares[0],
        "macs_share": shares[1],
        "layers": [asdict(layer) for layer in counted.layers],
    }
    print_result(
        as_json,
        values,
        f"{parsed.label}: {counted.parameters:,} parameters, {counted.macs:,} MACs "
        f"({shares[0]:.1%} and {shares[1]:.1%} of dense)",
    )
