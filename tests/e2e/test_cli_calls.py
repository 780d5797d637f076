"""`chat` and `count` on the command line."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse

from support.command_line import TRUNKLINE, calls, environment, running, trunkline
from support.tls import CERTIFICATE, PRIVATE_KEY
from trunkline.v1.chat_service_pb2 import ChatResponse, CountTokensResponse

NO_SERVICE = """\
import sys
for name in ("aiohttp", "grpc_health", "grpc_reflection", "msgspec", "uvloop", "yaml"):
    sys.modules[name] = None
from trunkline_service.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with running("simulate", "--port", "0") as server:
        yield server.address


@pytest.fixture(scope="module")
def gateway(simulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    file.write_text(f"""\
providers: {{sim: {{type: anthropic, base_url: 'http://{simulator}', api_key: {{env: SIM_KEY}}}}}}
models: {{echo: sim/text}}
routes: {{direct: {{target: {{provider: sim, model: text}}}}}}
""")
    with running("serve", "--config", file, "--listen", "127.0.0.1:0", SIM_KEY="sk-of-the-test") as server:
        yield server.address


def begun(*arguments: str) -> subprocess.Popen[bytes]:
    """The command, while it runs."""
    return subprocess.Popen([TRUNKLINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())


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
        assert response.message.origin.provider == "sim"

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

    def test_tls(self, tmp_path: Path) -> None:
        certificate, key, file = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "gateway.yaml"
        certificate.write_text(CERTIFICATE)
        key.write_text(PRIVATE_KEY)
        file.write_text("simulator: true\nlisten: 127.0.0.1:0\ntls: {certificate: cert.pem, private_key: key.pem}")
        with running("serve", "--config", file) as server:
            done = trunkline("chat", "hello", "--ca", certificate, "--address", server.address)
            assert (done.returncode, done.stdout) == (0, "You said: hello\n")
            # Nobody that the system trusts has signed it.
            done = trunkline("chat", "hello", "--tls", "--address", server.address)
            assert (done.returncode, done.stdout) == (1, "")

    def test_time_is_up(self, gateway: str) -> None:
        done = trunkline("chat", "hello", "--model", "sim/silence", "--timeout", "0.3", "--address", gateway)
        assert done.returncode == 1
        assert "DEADLINE_EXCEEDED" in done.stderr

    def test_ctrl_c_ends_the_call_at_once(self, gateway: str, simulator: str) -> None:
        arguments = ["chat", "hello", "--model", "sim/stall-n3", "--address", gateway]
        with begun(*arguments) as process:
            assert process.stdout
            assert os.read(process.stdout.fileno(), 4096)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=5)
            assert (process.returncode, said) == (130, b"")
        time.sleep(0.2)
        assert calls(simulator)[-1]["outcome"] == "hung_up"

    def test_ctrl_c_while_nobody_reads(self, gateway: str) -> None:
        """What is written waits for its reader, and Ctrl-C must not."""
        arguments = ["chat", "x" * 90_000, "--model", "sim/text", "--address", gateway]
        with begun(*arguments) as process:
            assert process.stdout
            assert process.stderr
            assert os.read(process.stdout.fileno(), 1)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 130
            assert process.stderr.read() == b""

    def test_a_reader_that_goes_away(self, gateway: str) -> None:
        arguments = ["chat", "hello", "--model", "sim/paced-n40-g20", "--address", gateway]
        with begun(*arguments) as process:
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
