"""The simulator's record of calls, as tests in another process see it."""

import asyncio
import json
import urllib.request
from typing import Any


async def received(simulator: str, model: str) -> list[dict[str, Any]]:
    """The calls so far that asked a model."""
    calls = await asyncio.to_thread(_calls, simulator)
    return [call for call in calls if (call["method"], call["model"]) == ("POST", model)]


def _calls(simulator: str) -> list[dict[str, Any]]:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{simulator}/_simulator/calls", timeout=30) as response:
        calls: list[dict[str, Any]] = json.load(response)["calls"]
    return calls
