"""What every provider is put through, and which of them cannot."""

from __future__ import annotations

import base64
import json

from matrix import checks
from matrix.building import (
    TOOLS,
    called,
    document,
    failed,
    image,
    marked,
    media,
    results,
    shown,
    tool,
    turn,
)
from matrix.conversation import Conversation
from matrix.homes import SILENT
from matrix.told import Part
from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, message_pb2

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
LONG_NAME = "look_up_the_weather_" + "of_a_place_" * 7
WILD_NAME = "world/travel.look_up.the_weather" + "/of.a_place" * 12 + ".now"

ONE_AT_A_TIME = chat_input_pb2.ToolChoice(mode=chat_input_pb2.TOOL_CHOICE_MODE_AUTO, parallel=False)
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "seats": {"type": "integer"}},
    "required": ["city", "seats"],
    "additionalProperties": False,
}
_SIZED = chat_input_pb2.JsonSchemaFormat(schema_json=json.dumps(SCHEMA), name="trip", description="Where to")
_NAMELESS = chat_input_pb2.JsonSchemaFormat(schema_json=json.dumps(SCHEMA))
_GENERATION = chat_input_pb2.GenerationParams
_PHOTO = image(media(PNG, "image/png"))
_NEWER_MODELS = "Models from gpt-5.6 on; with others, the call goes on without the mark, with a warning."

CONVERSATIONS = (
    Conversation(title="text", model="text", check=checks.says("You said: Hello")),
    Conversation(title="text in other scripts", model="unicode", check=checks.ends("STOP", text="line\u2028separator")),
    Conversation(
        title="system prompt",
        model="text",
        fields={"system": [text_block("Be brief.")]},
        check=checks.tells(Part("system", "Be brief."), Part("user", "Hello")),
    ),
    Conversation(
        title="several turns",
        model="text",
        fields={"messages": [user("One"), turn(message_pb2.ROLE_ASSISTANT, "Two"), user("Three")]},
        check=checks.tells(Part("user", "One"), Part("assistant", "Two"), Part("user", "Three")),
    ),
    Conversation(title="usage", model="usage", check=checks.counts_usage),
    Conversation(
        title="a tool call", model="tool", fields={"tools": TOOLS}, check=checks.calls(("book", {"seats": 7}))
    ),
    Conversation(
        title="parallel tool calls",
        model="tools",
        fields={"tools": TOOLS},
        check=checks.calls(("book", {"seats": 7}), ("weather", {"city": "Zürich"})),
    ),
    Conversation(
        title="one tool call at a time",
        model="tools",
        fields={"tools": TOOLS, "tool_choice": ONE_AT_A_TIME},
        cannot={"gemini": "input.tool_choice.parallel"},
        check=checks.calls(("book", {"seats": 7})),
    ),
    Conversation(
        title="a tool by its name",
        model="tool",
        fields={"tools": TOOLS, "tool_choice": chat_input_pb2.ToolChoice(tool_name="weather")},
        check=checks.calls(("weather", {"city": "Zürich"})),
    ),
    Conversation(
        title="no tool now",
        model="tool",
        fields={
            "tools": TOOLS,
            "tool_choice": chat_input_pb2.ToolChoice(mode=chat_input_pb2.TOOL_CHOICE_MODE_NONE),
        },
        check=checks.says("You said: Hello"),
    ),
    Conversation(
        title="a tool with a name of 97 characters",
        model="tool",
        fields={"tools": [tool(LONG_NAME, seats="integer")]},
        check=checks.calls((LONG_NAME, {"seats": 7})),
    ),
    Conversation(
        title="a tool with a name of 168 characters, dots and slashes",
        model="tool",
        fields={"tools": [tool(WILD_NAME, seats="integer")]},
        check=checks.calls((WILD_NAME, {"seats": 7})),
    ),
    Conversation(
        title="the result of that tool",
        model="tool",
        fields={
            "tools": [tool(WILD_NAME, seats="integer")],
            "messages": [user("Go"), called(WILD_NAME), results(text_block("done"))],
        },
        check=checks.names_alike,
    ),
    Conversation(
        title="tool results",
        model="tools",
        fields={
            "tools": TOOLS,
            "messages": [user("Go"), called("book", "weather"), results(text_block("done"), text_block("rain"))],
        },
        check=checks.says("The tool answered: done; rain"),
    ),
    Conversation(
        title="the result of a failed tool",
        model="tools",
        fields={"tools": TOOLS, "messages": [user("Go"), called("book"), failed("no seats")]},
        warned=dict.fromkeys(("chat", "responses"), ("input.messages[2].content[0].tool_result.is_error",)),
        check=checks.tells_failure,
    ),
    Conversation(
        title="an image in a tool result",
        model="text",
        fields={"tools": TOOLS, "messages": [user("Go"), called("book"), results(_PHOTO)]},
        cannot={"chat": "input.messages[2].content[0].tool_result.content[0].image"},
        check=checks.holds(base64.b64encode(PNG).decode()),
    ),
    Conversation(
        title="image",
        model="text",
        fields={"messages": [user(_PHOTO, "What is this?")]},
        check=checks.holds(base64.b64encode(PNG).decode(), "What is this?"),
    ),
    Conversation(
        title="image by URL",
        model="text",
        fields={"messages": [user(image(message_pb2.Media(url="https://example.com/a.png")), "What is this?")]},
        check=checks.holds("https://example.com/a.png"),
    ),
    Conversation(
        title="PDF document",
        model="text",
        fields={"messages": [user(document(media=media(PDF, "application/pdf")), "Sum up.")]},
        check=checks.holds(base64.b64encode(PDF).decode(), "Sum up."),
    ),
    Conversation(
        title="document with a title",
        model="text",
        fields={"messages": [user(document(media=media(PDF, "application/pdf"), title="a.pdf"), "Sum up.")]},
        cannot={"gemini": "input.messages[0].content[0].document.title"},
        check=checks.holds(base64.b64encode(PDF).decode(), "a.pdf"),
    ),
    Conversation(
        title="text document",
        model="text",
        fields={"messages": [user(document(text="Rivers are long."), "Sum up.")]},
        check=checks.holds_document,
    ),
    Conversation(
        title="audio",
        model="text",
        fields={
            "messages": [
                user(message_pb2.ContentBlock(audio=message_pb2.AudioBlock(media=media(WAV, "audio/wav"))), "Listen.")
            ]
        },
        cannot={"anthropic": "input.messages[0].content[0].audio"},
        check=checks.holds(base64.b64encode(WAV).decode()),
    ),
    Conversation(
        title="thinking",
        model="thinking",
        fields={"reasoning": chat_input_pb2.ReasoningParams(effort="high")},
        worded={"responses": {"reasoning": shown("auto")}, "gemini": {"reasoning": shown("summarized")}},
        never=SILENT,
        notes=dict.fromkeys(SILENT, "OpenAI's Chat Completions bills what the model thinks, and does not tell it."),
        check=checks.thinks,
    ),
    Conversation(
        title="structured output",
        model="structured",
        fields={"output_format": chat_input_pb2.OutputFormat(json_schema=_NAMELESS)},
        check=checks.fits,
    ),
    Conversation(
        title="structured output with a name",
        model="structured",
        fields={"output_format": chat_input_pb2.OutputFormat(json_schema=_SIZED)},
        check=checks.fits_by_name,
        notes=dict.fromkeys(
            ("anthropic", "gemini"), "Schemas have no names and descriptions there, and the answer is the same without."
        ),
    ),
    Conversation(
        title="JSON without a schema",
        model="text",
        fields={"output_format": chat_input_pb2.OutputFormat(json_object=chat_input_pb2.JsonObjectFormat())},
        cannot={"anthropic": "input.output_format.json_object"},
        check=checks.sets(type="json_object", responseMimeType="application/json"),
    ),
    Conversation(title="refusal", model="refusal", never=("gemini",), check=checks.refuses),
    Conversation(
        title="content filter",
        model="content-filter",
        never=("anthropic",),
        check=checks.ends("CONTENT_FILTER", text="The river"),
    ),
    Conversation(title="max tokens", model="max-tokens", check=checks.ends("MAX_OUTPUT_TOKENS", text="The river")),
    Conversation(
        title="stop sequence",
        model="text",
        fields={"generation": _GENERATION(stop_sequences=["STOP"])},
        cannot={"responses": "input.generation.stop_sequences"},
        check=checks.sets(stop=["STOP"], stop_sequences=["STOP"], stopSequences=["STOP"]),
    ),
    Conversation(
        title="temperature",
        model="text",
        fields={"generation": _GENERATION(temperature=0.25)},
        check=checks.sets(temperature=0.25),
    ),
    Conversation(
        title="top_k",
        model="text",
        fields={"generation": _GENERATION(top_k=41)},
        cannot={
            "azure_openai/chat": "input.generation.top_k",
            "openai/chat": "input.generation.top_k",
            "responses": "input.generation.top_k",
        },
        check=checks.sets(top_k=41, topK=41),
    ),
    Conversation(
        title="seed",
        model="text",
        fields={"generation": _GENERATION(seed=4711)},
        cannot={"responses": "input.generation.seed", "anthropic": "input.generation.seed"},
        check=checks.sets(seed=4711),
    ),
    Conversation(
        title="penalties",
        model="text",
        fields={"generation": _GENERATION(presence_penalty=0.125)},
        cannot={"responses": "input.generation.presence_penalty", "anthropic": "input.generation.presence_penalty"},
        check=checks.sets(presence_penalty=0.125, presencePenalty=0.125),
    ),
    Conversation(
        title="logprobs",
        model="text",
        fields={"generation": _GENERATION(logprobs=True)},
        cannot={"anthropic": "input.generation.logprobs"},
        check=checks.has_logprobs,
    ),
    Conversation(
        title="cache mark",
        model="text",
        fields={"messages": [user(marked("Hello"))]},
        models=dict.fromkeys(("openai/responses", "openai/chat"), "gpt-6-sol"),
        warned={
            **dict.fromkeys(("chat", "responses", "gemini"), ("input.messages[0].content[0].cache_control",)),
            **dict.fromkeys(("openai/responses", "openai/chat"), ()),
        },
        check=checks.marks,
        notes=dict.fromkeys(("openai/responses", "openai/chat"), _NEWER_MODELS),
    ),
    Conversation(
        title="end user",
        model="text",
        fields={"end_user_id": "user-17"},
        cannot={"gemini": "input.end_user_id"},
        check=checks.sets(user_id="user-17", safety_identifier="user-17", user="user-17"),
    ),
)
