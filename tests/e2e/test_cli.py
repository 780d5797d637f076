"""The command line, as a user has it: processes, their output and their exit codes."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import TRUNKLINE, calls, environment, running, trunkline
from trunkline_service.cli import main


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(("redirection", "code"), [(">/dev/full", 1), (">&-", 0), ("2>&-", 0)])
def test_a_standard_output_that_takes_nothing(redirection: str, code: int) -> None:
    command = ["sh", "-c", f'"$0" "$@" {redirection}', TRUNKLINE, "--help"]
    done = subprocess.run(command, capture_output=True, timeout=20, env=environment(), check=False)
    assert done.returncode == code
    assert done.stderr.decode() == ("trunkline: cannot write to the standard output: No space left on device\n" * code)


def test_a_standard_input_that_is_closed() -> None:
    command = ["sh", "-c", '"$0" "$@" <&-', TRUNKLINE, "chat"]
    done = subprocess.run(command, capture_output=True, timeout=20, env=environment(), check=False)
    assert (done.returncode, "Traceback" in done.stderr.decode()) == (2, False)


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
if main(["--help"]) == 0:
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
def test_mistakes_of_usage(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not a process for each: that is all time.
    monkeypatch.setenv("GRPC_VERBOSITY", "NONE")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


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


class TestCheckLive:
    def test_each_provider_is_asked(self, tmp_path: Path) -> None:
        with running("simulate", "--port", "0") as simulator, socket.create_server(("127.0.0.1", 0)) as taken:
            url = simulator.said.split()[-1]
            nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
            taken.close()
            file = tmp_path / "gateway.yaml"
            file.write_text(
                "providers:\n"
                f"  good: {{type: anthropic, base_url: '{url}', api_key: {{env: KEY}}}}\n"
                f"  away: {{type: anthropic, base_url: '{nowhere}', api_key: {{env: KEY}}}}\n"
                f"  mute: {{type: vertex_anthropic, base_url: '{url}', region: x, project: y, api_key: {{env: KEY}}}}\n"
                f"  azure: {{type: azure_openai, base_url: '{url}/openai/v1', api_key: {{env: KEY}}}}\n"
                f"  dated: {{type: azure_openai, base_url: '{url}', version: 2024-10-21, api_key: {{env: KEY}}}}\n"
            )
            done = trunkline("check", file, "--live", KEY="sk-ant-key")
            asked = calls(url.removeprefix("http://"))
        assert done.returncode == 1
        _, good, away, mute, *azure = done.stdout.splitlines()
        assert re.fullmatch(r"good: has \d+ models", good)
        assert away == "away: UPSTREAM_UNREACHABLE: the provider could not be reached: it refused the connection"
        assert mute == "mute: has credentials; its API has no list of models"
        assert azure == [f"{name}: has credentials; its API has no list of models" for name in ("azure", "dated")]
        assert {call["path"].partition("?")[0] for call in asked} == {
            "/v1/models", "/openai/v1/models", "/openai/models",
        }  # fmt: skip

    def test_those_without_a_list_need_credentials_too(self, tmp_path: Path) -> None:
        with running("simulate", "--port", "0") as simulator:
            url = simulator.said.split()[-1]
            file = tmp_path / "gateway.yaml"
            file.write_text(
                "providers:\n"
                f"  aws: {{type: bedrock, region: us-east-1, base_url: '{url}'}}\n"
                f"  google: {{type: vertex_gemini, base_url: '{url}', region: x, project: y}}\n"
                f"  azure: {{type: azure_openai, base_url: '{url}/openai/v1', api_key: {{env: BAD}}}}\n"
            )
            nothing = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}
            done = trunkline("check", file, "--live", BAD="bad-key", **nothing)
        assert done.returncode == 1
        assert [line.partition(":")[2].partition(":")[0] for line in done.stdout.splitlines()[1:]] == [
            " UPSTREAM_CREDENTIALS_REJECTED"
        ] * 3

    def test_all_is_well(self, tmp_path: Path) -> None:
        with running("simulate", "--port", "0") as simulator:
            url = simulator.said.split()[-1]
            file = tmp_path / "gateway.yaml"
            file.write_text(f"providers: {{a: {{type: anthropic, base_url: '{url}', api_key: {{env: KEY}}}}}}")
            assert trunkline("check", file, "--live", KEY="sk-ant-key").returncode == 0


class TestServe:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops_in_order(self, number: signal.Signals) -> None:
        with running("serve", "--listen", "127.0.0.1:0") as server:
            assert trunkline("chat", "hello", "--address", server.address).stdout == "You said: hello\n"
            assert server.stop(number) == 0
            # Nothing but lines of JSON, whatever happens.
            messages = [json.loads(line)["message"] for line in server.logged().splitlines()]
            assert messages[0] == "serving"
            assert messages[-1] == "stopped"

    def test_a_port_that_is_taken(self, taken_port: int) -> None:
        done = trunkline("serve", "--listen", f"127.0.0.1:{taken_port}")
        assert done.returncode == 1
        assert str(taken_port) in done.stderr

    def test_keys_in_the_environment_make_providers(self) -> None:
        with running("serve", "--listen", "127.0.0.1:0", ANTHROPIC_API_KEY="sk-test") as server:
            assert server.said.endswith("; providers: anthropic, simulator\n")

    def test_a_config_may_be_overridden(self, tmp_path: Path) -> None:
        file = tmp_path / "gateway.yaml"
        file.write_text("simulator: true\nlisten: 0.0.0.0:1")
        with running("serve", "--config", file, "--listen", "127.0.0.1:0") as server:
            assert server.address.startswith("127.0.0.1:")

    def test_a_key_that_cannot_be_one(self) -> None:
        done = trunkline("serve", ANTHROPIC_API_KEY="two words")
        assert done.returncode == 2
        assert "environment: ANTHROPIC_API_KEY: the key has characters" in done.stderr
        assert "two words" not in done.stderr


class TestSimulate:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops(self, number: signal.Signals) -> None:
        with running("simulate", "--port", "0") as server:
            assert calls(server.address) == []
            assert server.stop(number) == 0

    def test_a_port_that_is_taken(self, taken_port: int) -> None:
        done = trunkline("simulate", "--port", str(taken_port))
        assert done.returncode == 1
        assert f"cannot listen on port {taken_port}: " in done.stderr
