"""The bench itself works, and no call in it fails. What it finds is not judged: other tests run beside this one."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from pathlib import Path

from bench.grpc_client import COMPLETION_TAG, count_events
from bench.processes import REPOSITORY
from bench.report import LEAST, OURS, OURS_ROUTED, OURS_TO_OPENAI, OURS_TO_SIMULATOR
from bench.scenarios import SCENARIOS
from trunkline.v1 import chat_service_pb2


# In a process of its own: it chooses its core, and grpc.aio wants one loop a process.
async def test_every_scenario_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench", "--seconds", "0.3", "--rounds", "1", "--json", str(file)),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    results = json.loads(file.read_text())
    assert list(results) == [OURS, OURS_ROUTED, OURS_TO_SIMULATOR, OURS_TO_OPENAI, LEAST]
    for found, scenario in itertools.product(results.values(), SCENARIOS):
        [figures] = found[scenario.name]
        assert figures["failures"] == []
        assert figures["calls"] >= scenario.at_once
        assert 0 < figures["first_p50"] <= figures["p50"] <= figures["p99"]
        assert figures["p50"] > scenario.tokens * scenario.gap_ms
        assert 0 < figures["cpu_per_frame"] <= figures["cpu_per_call"] < 1e6
        assert 10 < figures["rss"] < 1000


def test_events_are_counted() -> None:
    long = chat_service_pb2.ChatEvent(block_delta=chat_service_pb2.BlockDelta(text="x" * 1000))
    last = chat_service_pb2.ChatEvent(completion=chat_service_pb2.Completion(provider_finish_reason="end_turn"))
    message = chat_service_pb2.StreamChatResponse(events=[long, long, last])
    assert count_events(message.SerializeToString()) == (3, COMPLETION_TAG)
