"""Every mistake that a request can hold, one at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import grpc

from e2e.edits import (
    BLOCK,
    EMPTY,
    Edit,
    cited,
    content,
    document,
    fields_of,
    function,
    image,
    model,
    numbered,
    option,
    role,
    to_route,
    to_target,
    tool,
    tool_result,
    tool_use,
    without_messages,
)
from support.calls import text_block
from trunkline.v1 import chat_input_pb2, message_pb2


class Case(NamedTuple):
    """A request that is good but for `edit`, and what has to be said about it."""

    name: str
    edit: Edit
    fields: tuple[str, ...] = ()
    says: str = ""
    reason: str = "INVALID_REQUEST"
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
    resource: str = ""


def lost(name: str, edit: Edit, resource: str, says: str = "") -> Case:
    """A request that names what the gateway does not have."""
    return Case(name, edit, (), says, "ROUTE_NOT_FOUND", grpc.StatusCode.NOT_FOUND, resource)


CASES = [
    # The conversation.
    Case("no_messages", without_messages, ("input.messages",)),
    Case("role_unspecified", role(0), ("input.messages[0].role",)),
    Case("role_of_a_newer_client", role(99), ("input.messages[0].role",), "99"),
    Case("block_without_content", content(EMPTY), (f"{BLOCK}.kind",)),
    Case(
        "result_block_without_content",
        content(tool_result(text_block("18"), EMPTY)),
        (f"{BLOCK}.tool_result.content[1].kind",),
    ),
    Case("system_block_without_content", lambda r: r.input.system.add(), ("input.system[0].kind",)),
    Case(
        "document_block_without_content",
        content(document(content=message_pb2.ContentList(blocks=[EMPTY]))),
        (f"{BLOCK}.document.content.blocks[0].kind",),
    ),
    Case("document_without_source", content(document(title="Report")), (f"{BLOCK}.document.source",)),
    Case("tool_result_without_id", content(tool_result(tool_use_id="")), (f"{BLOCK}.tool_result.tool_use_id",)),
    Case(
        "tool_use_without_id_and_name",
        content(tool_use(id="", name=""), role=message_pb2.ROLE_ASSISTANT),
        (f"{BLOCK}.tool_use.id", f"{BLOCK}.tool_use.name"),
    ),
    Case("runner_of_a_newer_client", content(tool_use(runner=numbered(9))), (f"{BLOCK}.tool_use.runner",), "9"),
    Case(
        "server_tool_result_without_anything",
        content(message_pb2.ContentBlock(server_tool_result=message_pb2.ServerToolResultBlock())),
        (f"{BLOCK}.server_tool_result.tool_use_id", f"{BLOCK}.server_tool_result.type"),
    ),
    Case(
        "search_result_without_anything",
        content(message_pb2.ContentBlock(search_result=message_pb2.SearchResultBlock())),
        (f"{BLOCK}.search_result.source", f"{BLOCK}.search_result.title"),
    ),
    Case(
        "redacted_thinking_without_data",
        content(message_pb2.ContentBlock(redacted_thinking=message_pb2.RedactedThinkingBlock())),
        (f"{BLOCK}.redacted_thinking.data",),
    ),
    Case(
        "opaque_block_of_nobody",
        content(message_pb2.ContentBlock(opaque=message_pb2.Opaque(raw_json="{}"))),
        (f"{BLOCK}.opaque.provider_type",),
    ),
    Case("citation_of_nothing", content(cited(cited_text="so")), (f"{BLOCK}.text.citations[0].location",)),
    # Media.
    Case(
        "image_without_media",
        content(message_pb2.ContentBlock(image=message_pb2.ImageBlock())),
        (f"{BLOCK}.image.media.source",),
    ),
    Case("image_of_no_bytes", content(image(data=b"")), (f"{BLOCK}.image.media.data",)),
    Case("image_of_no_address", content(image(url="")), (f"{BLOCK}.image.media.url",)),
    Case("image_of_no_file", content(image(file_id="")), (f"{BLOCK}.image.media.file_id",)),
    Case("image_of_unknown_bytes", content(image(data=b"BM8\0")), (f"{BLOCK}.image.media.media_type",), "image/png"),
    Case(
        "image_of_unknown_type",
        content(image(data=b"BM8\0", media_type="image/bmp")),
        (f"{BLOCK}.image.media.media_type",),
        "image/bmp",
    ),
    Case(
        "image_as_data_url",
        content(image(url="data:image/png;base64,iVBORw0KGgo=")),
        (f"{BLOCK}.image.media.url",),
        "send the bytes",
    ),
    Case("image_as_file_name", content(image(url="cat.png")), (f"{BLOCK}.image.media.url",)),
    Case(
        "audio_without_media",
        content(message_pb2.ContentBlock(audio=message_pb2.AudioBlock())),
        (f"{BLOCK}.audio.media.source",),
    ),
    Case(
        "plain_text_that_is_none",
        content(document(media=message_pb2.Media(data=b"\xff\xfe", media_type="text/plain"))),
        (f"{BLOCK}.document.media.data",),
        "byte 0",
    ),
    # Numbers.
    # What is said of the range is Anthropic's own at once, and not first a wider one.
    *(
        Case(
            f"temperature_{value:g}",
            fields_of("generation", temperature=value),
            ("input.generation.temperature",),
            f"{value:g} is not between 0 and 1, which is Anthropic's range",
        )
        for value in (1.5, 5, -1)
    ),
    Case("temperature_nan", fields_of("generation", temperature=math.nan), ("input.generation.temperature",), "nan"),
    Case("temperature_inf", fields_of("generation", temperature=math.inf), ("input.generation.temperature",), "inf"),
    Case("top_p_2", fields_of("generation", top_p=2), ("input.generation.top_p",), "2"),
    Case("top_p_nan", fields_of("generation", top_p=math.nan), ("input.generation.top_p",), "nan"),
    Case("top_k_minus_1", fields_of("generation", top_k=-1), ("input.generation.top_k",)),
    Case(
        "max_output_tokens_minus_1",
        fields_of("generation", max_output_tokens=-1),
        ("input.generation.max_output_tokens",),
    ),
    Case("penalty_3", fields_of("generation", presence_penalty=3), ("input.generation.presence_penalty",)),
    Case("empty_stop_sequence", fields_of("generation", stop_sequences=[""]), ("input.generation.stop_sequences[0]",)),
    # Reasoning, tools, formats.
    Case("budget_without_mode", fields_of("reasoning", budget_tokens=2000), ("input.reasoning.budget_tokens",)),
    Case(
        "budget_with_another_mode",
        fields_of("reasoning", budget_tokens=2000, mode=chat_input_pb2.REASONING_MODE_ADAPTIVE),
        ("input.reasoning.budget_tokens",),
    ),
    Case(
        "mode_without_budget",
        fields_of("reasoning", mode=chat_input_pb2.REASONING_MODE_BUDGET),
        ("input.reasoning.budget_tokens",),
    ),
    Case(
        "budget_minus_1",
        fields_of("reasoning", mode=chat_input_pb2.REASONING_MODE_BUDGET, budget_tokens=-1),
        ("input.reasoning.budget_tokens",),
    ),
    Case("mode_of_a_newer_client", fields_of("reasoning", mode=numbered(77)), ("input.reasoning.mode",), "77"),
    Case("display_without_mode", fields_of("reasoning", display="omitted"), ("input.reasoning.display",)),
    Case("tool_of_no_kind", tool(), ("input.tools[0].kind",)),
    Case("tool_without_name", function(name=""), ("input.tools[0].function.name",)),
    Case(
        "provider_tool_of_nobody",
        tool(provider_defined=chat_input_pb2.ProviderTool(raw_json="{}")),
        ("input.tools[0].provider_defined.provider_type",),
    ),
    Case("choice_of_no_tool", fields_of("tool_choice", tool_name=""), ("input.tool_choice.tool_name",)),
    Case("choice_unspecified", fields_of("tool_choice", mode=numbered(0)), ("input.tool_choice.mode",)),
    Case("choice_of_a_newer_client", fields_of("tool_choice", mode=numbered(50)), ("input.tool_choice.mode",)),
    Case("format_of_no_kind", lambda r: r.input.output_format.SetInParent(), ("input.output_format.format",)),
    # What becomes a header.
    Case(
        "header_in_the_version",
        fields_of("anthropic", version="2023-06-01\r\nx-evil: 1"),
        ("input.anthropic.version",),
    ),
    Case("header_in_a_beta", fields_of("anthropic", betas=["good", "b\nx-evil: 1"]), ("input.anthropic.betas[1]",)),
    Case("two_betas_in_one", fields_of("anthropic", betas=["one,two"]), ("input.anthropic.betas[0]",)),
    Case("empty_beta", fields_of("anthropic", betas=[""]), ("input.anthropic.betas[0]",)),
    Case("beta_beyond_ascii", fields_of("anthropic", betas=["früh"]), ("input.anthropic.betas[0]",)),
    Case(
        "header_in_the_profile",
        fields_of("anthropic", user_profile_id="a\r\nb: c"),
        ("input.anthropic.user_profile_id",),
    ),
    Case("header_in_the_workspace", fields_of("anthropic", workspace_id="a\0b"), ("input.anthropic.workspace_id",)),
    Case(
        "header_in_the_key",
        to_target(provider="simulator", model="text", api_key="sk\r\nx-evil: 1"),
        ("routing.route.target.api_key",),
    ),
    # Where it is to go.
    Case("empty_model", model(""), ("input.model",)),
    Case("very_long_model", model(f"simulator/{'a' * 70_000}"), ("input.model",), "1000"),
    Case(
        "very_long_model_of_a_target",
        to_target(provider="simulator", model="a" * 70_000),
        ("routing.route.target.model",),
    ),
    Case("empty_model_of_a_provider", model("simulator/"), ("input.model",)),
    lost("unknown_provider", model("nowhere/text"), "providers/nowhere", "'nowhere'"),
    lost("unknown_bare_model", model("text"), "models/text", "'text'"),
    lost("unknown_route", to_route("nowhere"), "routes/nowhere", "'nowhere'"),
    lost("route_without_name", to_route(""), "routes/"),
    Case("route_without_strategy", lambda r: r.routing.route.SetInParent(), ("routing.route.strategy",)),
    Case("target_without_provider", to_target(model="text"), ("routing.route.target.provider",)),
    lost("target_of_an_unknown_provider", to_target(provider="nowhere", model="text"), "providers/nowhere"),
    Case(
        "policy_of_a_newer_client",
        lambda r: setattr(r.routing, "unsupported_fields", numbered(7)),
        ("routing.unsupported_fields",),
    ),
    Case(
        "options_for_nobody", option("nowhere", "{}"), ('input.provider_options_json["nowhere"]',), "neither a provider"
    ),
    Case(
        "options_for_the_stream", option("anthropic", '{"stream":false}'), ('input.provider_options_json["anthropic"]',)
    ),
]
