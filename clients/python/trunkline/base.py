"""What the two clients have in common: everything but the waiting."""

from __future__ import annotations

import os
from typing import Final, TypeVar

import grpc

from trunkline import channels
from trunkline.calls import Call, CallDefaults, by_key
from trunkline.requests import ChatOptions, Metadata, Prompt, fill
from trunkline.v1.chat_service_pb2 import ChatRequest, CountTokensRequest, StreamChatRequest

_Request = TypeVar("_Request", ChatRequest, StreamChatRequest, CountTokensRequest)


class ClientBase:
    """Settings of a client."""

    def __init__(
        self,
        address: str | None = None,
        *,
        model: str = "",
        tls: bool | grpc.ChannelCredentials = False,
        metadata: Metadata | None = None,
        timeout: float | None = 600,
        options: channels.ChannelOptions = (),
    ) -> None:
        """Set the client up; it connects with the first call.

        Args:
            address: host:port of the gateway, or any target of gRPC's. Default: the environment variable
                TRUNKLINE_ADDRESS, or else 127.0.0.1:50051. A name is resolved by DNS, and if it stands for several
                gateways, calls go to all of them that are healthy, in turn.
            model: For calls that name none.
            tls: Whether to use TLS, with the system's root certificates; or the credentials to use.
            metadata: Sent with every call, for example {"authorization": "Bearer ..."}.
            timeout: Seconds that a call may take, unless it says otherwise; None for any time.
            options: Options of the gRPC channel, over those of this package.

        Raises:
            ValueError: The address is a URL, or gRPC takes no such address or metadata.
        """
        self.address: Final = address or os.environ.get("TRUNKLINE_ADDRESS") or channels.DEFAULT_ADDRESS
        """Where the gateway is."""
        self.model: Final = model
        """The model of calls that name none."""
        self._target: Final = channels.target(self.address)
        self._credentials: Final = channels.credentials(tls)
        self._options: Final = channels.options(self._target, options)
        self._defaults: Final = CallDefaults(timeout, by_key(metadata))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"

    def _prepare(self, request: _Request, prompt: Prompt | None, options: ChatOptions) -> tuple[_Request, Call]:
        return fill(request, prompt, options, self.model), self._defaults.call(options)
