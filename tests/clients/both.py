"""One face for both clients, so that one test holds for both: the blocking one works in threads."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Protocol, Self, cast

from trunkline import AsyncTrunkline, ChatEvent, Embeddings, ModelList, Reply, TokenCount, Trunkline
from trunkline.stream import ChatStream
from trunkline.v1 import Model

_END: Any = object()


class AnyStream(Protocol):
    """What AsyncChatStream offers."""

    restarts: int
    request_id: str

    @property
    def response(self) -> Reply: ...
    @property
    def text(self) -> AsyncIterator[str]: ...
    def cancel(self) -> None: ...
    async def final(self) -> Reply: ...
    def __aiter__(self) -> AsyncIterator[ChatEvent]: ...
    async def __anext__(self) -> ChatEvent: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class AnyClient(Protocol):
    """What AsyncTrunkline offers."""

    async def chat(self, prompt: Any = None, /, **options: Any) -> Reply: ...
    async def count_tokens(self, prompt: Any = None, /, **options: Any) -> TokenCount: ...
    async def embed(self, inputs: Any, /, **options: Any) -> Embeddings: ...
    async def list_models(self, **options: Any) -> ModelList: ...
    async def get_model(self, name: str, /, **options: Any) -> Model: ...
    def stream(self, prompt: Any = None, /, **options: Any) -> AnyStream: ...
    async def close(self) -> None: ...


class ThreadedClient:
    """The blocking client in asyncio's clothes."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.client = Trunkline(*args, **settings)

    async def chat(self, prompt: Any = None, /, **options: Any) -> Reply:
        return await asyncio.to_thread(self.client.chat, prompt, **options)

    async def count_tokens(self, prompt: Any = None, /, **options: Any) -> TokenCount:
        return await asyncio.to_thread(self.client.count_tokens, prompt, **options)

    async def embed(self, inputs: Any, /, **options: Any) -> Embeddings:
        return await asyncio.to_thread(self.client.embed, inputs, **options)

    async def list_models(self, **options: Any) -> ModelList:
        return await asyncio.to_thread(self.client.list_models, **options)

    async def get_model(self, name: str, /, **options: Any) -> Model:
        return await asyncio.to_thread(self.client.get_model, name, **options)

    def stream(self, prompt: Any = None, /, **options: Any) -> "ThreadedStream":
        return ThreadedStream(self.client.stream(prompt, **options))

    async def close(self) -> None:
        self.client.close()


class ThreadedStream:
    """The blocking stream in asyncio's clothes."""

    def __init__(self, stream: ChatStream) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.stream.__enter__)
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.stream.__exit__(*error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatEvent:
        event = await asyncio.to_thread(next, self.stream, _END)
        if event is _END:
            raise StopAsyncIteration
        return event

    @property
    async def text(self) -> AsyncIterator[str]:
        pieces = self.stream.text
        while (piece := await asyncio.to_thread(next, pieces, _END)) is not _END:
            yield piece

    async def final(self) -> Reply:
        return await asyncio.to_thread(self.stream.final)


def make(kind: str, *args: Any, **settings: Any) -> AnyClient:
    if kind == "async":
        return cast("AnyClient", AsyncTrunkline(*args, **settings))
    return cast("AnyClient", ThreadedClient(*args, **settings))
