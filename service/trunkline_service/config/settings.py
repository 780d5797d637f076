"""What the service is told to be: frozen values, whatever they were read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from trunkline.v1.route_pb2 import Route
from trunkline_service.config.kinds import Auth
from trunkline_service.config.secret import Secret
from trunkline_service.config.units import Count, Duration, Size

# Plain numbers to the code; what stands behind the comma tells the reader of the file how they are written.
Seconds = Annotated[float, Duration()]
SecondsOrNone = Annotated[float, Duration(zero=True)]
Bytes = Annotated[int, Size()]
PositiveInt = Annotated[int, Count()]

SIMULATOR = "simulator"
"""The name of the provider that `simulator: true` adds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait for a provider, in seconds.

    `connect` ends with the TLS handshake, `first_event` with the first event of the answer, and `idle` is the
    longest silence after that; a provider's keep-alives break it. `attempt` is all of it together.
    """

    connect: Seconds = 5.0
    first_event: Seconds = 300.0
    idle: Seconds = 120.0
    attempt: Seconds | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One provider: an API at an address, with a key.

    `api` chooses where a type has several APIs: "responses" or "chat" of OpenAI; "invoke", "messages" or "mantle" of
    Bedrock. `version` and `betas` are Anthropic's headers; an empty version means the newest one that takes what a
    request holds. For Azure, `version` is its `api-version`. `headers` are added to every request.

    Without an `api_key`, callers have to bring their own, or need none at a compatible server; but Bedrock then takes
    the credentials that AWS's tools would take (of the `profile`, if one is named), and Vertex those of the
    `credentials_file` or else Google's default ones.

    `proxy` is the address of an HTTP proxy, `tls_roots` a PEM file of the authorities to trust instead of the usual
    ones.
    """

    name: str
    type: str
    base_url: str
    api: str = ""
    api_key: Secret | None = None
    auth: Auth = "x-api-key"
    version: str = ""
    betas: tuple[str, ...] = ()
    region: str = ""
    project: str = ""
    profile: str = ""
    credentials_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    proxy: str = ""
    tls_roots: Path | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_connections: PositiveInt = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the service bears: calls at once, bytes of a message, and times in seconds.

    `default_deadline` holds for calls without one, and no call may take longer than `max_deadline`.
    `slow_consumer` is how long a caller may leave its stream unread. At the end, the service says for
    `drain_delay` that it is not serving but still takes calls, and then lets those in flight go on for
    `drain_grace`.
    """

    max_concurrent_calls: PositiveInt = 1000
    max_message_bytes: Bytes = 32 * 2**20
    default_deadline: Seconds = 600.0
    max_deadline: Seconds = 3600.0
    slow_consumer: Seconds = 30.0
    drain_delay: SecondsOrNone = 0.0
    drain_grace: SecondsOrNone = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files. With `client_ca`, callers must show a certificate that it signed."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the service is told.

    `admin_listen` is where those who run the gateway look into it: an address of this machine only, or "unix:/path".
    Empty is the port of `listen` and 1000 more, on 127.0.0.1, if `trunkline serve` runs it. `metrics_listen` is where
    Prometheus finds /metrics over HTTP; empty is nowhere. `models` maps aliases to "provider/model". With
    `simulator`, the service starts the built-in simulator and adds it to the providers under the name "simulator".
    """

    listen: str = "127.0.0.1:50051"
    admin_listen: str = ""
    metrics_listen: str = ""
    insecure: bool = False
    tls: Tls | None = None
    reflection: bool = True
    allow_inline_routes: bool = True
    limits: Limits = field(default_factory=Limits)
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    simulator: bool = False
