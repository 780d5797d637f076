"""Where clients connect to, and how."""

import asyncio
import json
import subprocess
import sys

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from clients.both import AnyClient, make
from clients.scripted import ScriptedServer
from trunkline import AsyncTrunkline, GatewayUnreachableError, Trunkline
from trunkline.channels import DEFAULT_ADDRESS, MESSAGE_LIMIT, credentials, options, target
from trunkline.v1 import ChatResponse, CountTokensRequest, CountTokensResponse

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("[::1]:50051", "[::1]:50051"),
        ("localhost:50051", "dns:///localhost:50051"),
        ("gateway.prod.svc:50051", "dns:///gateway.prod.svc:50051"),
        ("gateway", "dns:///gateway"),
        ("10.0.0.1", "10.0.0.1"),
        ("dns:///gateway:50051", "dns:///gateway:50051"),
        ("dns:gateway:50051", "dns:gateway:50051"),
        ("ipv4:10.0.0.1:50051,10.0.0.2:50051", "ipv4:10.0.0.1:50051,10.0.0.2:50051"),
        ("unix:/run/trunkline.sock", "unix:/run/trunkline.sock"),
        ("xds:///gateway", "xds:///gateway"),
    ],
)
def test_targets(address: str, expected: str) -> None:
    assert target(address) == expected


@pytest.mark.parametrize("address", ["http://gateway:50051", "https://gateway"])
def test_urls_are_no_addresses(address: str) -> None:
    with pytest.raises(ValueError, match="without a scheme"):
        Trunkline(address)


@pytest.mark.parametrize("address", ["gateway:65536", "127.0.0.1:99999999", "[::1]:65536"])
def test_ports_have_an_end(address: str) -> None:
    with pytest.raises(ValueError, match="at most 65535"):
        Trunkline(address)
    assert target(address.rpartition(":")[0] + ":65535").endswith(":65535")


def test_the_address_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRUNKLINE_ADDRESS", raising=False)
    assert Trunkline().address == AsyncTrunkline().address == DEFAULT_ADDRESS == "127.0.0.1:50051"
    monkeypatch.setenv("TRUNKLINE_ADDRESS", "gateway:1")
    assert Trunkline().address == AsyncTrunkline().address == "gateway:1"
    assert Trunkline("other:2").address == "other:2"


def test_options() -> None:
    found = dict(options("127.0.0.1:1", [("grpc.max_send_message_length", 1), ("grpc.x", "y")]))
    assert found["grpc.max_send_message_length"] == 1
    assert found["grpc.max_receive_message_length"] == MESSAGE_LIMIT == 32 * 1024 * 1024
    assert found["grpc.x"] == "y"
    assert found["grpc.keepalive_time_ms"] == 60_000
    assert found["grpc.keepalive_permit_without_calls"] == 0
    config = json.loads(found["grpc.service_config"])
    assert config["methodConfig"][0]["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert config["methodConfig"][0]["retryPolicy"]["maxAttempts"] == 3
    assert "loadBalancingConfig" not in config
    config = json.loads(dict(options("dns:///gateway:1", ()))["grpc.service_config"])
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    assert config["healthCheckConfig"] == {"serviceName": ""}


def test_credentials() -> None:
    own = grpc.local_channel_credentials()
    assert credentials(False) is None
    assert credentials(own) is own
    assert isinstance(credentials(True), grpc.ChannelCredentials)


async def test_tls_does_not_speak_to_a_server_in_the_clear(server: ScriptedServer, kind: str) -> None:
    client = make(kind, server.address, tls=True, options=[("grpc.enable_retries", 0)])
    with pytest.raises(GatewayUnreachableError):
        await client.chat("Hi")
    await client.close()


async def test_own_credentials(kind: str) -> None:
    server = ScriptedServer()
    port = server.grpc.add_secure_port("127.0.0.1:0", grpc.local_server_credentials())
    async with server:
        server.script(ChatResponse(id="secure"))
        client = make(kind, f"127.0.0.1:{port}", tls=grpc.local_channel_credentials())
        assert (await client.chat("Hi")).proto.id == "secure"
        await client.close()


async def test_a_name_is_resolved_and_unhealthy_gateways_are_left_out(kind: str) -> None:
    server = ScriptedServer()
    state = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server.grpc)
    async with server:
        await state.set("", SERVING)
        client = make(kind, f"localhost:{server.port}", options=[("grpc.enable_retries", 0)])
        server.script(ChatResponse())
        await client.chat("Hi")
        await state.set("", NOT_SERVING)
        assert "unhealthy" in await _until(client, server, reached=False)
        await state.set("", SERVING)
        await _until(client, server, reached=True)
        await client.close()


async def _until(client: AnyClient, server: ScriptedServer, *, reached: bool) -> str:
    """Call until the server is reached or not; returns why not."""
    for _ in range(500):
        server.clear()
        server.script(ChatResponse())
        try:
            await client.chat("Hi")
        except GatewayUnreachableError as error:
            if not reached:
                return error.message
        else:
            if reached:
                return ""
        await asyncio.sleep(0.01)
    pytest.fail("nothing changed")


async def test_unix_sockets(kind: str, tmp_path: object) -> None:
    server = ScriptedServer()
    server.grpc.add_insecure_port(f"unix:{tmp_path}/socket")
    async with server:
        server.script(ChatResponse(id="unix"))
        client = make(kind, f"unix:{tmp_path}/socket")
        assert (await client.chat("Hi")).proto.id == "unix"
        await client.close()


async def test_context_managers_close(server: ScriptedServer) -> None:
    server.script(ChatResponse())
    server.script(ChatResponse())
    async with AsyncTrunkline(server.address) as client:
        await client.chat("Hi")
    with pytest.raises(grpc.aio.UsageError, match="closed"):
        await client.chat("Hi")

    def block() -> Trunkline:
        with Trunkline(server.address) as blocking:
            blocking.chat("Hi")
        return blocking

    with pytest.raises(ValueError, match="closed"):
        (await asyncio.to_thread(block)).chat("Hi")


async def test_clients_that_were_never_used_can_be_closed() -> None:
    await AsyncTrunkline().close()
    Trunkline().close()


async def test_raw_stubs(server: ScriptedServer) -> None:
    server.script(CountTokensResponse(input_tokens=1))
    server.script(CountTokensResponse(input_tokens=2))
    async with AsyncTrunkline(server.address) as client:
        assert (await client.stub.CountTokens(CountTokensRequest())).input_tokens == 1
    with Trunkline(server.address) as blocking:
        assert (await asyncio.to_thread(blocking.stub.CountTokens, CountTokensRequest())).input_tokens == 2


ONE_AFTER_ANOTHER = """
import asyncio, sys, time
import psutil
from trunkline import AsyncTrunkline

address, way = sys.argv[1:]
client = AsyncTrunkline(address, options=[("grpc.use_local_subchannel_pool", 1)])

def connections():
    return sum(each.status == "ESTABLISHED" for each in psutil.Process().net_connections())

async def main(close=False):
    print((await client.chat("Hi")).proto.id)
    if close:
        await client.close()

if way == "closed loops":
    asyncio.run(main())
    asyncio.run(main())
else:
    first, second = asyncio.Runner(), asyncio.Runner()
    first.run(main(close=True))
    second.run(main())
# What the first loop had is gone, though nobody closed it.
end = time.monotonic() + 5
while connections() != 1 and time.monotonic() < end:
    time.sleep(0.01)
print(connections())
if way == "closed loops":
    asyncio.run(client.close())
else:
    second.run(client.close())
    second.close()
    first.close()
"""


@pytest.mark.parametrize("way", ["closed loops", "closed client"])
async def test_one_client_in_one_loop_after_another(way: str, server: ScriptedServer) -> None:
    """In a process of its own: grpc.aio is made for one loop at a time."""
    server.script(ChatResponse(id="first"))
    server.script(ChatResponse(id="second"))
    command = [sys.executable, "-W", "error", "-c", ONE_AFTER_ANOTHER, server.address, way]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["first", "second", "1"], "")


async def test_one_client_in_two_loops_at_the_same_time(server: ScriptedServer) -> None:
    """The other loop is told, and the calls of the one that has the client go on."""
    server.script(ChatResponse(id="first"))
    server.script(ChatResponse(id="second"))
    async with AsyncTrunkline(server.address) as client:
        assert (await client.chat("Hi")).proto.id == "first"

        async def elsewhere() -> None:
            with pytest.raises(RuntimeError, match="in use in another event loop"):
                await client.chat("Hi")
            with pytest.raises(RuntimeError, match="in use in another event loop"):
                await client.close()

        await asyncio.to_thread(asyncio.run, elsewhere())
        assert (await client.chat("Hi")).proto.id == "second"


def test_reprs_have_no_secrets() -> None:
    client = Trunkline("gateway:1", metadata={"authorization": "Bearer secret"})
    assert repr(client) == "Trunkline('gateway:1')"
    assert repr(AsyncTrunkline("gateway:1")) == "AsyncTrunkline('gateway:1')"
