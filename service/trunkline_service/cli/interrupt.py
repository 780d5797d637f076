"""Ctrl-C during calls that block."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

from trunkline_service.cli.arguments import EXIT_INTERRUPTED


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process there and then, and with it its connections.

    As an exception it might come in the middle of one of gRPC's calls, be lost there, or meet a lock that is not held
    yet; and asyncio would wait for a write that nobody reads.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    if os.isatty(2):
        # The prompt comes on a line of its own.
        os.write(2, b"\n")
    os._exit(EXIT_INTERRUPTED)
