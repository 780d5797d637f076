"""A chat, streamed and not, and a token count, through a gateway that is started for it.

With ANTHROPIC_API_KEY set, Claude answers; without it, the simulator does, which costs nothing.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline_service.cli.terminal import Failure, prepare, say, write

if TYPE_CHECKING:
    from trunkline import AsyncTrunkline, Reply

_CLAUDE = "anthropic/claude-haiku-4-5"
# The simulator repeats what it is told, here a word every 30 ms.
_SIMULATOR = "simulator/text-g30"
_FOR_CLAUDE = "Say in three sentences what a trunk line was in the days of the telephone exchange."
_FOR_SIMULATOR = (
    "A trunk line joined two telephone exchanges, and every call between their subscribers went over it. "
    "This Trunkline joins services and models: one typed contract on the near side, the API of a provider on the far "
    "side. Every word that you see here left the provider as an event and reached you as one, with nothing held back."
)


async def demo() -> None:
    """Start the gateway, make three calls, and stop it. Raises Failure."""
    # Here, as they take their time, and Ctrl-C may come at any.
    from trunkline import APIError, AsyncTrunkline
    from trunkline_service import app, config
    from trunkline_service.errors import StartupError

    try:
        settings = config.from_environment(os.environ, listen="127.0.0.1:0")
        simulated = "anthropic" not in settings.providers
        behind = "the simulator, as ANTHROPIC_API_KEY is not set" if simulated else "Anthropic's API"
        prompt, model = (_FOR_SIMULATOR, _SIMULATOR) if simulated else (_FOR_CLAUDE, _CLAUDE)
        async with app.Gateway(replace(settings, simulator=simulated)) as gateway:
            write(f"A gateway listens on {gateway.address}; behind it is {behind}.\n")
            async with AsyncTrunkline(gateway.address, model=model, timeout=60) as client:
                await _calls(client, prompt)
    except (config.ConfigError, StartupError, APIError) as error:
        raise Failure(str(error)) from None
    write("\nNext: `.venv/bin/trunkline serve` in one terminal, and `.venv/bin/trunkline chat Hello` in another.\n")


async def _calls(client: AsyncTrunkline, prompt: str) -> None:
    write("\nStreamChat\n\n")
    async with client.stream(prompt, max_output_tokens=300) as stream:
        async for piece in stream.text:
            write(piece)
    _show(stream.response)

    write("\nChat\n\n")
    reply = await client.chat("Say hello in five languages.", max_output_tokens=300)
    write(reply.text)
    _show(reply)

    write("\nCountTokens\n\n")
    tokens = await client.count_tokens(prompt)
    write(f"  input          {tokens.input_tokens} tokens, counted by the {tokens.method}\n")


def _show(reply: Reply) -> None:
    origin, usage = reply.message.origin, reply.usage
    write(
        f"\n\n  finish reason  {reply.finish_reason}\n"
        f"  usage          {usage.input_total} tokens in, {usage.output_total} out\n"
        f"  answered by    {origin.provider}, {origin.model}\n"
    )


def _run() -> None:
    # Here, as it takes its time, and Ctrl-C may come at any.
    from trunkline_service import app

    app.run(demo())


def main() -> int:
    """Run the demo and return the exit code."""
    prepare()
    try:
        _run()
    except Failure as error:
        say(f"\ndemo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
