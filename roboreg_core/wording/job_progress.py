"""Labels, progress, logs and training curves of jobs, from their events."""

from collections.abc import Sequence
from typing import Any

from roboreg_core.networks.spec import NETWORK
from roboreg_core.store.records import Event, Job
from roboreg_core.wording import fmt, network_facts, run_facts

STAGE_WORDS = {
    "load": "Loading images and the dense network",
    "dense": "Measuring the dense network",
    "prune": "Pruning filters",
    "pruned": "Measuring the pruned network",
    "tune": "Fine-tuning",
    "tuned": "Measuring the fine-tuned network",
    "time": "Measuring latency",
    "sweep": "Measuring schedules",
    "images": "Loading images",
    "train": "Training",
    "read": "Reading the file",
    "measure": "Measuring the network",
}
STARTING = "Starting a worker"


def label(job: Job) -> str:
    """Label of the run or dense network that a job computes, e.g. `moderate · 5 epochs · seed 0`."""
    return network_facts.job_label(job.spec) if job.kind == NETWORK else run_facts.spec_label(job.spec)


def counted(jobs: Sequence[Job]) -> str:
    """Number of jobs with a noun: `2 runs`, or `2 jobs` if some of them train or measure networks."""
    return fmt.plural(len(jobs), "job" if any(job.kind == NETWORK for job in jobs) else "run")


def fraction(job: Job) -> float:
    """Progress of a job, 0..1; 0 before its first report."""
    return min(1.0, max(0.0, float(job.progress.get("fraction", 0.0))))


def stage_words(payload: dict[str, Any]) -> str:
    """The stage in `payload`, the payload of a job's event, as text, e.g. `Fine-tuning, epoch 2 of 5`."""
    text = STAGE_WORDS.get(payload.get("stage", ""), STARTING)
    if payload.get("stage") in ("tune", "train") and payload.get("epochs"):
        text += f", epoch {payload.get('epoch', 1)} of {payload['epochs']}"
    if payload.get("stage") == "sweep" and payload.get("total"):
        text += f", {payload['done']} of {payload['total']} done"
    return text


def progress_words(job: Job) -> str:
    """Stage, progress and, if known, remaining time of a job: `Fine-tuning, epoch 2 of 5 · 40 % · about 50 s left`."""
    left = job.progress.get("remaining_seconds")
    remaining = [f"about {fmt.duration(left)} left"] if left is not None else []
    return fmt.SEPARATOR.join([stage_words(job.progress), fmt.percent(fraction(job), 0), *remaining])


def history(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The finished epochs in a training job's events, in order, each a `training_state.EpochRecord` as JSON.

    An epoch repeated after a restart replaces the earlier one.
    """
    records = [event.payload["history"] for event in events if "history" in event.payload]
    epochs = {record["epoch"]: record for record in records}
    return [epochs[number] for number in sorted(epochs)]


def accuracies(events: Sequence[Event]) -> dict[str, float]:
    """Test accuracy, 0..1, of the stages (`dense`, `pruned`, `tuned`) measured so far, from a job's events."""
    found: dict[str, float] = {}
    for event in events:
        found |= event.payload.get("accuracy") or {}
    return found


def log_lines(events: Sequence[Event]) -> str:
    """The events of a job as lines of text, each with its time."""
    return "\n".join(f"{fmt.clock(event.time)}  {_event_words(event.payload)}" for event in events)


def _event_words(payload: dict[str, Any]) -> str:
    if "history" in payload:
        epoch = payload["history"]
        text = f"Epoch {epoch['epoch']} of {payload.get('epochs', '?')} done: loss {epoch['loss']:.4f}"
        text += f", training accuracy {fmt.percent(epoch['accuracy'])}"
        if epoch.get("validation_accuracy") is not None:
            text += f", validation accuracy {fmt.percent(epoch['validation_accuracy'])}"
        return f"{text}, {fmt.duration(epoch['seconds'])}"
    if payload.get("accuracy"):
        (stage, value), *_ = payload["accuracy"].items()
        return f"Test accuracy, {fmt.STAGE_WORDS.get(stage, stage)}: {fmt.percent(value, 2)}"
    if "stage" in payload:
        return stage_words(payload)
    return "; ".join(f"{key}: {value}" for key, value in payload.items())
