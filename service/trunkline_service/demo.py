"""A chat, streamed and not, and a token count, through a gateway that is started for it.

With ANTHROPIC_API_KEY set, Claude answers; without it, the simulator does, which costs nothing.
"""

import asyncio
import os
import signal
import sys
from dataclasses import replace

import trunkline

from trunkline_service import app, config
from trunkline_service.cli.terminal import prepare, say, write
from trunkline_service.errors import StartupError

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
    """Start the gateway, make three calls, and stop it."""
    settings = config.from_environment(os.environ, listen="127.0.0.1:0")
    simulated = "anthropic" not in settings.providers
    # What is in flight at the end are loose ends of a call that failed.
    settings = replace(settings, simulator=simulated, limits=replace(settings.limits, drain_grace=1.0))
    ready = asyncio.get_running_loop().create_future()
    gateway = asyncio.create_task(app.serve(settings, ready.set_result))
    try:
        await asyncio.wait([gateway, ready], return_when=asyncio.FIRST_COMPLETED)
        if gateway.done():
            await gateway
        await _calls(await ready, simulated=simulated)
    finally:
        if not gateway.done():
            # As it is stopped everywhere else.
            os.kill(os.getpid(), signal.SIGTERM)
        await gateway


async def _calls(address: str, *, simulated: bool) -> None:
    behind = "the simulator, as ANTHROPIC_API_KEY is not set" if simulated else "Anthropic's API"
    say(f"A gateway at {address}; behind it {behind}.\n")
    prompt, model = (_FOR_SIMULATOR, _SIMULATOR) if simulated else (_FOR_CLAUDE, _CLAUDE)
    async with trunkline.AsyncTrunkline(address, model=model, timeout=60) as client:
        say(f"StreamChat · {model}", dim=True)
        async with client.stream(prompt, max_output_tokens=300) as stream:
            async for piece in stream.text:
                write(piece)
        _show(stream.response)

        say(f"Chat · {model}", dim=True)
        reply = await client.chat("Say hello in five languages.", max_output_tokens=300)
        write(reply.text)
        _show(reply)

        say(f"CountTokens · {model}", dim=True)
        tokens = await client.count_tokens(prompt)
        write(f"{tokens.input_tokens} tokens, counted by the {tokens.method}\n\n")
    say("Next: `.venv/bin/trunkline serve` in one terminal, and in another `.venv/bin/trunkline chat Hello`.")


def _show(reply: trunkline.Reply) -> None:
    origin, usage = reply.proto.completion.origin, reply.usage
    write(
        f"\n\n  finish reason  {reply.finish_reason}\n"
        f"  usage          {usage.input_total} tokens in, {usage.output_total} out\n"
        f"  answered by    {origin.provider}, {origin.model}\n\n"
    )


def main() -> int:
    """Run the demo and return the exit code."""
    prepare()
    try:
        asyncio.run(demo())
    except (config.ConfigError, StartupError, trunkline.APIError) as error:
        say(f"\ndemo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
