"""The command line, as a user has it: processes, their output and their exit codes."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from google.protobuf.json_format import Parse
from trunkline.v1.chat_service_pb2 import ChatResponse, CountTokensResponse

TRUNKLINE = Path(sys.executable).with_name("trunkline")
NO_SERVICE = """\
import sys
for name in ("aiohttp", "grpc_health", "grpc_reflection", "httpx", "httpx_aiohttp", "msgspec", "yaml"):
    sys.modules[name] = None
from trunkline_service.cli import main
sys.exit(main())
"""


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRUNKLINE_", "ANTHROPIC_"))}
    # Nothing here goes further than loopback, and must not go through a proxy either.
    return kept | {"no_proxy": "*", "NO_COLOR": "1", "COLUMNS": "100"} | more


def trunkline(*arguments: str | Path, stdin: str | bytes = "", **env: str) -> subprocess.CompletedProcess[str]:
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [TRUNKLINE, *arguments], input=data, capture_output=True, timeout=20, env=environment(**env), check=False
    )
    result = subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.stderr, result.stderr
    return result


@contextmanager
def running(*arguments: str | Path, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server; give it and the address that it says it listens on."""
    process = subprocess.Popen(
        [TRUNKLINE, *arguments], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(**env)
    )
    assert process.stderr
    try:
        yield process, listening(process.stderr)
    finally:
        process.kill()
        process.communicate()


def listening(stderr: IO[str]) -> str:
    said = ""
    for line in stderr:
        said += line
        if found := re.search(r"listens on (?:http://)?([^\s;]+)", line):
            return found[1]
    raise AssertionError(f"never listened: {said}")


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running("simulate", "--port", "0") as (_, address):
        yield address


@pytest.fixture(scope="module")
def gateway(simulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    file.write_text(f"""\
providers: {{sim: {{type: anthropic, base_url: 'http://{simulator}', api_key: {{env: SIM_KEY}}}}}}
models: {{echo: sim/text}}
routes: {{direct: {{target: {{provider: sim, model: text}}}}}}
""")
    with running("serve", "--config", file, "--listen", "127.0.0.1:0", SIM_KEY="sk-of-the-test") as (_, address):
        yield address


def calls(simulator: str) -> list[dict[str, Any]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{simulator}/_simulator/calls", timeout=5) as response:
        found: list[dict[str, Any]] = json.load(response)["calls"]
    return found


def free_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


taken_port = pytest.fixture(free_port, name="taken_port")


class TestHelp:
    def test_of_the_whole(self) -> None:
        done = trunkline("--help")
        assert done.returncode == 0
        for said in ("serve", "check", "simulate", "chat", "count", "examples:", "exit codes:"):
            assert said in done.stdout

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ("serve", "api_key: {env: ANTHROPIC_API_KEY}"),
            ("check", "FILE"),
            ("simulate", "The model name chooses the behaviour."),
            ("chat", "--thinking"),
            ("count", "--model"),
        ],
    )
    def test_of_a_command(self, command: str, said: str) -> None:
        done = trunkline(command, "--help")
        assert done.returncode == 0
        assert done.stdout.startswith(f"usage: trunkline {command} ")
        assert said in done.stdout

    def test_imports_nothing_that_takes_time(self) -> None:
        code = """\
import sys
from trunkline_service.cli import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in ("asyncio", "grpc", "google.protobuf", "aiohttp", "yaml") if name in sys.modules])
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.endswith("[]\n")

    def test_version(self) -> None:
        assert re.fullmatch(r"trunkline \d+\.\d+\.\d+\n", trunkline("--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["bogus"], "invalid choice: 'bogus'"),
        (["chat", "--bogus"], "unrecognized arguments: --bogus"),
        (["check"], "the following arguments are required: FILE"),
        (["check", "nope.yaml"], "nope.yaml: cannot read it: No such file or directory"),
        (["serve", "--config", "nope.yaml"], "nope.yaml: cannot read it: No such file or directory"),
        (["serve", "--listen", "nowhere"], "'nowhere' is not HOST:PORT"),
        (["serve", "--listen", "0.0.0.0:0"], "can be reached from other machines"),
        (["simulate", "--port", "70000"], "'70000' is not a whole number from 0 to 65535"),
        (["chat", "x", "--max-tokens", "many"], "'many' is not a whole number"),
        (["chat", "x", "--temperature", "nan"], "'nan' is not a number"),
        (["chat", "x", "--thinking", "hard"], "'hard' is neither on nor off nor a number of tokens"),
        (["chat", "x", "--timeout", "0"], "must be more than 0"),
        (["chat", "x", "--ca", "nope.pem"], "cannot read nope.pem: No such file or directory"),
        (["chat", "x", "--address", "http://127.0.0.1:1"], "without a scheme"),
        (["chat", " "], "there is nothing to say"),
        (["chat"], "there is nothing to say"),
        (["count", "-"], "there is nothing to say"),
    ],
)
def test_mistakes_of_usage(arguments: list[str], said: str) -> None:
    done = trunkline(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_input_that_is_not_text() -> None:
    done = trunkline("chat", stdin=b"\xff\xfe")
    assert (done.returncode, done.stderr) == (2, "trunkline: the standard input is not UTF-8 text\n")
    # As the shell passes an argument that is not UTF-8.
    done = trunkline("chat", os.fsdecode(b"\xff"))
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr


class TestCheck:
    def test_a_file_without_mistakes(self, tmp_path: Path) -> None:
        file = tmp_path / "gateway.yaml"
        file.write_text("simulator: true\nmodels: {fast: simulator/text}")
        done = trunkline("check", file)
        assert done.returncode == 0
        assert done.stdout == (
            f"{file} is fine: it listens on 127.0.0.1:50051 without TLS; providers: simulator; aliases: fast\n"
        )

    def test_every_mistake_has_its_line(self, tmp_path: Path) -> None:
        file = tmp_path / "gateway.yaml"
        file.write_text("lisen: x\nproviders:\n  a: {type: anthropic, api_key: {env: NO_SUCH_KEY}}\n")
        for command in (["check", str(file)], ["serve", "--config", str(file)]):
            done = trunkline(*command)
            assert done.returncode == 2
            assert done.stderr.splitlines()[1:] == [
                f"{file}:1: lisen: unknown key 'lisen'; did you mean 'listen'?",
                f"{file}:3: providers.a.api_key: the environment variable NO_SUCH_KEY is not set, or empty",
            ]


class TestServe:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops_in_order(self, number: signal.Signals) -> None:
        with running("serve", "--listen", "127.0.0.1:0") as (process, address):
            assert trunkline("chat", "hello", "--address", address).stdout == "You said: hello\n"
            process.send_signal(number)
            _, said = process.communicate(timeout=10)
            assert process.returncode == 0
            assert "Traceback" not in said

    def test_a_port_that_is_taken(self, taken_port: int) -> None:
        done = trunkline("serve", "--listen", f"127.0.0.1:{taken_port}")
        assert done.returncode == 1
        assert str(taken_port) in done.stderr

    def test_keys_in_the_environment_make_providers(self) -> None:
        with running("serve", "--listen", "127.0.0.1:0", ANTHROPIC_API_KEY="sk-test") as (_, address):
            # The key is for nobody, so it is enough that the provider is known and cannot be reached by a count.
            done = trunkline("count", "x", "--model", "antropic/x", "--address", address)
            assert done.returncode == 1
            assert "ERROR_REASON_ROUTE_NOT_FOUND" in done.stderr

    def test_a_key_that_cannot_be_one(self) -> None:
        done = trunkline("serve", ANTHROPIC_API_KEY="two words")
        assert done.returncode == 2
        assert "environment: ANTHROPIC_API_KEY: the key has characters" in done.stderr
        assert "two words" not in done.stderr


class TestSimulate:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops(self, number: signal.Signals) -> None:
        with running("simulate", "--port", "0") as (process, address):
            assert calls(address) == []
            process.send_signal(number)
            process.communicate(timeout=10)
            assert process.returncode == 0

    def test_a_port_that_is_taken(self, taken_port: int) -> None:
        done = trunkline("simulate", "--port", str(taken_port))
        assert done.returncode == 1
        assert f"cannot listen on port {taken_port}: " in done.stderr


class TestChat:
    def test_an_answer(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/text", "--address", gateway)
        assert (done.returncode, done.stdout, done.stderr) == (0, "You said: hello\n", "")

    @pytest.mark.parametrize("dash", [[], ["-"]])
    def test_what_to_say_from_the_standard_input(self, gateway: str, dash: list[str]) -> None:
        done = trunkline("chat", *dash, "--model", "echo", stdin="schön\n", TRUNKLINE_ADDRESS=gateway)
        assert (done.returncode, done.stdout) == (0, "You said: schön\n")

    def test_defaults_from_the_environment(self, gateway: str) -> None:
        done = trunkline("chat", "hello", TRUNKLINE_ADDRESS=gateway, TRUNKLINE_MODEL="sim/max-tokens-n2")
        assert done.returncode == 0
        assert done.stderr == "trunkline: ended by max_output_tokens\n"

    def test_a_route(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--route", "direct", "--address", gateway)
        assert (done.returncode, done.stdout) == (0, "You said: hello\n")

    def test_every_option_arrives(self, gateway: str, simulator: str) -> None:
        options = ["--system", "Be-brief.", "--max-tokens", "9", "--top-p", "0.5", "--stop", "a", "--stop", "b"]
        options += ["--effort", "low", "--thinking", "off"]
        done = trunkline("chat", "hello", "--model", "sim/text", *options, "--address", gateway)
        assert done.returncode == 0
        sent = calls(simulator)[-1]["json"]
        assert sent["max_tokens"] == 9
        assert sent["top_p"] == 0.5
        assert sent["stop_sequences"] == ["a", "b"]
        assert sent["thinking"] == {"type": "disabled"}
        assert sent["output_config"] == {"effort": "low"}
        assert "Be-brief." in json.dumps(sent["system"])

    def test_the_whole_response_as_json(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/text", "--json", "--address", gateway)
        response = Parse(done.stdout, ChatResponse())
        assert response.message.content[0].text.text == "You said: hello"
        assert response.completion.origin.provider == "sim"

    def test_it_streams(self, gateway: str) -> None:
        arguments = ["chat", "hello", "--model", "sim/paced-n6-g100", "--address", gateway]
        with subprocess.Popen([TRUNKLINE, *arguments], stdout=subprocess.PIPE, env=environment()) as process:
            assert process.stdout
            times = []
            while os.read(process.stdout.fileno(), 4096):
                times.append(time.monotonic())
            assert len(times) >= 5
            assert times[-1] - times[0] > 0.3

    def test_reasoning_is_kept_apart(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/thinking", "--address", gateway)
        assert done.stdout == "You said: hello\n"
        assert len(done.stderr) > 10

    @pytest.mark.parametrize(
        ("model", "said"),
        [
            ("sim/error-429", "ERROR_REASON_UPSTREAM_RATE_LIMITED"),
            ("sim/error-401", "ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED"),
            ("sim/error-404", "ERROR_REASON_MODEL_NOT_FOUND"),
            ("nobody/text", "ERROR_REASON_ROUTE_NOT_FOUND"),
        ],
    )
    def test_a_call_that_fails(self, gateway: str, model: str, said: str) -> None:
        done = trunkline("chat", "hello", "--model", model, "--address", gateway)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"trunkline: {said}: ")

    def test_when_to_try_again(self, gateway: str) -> None:
        done = trunkline("count", "hello", "--model", "sim/error-429", "--address", gateway)
        # Counting is not a message: the simulator has nothing against it.
        assert done.returncode == 0
        done = trunkline("chat", "hello", "--model", "sim/error-429", "--address", gateway)
        assert done.stderr.endswith("\n  may work in 7 s\n")

    def test_the_fields_that_are_wrong(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/text", "--temperature", "-1", "--address", gateway)
        assert done.returncode == 1
        assert "generation.temperature" in done.stderr

    @pytest.mark.parametrize("model", ["sim/cut-n3", "sim/no-stop-n3", "sim/error-event-n3"])
    def test_an_answer_that_breaks_off(self, gateway: str, model: str) -> None:
        done = trunkline("chat", "hello", "--model", model, "--address", gateway)
        assert done.returncode == 1
        assert len(done.stdout.split()) == 3
        assert done.stderr.startswith("trunkline: ERROR_REASON_STREAM_INTERRUPTED: ")

    def test_no_gateway(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        done = trunkline("chat", "hello", "--address", f"127.0.0.1:{port}")
        assert done.returncode == 1
        assert f"no gateway answers at 127.0.0.1:{port}; `trunkline serve` starts one" in done.stderr

    def test_time_is_up(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/silence", "--timeout", "0.3", "--address", gateway)
        assert done.returncode == 1
        assert "DEADLINE_EXCEEDED" in done.stderr

    def test_ctrl_c_ends_the_call_at_once(self, gateway: str, simulator: str) -> None:
        arguments = ["chat", "hello", "--model", "sim/stall-n3", "--address", gateway]
        with subprocess.Popen(
            [TRUNKLINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            assert process.stdout
            assert os.read(process.stdout.fileno(), 4096)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=5)
            assert (process.returncode, said) == (130, b"")
        time.sleep(0.2)
        assert calls(simulator)[-1]["outcome"] == "hung_up"

    def test_a_reader_that_goes_away(self, gateway: str) -> None:
        arguments = ["chat", "hello", "--model", "sim/paced-n40-g20", "--address", gateway]
        with subprocess.Popen(
            [TRUNKLINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            assert process.stdout
            assert process.stderr
            assert os.read(process.stdout.fileno(), 1)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(5) == 141

    def test_an_answer_cannot_steer_the_terminal(self, gateway: str) -> None:
        said = "red \x1b[31mhere\x9b2J\x07"
        arguments = ["chat", said, "--model", "sim/text", "--address", gateway]
        assert f"You said: {said}" in trunkline(*arguments).stdout
        master, slave = pty.openpty()
        with subprocess.Popen([TRUNKLINE, *arguments], stdout=slave, env=environment()) as process:
            process.wait(10)
        os.close(slave)
        shown = os.read(master, 4096).decode()
        os.close(master)
        assert shown == "You said: red [31mhere2J\r\n"


class TestCount:
    def test_a_number(self, gateway: str) -> None:
        done = trunkline("count", "hello", "--model", "sim/text", "--address", gateway)
        assert done.returncode == 0
        assert int(done.stdout) > 0

    def test_the_whole_response_as_json(self, gateway: str) -> None:
        done = trunkline("count", "--model", "echo", "--json", "--address", gateway, stdin="hello")
        assert Parse(done.stdout, CountTokensResponse()).input_tokens > 0


class TestWithoutTheService:
    """What `pip install trunkline` without extras can do."""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", NO_SERVICE, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment(), check=False)

    def test_chat(self, gateway: str) -> None:
        done = self.run("chat", "hello", "--model", "sim/text", "--address", gateway)
        assert (done.returncode, done.stdout) == (0, "You said: hello\n")

    @pytest.mark.parametrize("arguments", [["serve"], ["check", "x"], ["simulate"]])
    def test_the_rest_says_what_is_missing(self, arguments: list[str]) -> None:
        done = self.run(*arguments)
        assert done.returncode == 2
        assert done.stderr.endswith("is not installed: pip install 'trunkline[service]'\n")

    def test_help_is_there(self) -> None:
        done = self.run("simulate", "--help")
        assert done.returncode == 0
        assert "pip install 'trunkline[service]'" in done.stdout
