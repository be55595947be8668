"""Work that is done again and again on tensors of one shape: on a GPU recorded once and then replayed as a graph.

A training step of a small network is hundreds of short kernels; to launch them one by one takes a processor longer than
a GPU needs to run them. Only `cuda_graph` and `warm_up` below are CUDA's own lines: a CPU, and a GPU where recording
fails, call the same function on the same tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

Work = Callable[..., None]
# Takes a function without arguments; records what it does, without doing it, and returns what does it.
Record = Callable[[Callable[[], None]], Callable[[], None]]
# cuDNN chooses its kernels, cuBLAS takes its memory and the optimiser makes its buffers in the first calls. torch's
# documentation asks for a few of them, on another stream, before a recording.
WARM_UP = 3


class RepeatedStep:
    """A function of tensors that returns nothing, called often.

    With `record`, inputs are copied into buffers of its own; after `WARM_UP` calls it is recorded and then replayed.
    Every call does its work once: the first ones are ordinary calls, and to record does nothing. Inputs of other
    shapes, and all of them after a recording that failed, are worked on as they come.

    Attributes:
        failure: why there is no recording although one was tried; None otherwise.
    """

    def __init__(self, work: Work, *, record: Record | None = None) -> None:
        self.failure: str | None = None
        self._work = work
        self._record = record
        self._buffers: tuple[Tensor, ...] = ()
        self._calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self, *inputs: Tensor) -> None:
        """Do the work once on `inputs`."""
        if self._record is None or not self._filled(inputs):
            self._work(*inputs)
            return
        if self._replay is None and self._calls == WARM_UP:
            self._replay = self._recorded(self._record)
        self._calls += 1
        if self._replay is not None:
            self._replay()
        else:
            warm_up(lambda: self._work(*self._buffers))

    def _filled(self, inputs: tuple[Tensor, ...]) -> bool:
        """Copy `inputs` into the buffers, which the first ones shape; False where they do not fit."""
        if not self._buffers:
            self._buffers = tuple(torch.empty_like(value) for value in inputs)
        pairs = tuple(zip(self._buffers, inputs, strict=True))
        if any(buffer.shape != value.shape or buffer.dtype != value.dtype for buffer, value in pairs):
            return False
        for buffer, value in pairs:
            buffer.copy_(value)
        return True

    def _recorded(self, record: Record) -> Callable[[], None] | None:
        try:
            return record(lambda: self._work(*self._buffers))
        except RuntimeError as error:  # what torch raises where CUDA or a kernel refuses
            self.failure = str(error).partition("\n")[0] or type(error).__name__
            self._record = None
            return None


def recorder(device: torch.device) -> Record | None:
    """How work on `device` is recorded; None on a CPU."""
    return cuda_graph if device.type == "cuda" else None


def cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Record `work` as a CUDA graph. Raises `RuntimeError` where it does what a graph cannot hold."""
    graph = torch.cuda.CUDAGraph()
    # Other threads of this process may ask for memory meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    replay: Callable[[], None] = graph.replay
    return replay


def warm_up(work: Callable[[], None]) -> None:
    """Do `work` now; on a CUDA device on a stream beside the current one, as a recording wants its first calls."""
    if not torch.cuda.is_available():
        work()
        return
    beside = _stream_beside(torch.cuda.current_device())
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        work()
    torch.cuda.current_stream().wait_stream(beside)


@lru_cache(maxsize=8)
def _stream_beside(device: int) -> torch.cuda.Stream:
    """One for each device: torch keeps freed memory for the stream that it was taken on."""
    return torch.cuda.Stream(device)
