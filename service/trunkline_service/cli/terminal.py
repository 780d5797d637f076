"""What goes to the terminal: answers to the standard output, and everything about them to the standard error."""

import io
import os
import sys
from pathlib import Path
from typing import TextIO, cast

# A model's answer must not move the cursor or rename the window: control characters other than tab and newline are
# left out on a terminal.
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
del _CONTROLS[ord("\n")], _CONTROLS[ord("\t")]


class UsageError(Exception):
    """The user has to change something: the arguments, a file, the environment. The text says what."""


class Failure(Exception):
    """It did not work out; the text says why."""


class OutputError(Exception):
    """The standard output takes no more: a full disk, for one."""


def prepare() -> None:
    """Let neither a stream that was closed nor a character that the terminal's encoding lacks end the command, and have
    gRPC's C core keep quiet.

    What it has to say about connections comes back as the status of the call.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _nowhere(mode: str) -> TextIO:
    return cast(TextIO, Path(os.devnull).open(mode, encoding="utf-8"))


def write(text: str) -> None:
    """Write a piece of an answer, at once. Raises OutputError, or BrokenPipeError if its reader has gone."""
    try:
        sys.stdout.write(text.translate(_CONTROLS) if sys.stdout.isatty() else text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror or str(error)) from error


def say(text: str, *, dim: bool = False, end: str = "\n") -> None:
    """Write something beside the answer."""
    if sys.stderr.isatty():
        text = text.translate(_CONTROLS)
        if dim and not os.environ.get("NO_COLOR"):
            text = f"\x1b[2m{text}\x1b[0m"
    sys.stderr.write(text + end)
    sys.stderr.flush()


def close_output() -> None:
    """Send what is still to be written nowhere, as its reader has gone: else Python complains at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
