"""`chat`, `count` and `models`: calls of a gateway, with the Python client."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

import trunkline
from trunkline.requests import ChatOptions
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline.v1.model_service_pb2 import Model, ModelLifecycle, PriceTier
from trunkline.v1.warning_pb2 import WarningCode
from trunkline_service.cli.interrupt import ended_by_interrupt
from trunkline_service.cli.terminal import Failure, UsageError, say, write

_DEFAULT_MODEL = "simulator/text"


def chat(options: Namespace) -> int:
    """Print the answer as it comes, or with --json the whole response."""
    text = _text(options)
    asked: ChatOptions = {
        **_asked(options),
        "max_output_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop_sequences": options.stop,
        "reasoning": options.thinking,
        "effort": options.effort,
    }
    with _client(options) as client:
        if options.json:
            _print(client.chat(text, **asked).proto)
            return 0
        with client.stream(text, **asked) as stream:
            try:
                _show(stream)
            except trunkline.APIError as error:
                if error.partial and error.partial.text:
                    # The error begins on a line of its own.
                    write("\n")
                raise
            reply = stream.response
    if reply.text and not reply.text.endswith("\n"):
        write("\n")
    _report(reply)
    return 0


def count(options: Namespace) -> int:
    """Print the number of tokens, or with --json the whole response."""
    text = _text(options)
    with _client(options) as client:
        tokens = client.count_tokens(text, **_asked(options))
    if options.json:
        _print(tokens.proto)
    else:
        write(f"{tokens.input_tokens}\n")
        if tokens.method == "estimate":
            say("trunkline: an estimate, as nobody counts this model's tokens")
    return 0


def models(options: Namespace) -> int:
    """Print a line for each model, or with --json what is known of it."""
    with _client(options) as client:
        if options.model:
            found: Sequence[Model] = [client.get_model(options.model, timeout=options.timeout)]
        else:
            try:
                listed = client.list_models(
                    provider=options.provider,
                    capabilities=options.can,
                    lifecycles=["unspecified", "active", "deprecated", "retired"] if options.all else None,
                    timeout=options.timeout,
                )
            except ValueError as error:
                raise UsageError(str(error)) from None
            for warning in listed.warnings:
                say(f"trunkline: {warning.message}")
            found = list(listed)
    if options.json:
        for model in found:
            write(MessageToJson(model, indent=None, ensure_ascii=False) + "\n")
        return 0
    rows = [_row(model) for model in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        write(f"{name.ljust(widths[0])}  {'  '.join(cells)}".rstrip() + "\n")
    return 0


def _row(model: Model) -> list[str]:
    tier = model.prices.tiers[0] if model.prices.tiers else PriceTier()
    lifecycle = (
        ModelLifecycle.Name(model.lifecycle).removeprefix("MODEL_LIFECYCLE_").lower() if model.lifecycle else "-"
    )
    if model.HasField("retire_time"):
        lifecycle += f" {model.retire_time.ToJsonString()[:10]}"
    return [
        f"{model.provider}/{model.id}",
        str(model.context_window) if model.HasField("context_window") else "-",
        str(model.max_output_tokens) if model.HasField("max_output_tokens") else "-",
        f"${tier.input_nano_usd / 1e9:.2f}" if tier.HasField("input_nano_usd") else "-",
        f"${tier.output_nano_usd / 1e9:.2f}" if tier.HasField("output_nano_usd") else "-",
        lifecycle,
    ]


def _asked(options: Namespace) -> ChatOptions:
    return {
        "model": None if options.route and not options.model else _model(options),
        "system": options.system,
        "route": options.route,
        "timeout": options.timeout,
    }


def _model(options: Namespace) -> str:
    return options.model or os.environ.get("TRUNKLINE_MODEL") or _DEFAULT_MODEL


def _text(options: Namespace) -> str:
    """Return what to say."""
    text: str = options.text or ""
    if options.text in (None, "-"):
        if sys.stdin.isatty():
            say("Type what to say, and Ctrl-D on a line of its own.", dim=True)
        try:
            text = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError("the standard input is not UTF-8 text") from None
    if not text.strip():
        raise UsageError("there is nothing to say: give a text, or write it to the standard input")
    return text


@contextmanager
def _client(options: Namespace) -> Iterator[trunkline.Trunkline]:
    """Give a client, and tell what went wrong with its calls."""
    tls: bool | grpc.ChannelCredentials = options.tls
    if options.ca:
        try:
            tls = grpc.ssl_channel_credentials(Path(options.ca).read_bytes())
        except OSError as error:
            raise UsageError(f"cannot read {options.ca}: {error.strerror}") from None
    try:
        client = trunkline.Trunkline(options.address, tls=tls)
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        with ended_by_interrupt(), client:
            yield client
    except trunkline.GatewayUnreachableError as error:
        advice = "`trunkline serve` starts one, --address names another"
        raise Failure(f"no gateway answers at {client.address}; {advice}\n  {error.message}") from None
    except trunkline.APIError as error:
        raise Failure("\n  ".join(_explained(error))) from None


def _explained(error: trunkline.APIError) -> Iterator[str]:
    yield str(error)
    for violation in error.violations:
        yield f"{violation.field}: {violation.description}"
    if error.retry_after is not None:
        yield f"may work in {error.retry_after:g} s"
    elif error.retryable:
        yield "may work later"


def _show(stream: trunkline.ChatStream) -> None:
    """Write text and refusals to the standard output, reasoning to the standard error, as they come."""
    thinking = False
    for event in stream:
        text, thought = _pieces(event)
        if thought:
            say(thought, dim=True, end="")
            thinking = True
        if text:
            if thinking:
                say("\n")
                thinking = False
            write(text)
    if thinking:
        say("")


def _pieces(event: ChatEvent) -> tuple[str, str]:
    """Return what an event adds to the answer and to the reasoning."""
    if event.HasField("block_start"):
        block = event.block_start.block
        return block.text.text or block.refusal.text, block.thinking.text
    delta = event.block_delta
    return delta.text or delta.refusal, delta.thinking


def _report(reply: trunkline.Reply) -> None:
    """Say what the user should know, and on a terminal also who answered and what it took."""
    for warning in reply.warnings:
        # That the provider insists on a maximum, and got the model's own, is nothing to act on.
        if warning.code != WarningCode.WARNING_CODE_DEFAULT_APPLIED:
            say(f"trunkline: {warning.field}: {warning.message}")
    if reply.finish_reason not in ("stop", "stop_sequence", "tool_use"):
        explanation = reply.proto.completion.refusal_details.explanation
        say(f"trunkline: ended by {reply.finish_reason}" + (f": {explanation}" if explanation else ""))
    for call in reply.tool_calls:
        say(f"trunkline: the model calls {call.name} with {call.arguments_json or '{}'}")
    if sys.stderr.isatty():
        usage = reply.usage
        tokens = f"{usage.input_total} tokens in, {usage.output_total} out"
        if reply.cost:
            tokens += f", ${reply.cost.total_nano_usd / 1e9:.6f}"
        origin = reply.message.origin
        say(f"{origin.provider} · {origin.model} · {reply.finish_reason} · {tokens}", dim=True)


def _print(message: Message) -> None:
    write(MessageToJson(message, ensure_ascii=False) + "\n")
