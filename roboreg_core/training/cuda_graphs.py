"""Capture and replay of a repeated training step as a CUDA graph.

A training step of a small network is hundreds of short kernels, which a CPU launches more slowly than a GPU runs them.
On a CPU, and if the capture fails, the step is called directly.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

Work = Callable[..., None]
# Captures a function without arguments, without running it, and returns a function that replays it.
Capture = Callable[[Callable[[], None]], Callable[[], None]]
# Calls on a side stream before the capture, as torch's documentation requires: in them cuDNN chooses its kernels, and
# cuBLAS and the optimiser allocate their buffers.
WARM_UP = 3


class RepeatedStep:
    """Call a function of tensors repeatedly, from a CUDA graph after the first calls.

    Inputs are copied into static buffers; after `WARM_UP` ordinary calls the function is captured, then replayed.
    Inputs of other shapes or dtypes, and all inputs after a failed capture, are passed to the function directly.

    Attributes:
        failure: error message of a failed capture, else None.
    """

    def __init__(self, work: Work, *, capture: Capture | None = None) -> None:
        """Wrap a function.

        Args:
            work: function of tensors that changes tensors in place and returns nothing.
            capture: captures a function as a CUDA graph; None to call `work` directly each time.
        """
        self.failure: str | None = None
        self._work = work
        self._capture = capture
        self._buffers: tuple[Tensor, ...] = ()
        self._calls = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self, *inputs: Tensor) -> None:
        """Run the function once on `inputs`."""
        if self._capture is None or not self._fill_buffers(inputs):
            self._work(*inputs)
            return
        if self._replay is None and self._calls == WARM_UP:
            self._replay = self._try(self._capture)
        self._calls += 1
        if self._replay is not None:
            self._replay()
        else:
            warm_up(lambda: self._work(*self._buffers))

    def _fill_buffers(self, inputs: tuple[Tensor, ...]) -> bool:
        """Copy `inputs` into the buffers, made for the first call; return False if shapes or dtypes differ."""
        if not self._buffers:
            self._buffers = tuple(torch.empty_like(value) for value in inputs)
        pairs = tuple(zip(self._buffers, inputs, strict=True))
        if any(buffer.shape != value.shape or buffer.dtype != value.dtype for buffer, value in pairs):
            return False
        for buffer, value in pairs:
            buffer.copy_(value)
        return True

    def _try(self, capture: Capture) -> Callable[[], None] | None:
        try:
            return capture(lambda: self._work(*self._buffers))
        except RuntimeError as error:  # from torch, if an operation cannot be captured
            self.failure = str(error).partition("\n")[0] or type(error).__name__
            self._capture = None
            return None


def capture_for(device: torch.device) -> Capture | None:
    """The argument `capture` of `RepeatedStep` for a device: `cuda_graph` on a GPU, None on a CPU."""
    return cuda_graph if device.type == "cuda" else None


def cuda_graph(work: Callable[[], None]) -> Callable[[], None]:
    """Capture `work` as a CUDA graph and return a function that replays it.

    Raises `RuntimeError`: an operation cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads of this process may allocate memory meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    replay: Callable[[], None] = graph.replay
    return replay


def warm_up(work: Callable[[], None]) -> None:
    """Run `work` once, on a side stream if there is a GPU, as torch requires before a capture."""
    if not torch.cuda.is_available():
        work()
        return
    side = _side_stream(torch.cuda.current_device())
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)


@lru_cache(maxsize=8)
def _side_stream(device: int) -> torch.cuda.Stream:
    """One stream per device, because torch reuses freed memory only on its stream."""
    return torch.cuda.Stream(device)
