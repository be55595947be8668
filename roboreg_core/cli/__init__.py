"""Command line of RoboReg: signals, exit codes and errors; see `verbs`."""

# The verbs, typer and rich are imported once signals are handled.

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING

from roboreg_core.errors import RoboRegError

if TYPE_CHECKING:
    from typer.exceptions import TyperException

_LONGEST_LINE = 1_000


def main() -> None:
    """Run the command line.

    A `RoboRegError` and wrong usage become one line on standard error and exit code 2; Ctrl-C and SIGTERM become one
    line and exit codes 130 and 143. A closed pipe ends the command silently with code 1, an output that cannot be
    written with one line and code 2.
    """
    # torch warns about files that are then refused.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\.")
    sys.exit(_run())


class _Stopped(BaseException):
    """The process received a signal to end."""


def _run() -> int:
    # An ignored signal stays ignored: a shell ignores Ctrl-C for commands in the background.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
    try:
        for number in handlers:
            signal.signal(number, _stop)
        code = _exit_code()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    except _Stopped as stopped:
        print("stopped", file=sys.stderr)
        return 128 + int(stopped.args[0])
    return code


def _exit_code() -> int:
    try:
        code = _execute()
        if sys.stdout is not None:  # None if the caller closed it
            sys.stdout.flush()
    except RoboRegError as error:
        return _refuse(str(error))
    except OSError as error:
        if error.filename is not None:
            raise
        # The interpreter flushes standard output once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 1
        return _refuse(f"the output cannot be written ({error.strerror}): free space, or direct it to another file")
    return code


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    signal.signal(number, signal.SIG_DFL)  # a second signal ends the process at once
    raise _Stopped(number)


def _execute() -> int:
    from typer.exceptions import TyperException

    try:
        return _command()(standalone_mode=False) or 0
    except TyperException as error:
        return _refuse(_usage_error(error))


@cache
def _command() -> Callable[..., int | None]:
    import typer

    from roboreg_core.cli.verbs import app

    return typer.main.get_command(app)


def _refuse(message: str) -> int:
    """Print an error as one printable line; return the exit code."""
    from roboreg_core.wording.fmt import shortened

    line = "".join(char if char.isprintable() else repr(char)[1:-1] for char in shortened(message, _LONGEST_LINE))
    print(f"error: {line}", file=sys.stderr)
    return 2


def _usage_error(error: TyperException) -> str:
    from typer.core import TyperGroup

    message = error.format_message().rstrip(".")
    invalid = getattr(error.__cause__, "errors", None)  # of pydantic, which typer converts values with
    if invalid is not None:
        message += f", got {invalid()[0]['input']!r}"
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    if isinstance(context.command, TyperGroup):
        message += f": choose from {', '.join(context.command.list_commands(context))}"
    return f"{message}; see {context.command_path} --help"
