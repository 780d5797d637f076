"""How channels to the gateway are set up."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeAlias

import grpc

ChannelOptions: TypeAlias = Sequence[tuple[str, Any]]

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
MESSAGE_LIMIT: Final = 32 * 1024 * 1024
"""Bytes of a message, both ways: the gateway's own limit."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d+$)", re.ASCII | re.IGNORECASE)

# As long as nothing of the answer has come. The gateway forbids it by pushback where it has tried enough itself; where
# the connection broke, an answer that nobody saw may be paid for twice.
_RETRIES: Final = {
    "methodConfig": [
        {
            "name": [{"service": f"trunkline.v1.{name}Service"} for name in ("Chat", "Embedding", "Model")],
            "retryPolicy": {
                "maxAttempts": 3,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
# A name may stand for several replicas: use all of them, but none that says it is not serving.
_REPLICAS: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
}


def target(address: str) -> str:
    """Make gRPC's target of an address: names are resolved by DNS, addresses and other schemes are as they are.

    Raises:
        ValueError: The address is a URL, or has a port that cannot be.
    """
    if address.startswith(("http://", "https://")):
        raise ValueError(f"the address is host:port, without a scheme; for TLS, say tls=True: {address}")
    if _SCHEME.match(address):
        return address
    host, _, port = address.rpartition(":")
    if (host.endswith("]") or ":" not in host) and port.isdigit() and int(port) > 65535:
        # gRPC would cut it down to one that does exist.
        raise ValueError(f"a port is at most 65535: {address}")
    host = host or address
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return f"dns:///{address}"
    return address


def options(target: str, own: ChannelOptions) -> list[tuple[str, Any]]:
    """List the channel's options; the caller's own are stronger than ours."""
    config = _RETRIES | (_REPLICAS if target.startswith("dns:") else {})
    ours = {
        "grpc.primary_user_agent": f"trunkline-python/{_version()}",
        "grpc.service_config": json.dumps(config),
        # What is too large for the gateway is for the gateway to refuse: it says by how much.
        "grpc.max_send_message_length": -1,
        "grpc.max_receive_message_length": MESSAGE_LIMIT,
        # By default gRPC repeats no request above 256 KiB, which any picture exceeds.
        "grpc.per_rpc_retry_buffer_size": MESSAGE_LIMIT + 64 * 1024,
        # Finds connections that died in silence, as long as a call waits for an answer. A model may think for
        # minutes without a word, so the number of pings without data is not limited.
        "grpc.keepalive_time_ms": 60_000,
        "grpc.keepalive_timeout_ms": 20_000,
        "grpc.keepalive_permit_without_calls": 0,
        "grpc.http2.max_pings_without_data": 0,
    }
    return list((ours | dict(own)).items())


def credentials(tls: bool | grpc.ChannelCredentials) -> grpc.ChannelCredentials | None:
    """Choose credentials: None for a connection in the clear."""
    if isinstance(tls, bool):
        return grpc.ssl_channel_credentials() if tls else None
    return tls


def _version() -> str:
    try:
        return version("trunkline")
    except PackageNotFoundError:  # copied into another project
        return "unknown"
