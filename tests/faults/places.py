"""Ports where connecting goes wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

Place: TypeAlias = Callable[[], AbstractContextManager[int]]


@contextmanager
def full() -> Iterator[int]:
    """Connecting takes for ever: who listens here takes no more."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server.getsockname()[1]
        for filler in fillers:
            filler.close()


@contextmanager
def mute() -> Iterator[int]:
    """Connecting works, and nothing ever happens after that."""
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        yield server.getsockname()[1]


@contextmanager
def closed() -> Iterator[int]:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield port
