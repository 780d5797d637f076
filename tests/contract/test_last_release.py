"""Callers that were built with the last release go on working: its Python client and stubs, against today's gateway."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline_service.app import Gateway

ROOT = Path(__file__).parents[2]
PACKAGE = "clients/python/trunkline"
# Only what the first release has, so that any later one runs it, too.
PROGRAM = """
import sys
import trunkline
from trunkline import APIError, Trunkline, tool, user

assert trunkline.__file__.startswith(sys.argv[1]), trunkline.__file__
with Trunkline(model="simulator/text") as client:
    assert client.chat("Hello").text == "You said: Hello"
    assert client.count_tokens("Hello").input_tokens > 0
    assert any(model.id == "text" for model in client.list_models(provider="simulator"))
    for behaviour in ("text", "thinking", "citations", "search", "refusal", "tools"):
        tools = [tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}})]
        options = {"model": f"simulator/{behaviour}", "tools": tools}
        with client.stream("Hello", **options) as stream:
            final = stream.final()
        assert final.complete and final.finish_reason, behaviour
        results = [call.result("18 degrees") for call in final.tool_calls]
        assert client.chat(messages=[user("Hello"), final.message, *results, "Go on"]).text, behaviour
    try:
        client.chat("Hello", model="simulator/error-429")
    except trunkline.RateLimitError as error:
        assert error.retry_after == 7 and error.provider == "simulator"
print("works")
"""


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


def releases() -> list[str]:
    """The last release, if there is one; and today's state, which has to pass in any case."""
    if git("rev-parse", "HEAD").returncode != 0:
        return []
    found = git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*")
    return ["HEAD", *found.stdout.decode().split()] if found.returncode == 0 else ["HEAD"]


def unpack(release: str, directory: Path) -> None:
    archive = git("archive", release, PACKAGE)
    assert archive.returncode == 0, archive.stderr
    subprocess.run(["tar", "-x", "--strip-components=2", "-C", directory], input=archive.stdout, check=True)


@pytest.mark.parametrize("release", releases())
async def test_the_client_of_a_release(release: str, gateway: Gateway, tmp_path: Path) -> None:
    unpack(release, tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(tmp_path)),
        env=os.environ | {"PYTHONPATH": str(tmp_path), "TRUNKLINE_ADDRESS": gateway.address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output.decode().strip().splitlines()[-1:]) == (0, ["works"]), output.decode()
