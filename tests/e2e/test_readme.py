"""What the README says is true: its example runs as printed, its configuration is valid, its table is the service's."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format

from trunkline.v1 import chat_service_pb2, error_reason_pb2
from trunkline_service import config
from trunkline_service.app import Gateway
from trunkline_service.rpc.status import RULES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
GRPCURL = re.search(r"    (grpcurl .*?StreamChat)", README, re.DOTALL)


def fenced(language: str) -> str:
    """What the README shows in a language, all of it together."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert blocks
    return "".join(blocks)


async def run(*command: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_the_python_example_runs_as_printed(gateway: Gateway) -> None:
    code, output = await run(sys.executable, "-c", fenced("python"), TRUNKLINE_ADDRESS=gateway.address)
    assert code == 0, output
    assert "You said: Hello" in output
    assert "You said: Tell me a story." in output
    assert re.search(r"try again in 7(\.0)? seconds; call [0-9a-f]{32}", output)


def test_the_configuration_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC", "OPENAI", "GEMINI"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-test")
    settings = config.parse(fenced("yaml"), "README.md")
    assert settings.providers["anthropic"].timeouts.first_event == 300
    assert settings.models["fast"] == "anthropic/claude-haiku-4-5"
    assert list(settings.routes) == ["resilient", "spread", "by_plan"]


def test_the_request_for_grpcurl_is_one() -> None:
    assert GRPCURL is not None
    body = re.search(r"-d '(.*?)'", GRPCURL[1], re.DOTALL)
    assert body is not None
    request = json_format.Parse(body[1], chat_service_pb2.StreamChatRequest())
    assert request.input.messages[0].content[0].text.text == "Hello"


@pytest.mark.skipif(shutil.which("grpcurl") is None, reason="grpcurl is not installed")
async def test_grpcurl_runs_as_printed(gateway: Gateway) -> None:
    assert GRPCURL is not None
    command = GRPCURL[1].replace("127.0.0.1:50051", gateway.address)
    code, output = await run("sh", "-c", command)
    assert code == 0, output
    # Reflection does not tell the names that fields have in JSON: grpcurl writes them as they are in the contract.
    assert re.search(r'"finish_?[rR]eason": "FINISH_REASON_STOP"', output)


def test_the_error_table_is_the_services() -> None:
    table: dict[str, tuple[str, str]] = {}
    for line in README.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and cells[1] in ("yes", "no"):
            table.update(dict.fromkeys(re.findall(r"`(\w+)`", cells[2]), (cells[0], cells[1])))
    assert table == {
        error_reason_pb2.ErrorReason.Name(reason).removeprefix("ERROR_REASON_"): (
            rule.code.name,
            "yes" if rule.retryable else "no",
        )
        for reason, rule in RULES.items()
    }


def test_every_folder_it_names_exists() -> None:
    for path in re.findall(r"\| `([a-z_/]+/)` \|", README):
        assert (ROOT / path).is_dir(), path
