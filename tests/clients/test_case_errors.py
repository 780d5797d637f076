"""The error cases of cases.md in Python: each class that the simulator can bring about, and what the error tells."""

from collections.abc import Awaitable
from typing import Any

import pytest

from clients.both import AnyClient
from clients.conftest import Make
from clients.serve import World
from trunkline import APIError, Target, errors


@pytest.fixture
def client(client_of: Make, servers: World) -> AnyClient:
    return client_of(servers.gateway, model="simulator/text")


async def failure(call: Awaitable[object], kind: type[APIError]) -> Any:
    """The error of a call that has to fail with this very class."""
    with pytest.raises(APIError) as caught:
        await call
    assert type(caught.value) is kind
    return caught.value


async def of_model(client: AnyClient, model: str, kind: type[APIError]) -> Any:
    return await failure(client.chat("Hello", model=f"simulator/{model}"), kind)


async def with_own_key(client: AnyClient, model: str, kind: type[APIError]) -> Any:
    target = Target(provider="simulator", model=model, api_key="sk-of-python-1234")
    return await failure(client.chat("Hello", route=target), kind)


async def test_error_invalid_request(client: AnyClient) -> None:
    error = await failure(client.chat("Hello", temperature=9), errors.InvalidRequestError)
    assert error.reason == "ERROR_REASON_INVALID_REQUEST"
    assert [each.field for each in error.violations] == ["input.generation.temperature"]


async def test_error_upstream_rejected(client: AnyClient) -> None:
    error = await of_model(client, "error-400", errors.InvalidRequestError)
    assert (error.reason, error.provider) == ("ERROR_REASON_UPSTREAM_REJECTED_REQUEST", "simulator")


async def test_error_context_length(client: AnyClient) -> None:
    error = await of_model(client, "error-context", errors.ContextLengthError)
    assert (error.limit, error.requested) == (200000, 210000)


async def test_error_request_too_large(client: AnyClient) -> None:
    await of_model(client, "error-413", errors.RequestTooLargeError)


async def test_error_capability_not_supported(client: AnyClient) -> None:
    error = await failure(client.chat("Hello", logprobs=True), errors.CapabilityNotSupportedError)
    assert [each.field for each in error.violations] == ["input.generation.logprobs"]


async def test_error_not_found(client: AnyClient) -> None:
    assert (await of_model(client, "error-404", errors.NotFoundError)).resource == "error-404"
    assert (await failure(client.chat("Hello", route="nowhere"), errors.NotFoundError)).resource == "nowhere"


async def test_error_message_too_large(client: AnyClient) -> None:
    await of_model(client, "big-n33", errors.MessageTooLargeError)


async def test_error_unimplemented(client_of: Make, servers: World) -> None:
    await failure(client_of(servers.vectors).count_tokens("Hello", model="m"), errors.UnimplementedError)


async def test_error_authentication(client: AnyClient) -> None:
    await with_own_key(client, "error-401", errors.AuthenticationError)


async def test_error_permission_denied(client: AnyClient) -> None:
    await with_own_key(client, "error-403", errors.PermissionDeniedError)


async def test_error_upstream_credentials(client: AnyClient) -> None:
    await of_model(client, "error-401", errors.UpstreamCredentialsError)


async def test_error_quota_exhausted(client: AnyClient) -> None:
    assert not (await of_model(client, "error-402", errors.QuotaExhaustedError)).retryable


async def test_error_rate_limit(client: AnyClient) -> None:
    error = await of_model(client, "error-429", errors.RateLimitError)
    assert (error.retryable, error.retry_after) == (True, 7)
    assert (error.provider, error.model) == ("simulator", "error-429")
    assert error.request_id


async def test_error_upstream_unavailable(client: AnyClient) -> None:
    error = await of_model(client, "error-500", errors.UpstreamUnavailableError)
    assert (error.retryable, error.upstream_status) == (True, 500)


async def test_error_upstream_timeout(client: AnyClient) -> None:
    await of_model(client, "error-408", errors.UpstreamTimeoutError)


async def test_error_upstream_overloaded(client: AnyClient) -> None:
    await of_model(client, "error-529", errors.UpstreamOverloadedError)


async def test_error_gateway_unreachable(client_of: Make) -> None:
    await failure(client_of("127.0.0.1:1").chat("Hello", model="m"), errors.GatewayUnreachableError)


async def test_error_conflict(client: AnyClient) -> None:
    await of_model(client, "error-409", errors.ConflictError)


async def test_error_stream_interrupted(client: AnyClient) -> None:
    async with client.stream("Hello", model="simulator/cut") as stream:
        error = await failure(stream.final(), errors.StreamInterruptedError)
    assert error.partial.text
