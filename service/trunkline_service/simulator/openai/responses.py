"""The Responses API: items, typed events, and the count of a request's tokens."""

from collections.abc import Sequence

from trunkline_service.simulator import sse
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.openai import responses_checks, responses_reading
from trunkline_service.simulator.openai.form import OpenAiForm, check_credentials, error
from trunkline_service.simulator.openai.items import Events, items
from trunkline_service.simulator.openai.response import response
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script, Trouble

_DELTA = b'.delta","sequence_number"'


class ResponsesWire(OpenAiForm):
    """See Wire."""

    broken = b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequ\n\n'

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        self._stage = stage

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        # The second is that of Azure's older addresses.
        bases = ("/openai/v1", "/openai", "/v1", "")
        return (
            *(Route("POST", f"{base}/responses", self._create) for base in bases),
            *(Route("POST", f"{base}/responses/input_tokens", self._count) for base in bases),
        )

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire."""
        return encode(response(answer, asked, [item.whole for item in items(answer, asked)]))

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire."""
        events = Events()
        done = response(answer, asked, [])
        begun = {**done, "status": "in_progress", "usage": None, "incomplete_details": None, "completed_at": None}
        content = [events.frame(f"response.{kind}", response=begun) for kind in ("created", "in_progress")]
        closing: list[bytes] = []
        outputs = []
        for index, item in enumerate(items(answer, asked)):
            content += closing
            content += item.begin(index, events)
            closing = item.end(index, events)
            outputs.append(item.whole)
        if answer.oddity == "unknown":
            closing.append(events.frame("response.hologram.done", voxels=12))
        mark = [events.frame(f"response.{done['status']}", response={**done, "output": outputs})]
        made = Script(content=content, closing=closing, mark=mark)
        match answer.oddity:
            case "crlf":
                return Script(content=sse.crlf(made.frames))
            case "no-final-newline":
                return Script(content=sse.no_final_newline(made.frames))
            case "noise":
                return Script(content=_noisy(made.frames))
        return made

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return _DELTA in frame

    def error_frame(self, trouble: Trouble) -> bytes:
        """See Wire. What the model's servers did wrong fails the response; the rest is told by an event of its own."""
        told = error(trouble)
        code = told["code"] or ("invalid_prompt" if trouble.kind == "invalid_request_error" else "server_error")
        if trouble.kind == "api_error":
            failed: Json = {
                "id": "resp_failed",
                "object": "response",
                "status": "failed",
                "output": [],
                "usage": None,
                "error": {"code": code, "message": told["message"]},
            }
            return sse.named({"type": "response.failed", "sequence_number": 9999, "response": failed})
        facts = {"code": code, "message": told["message"], "param": told["param"]}
        return sse.named({"type": "error", "sequence_number": 9999, **facts})

    async def _create(self, x: Exchange) -> None:
        check_credentials(x.headers)
        await self._stage.perform(x, responses_reading.prompt(responses_checks.check(x.json())))

    async def _count(self, x: Exchange) -> None:
        check_credentials(x.headers)
        body = responses_checks.check_count(x.json())
        await x.reply({"object": "response.input_tokens", "input_tokens": responses_reading.count(body)})


def _noisy(frames: list[bytes]) -> list[bytes]:
    """Surround and pad every event with what a reader must skip."""
    noisy = [b": connected\n\n", b'event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n']
    for position, frame in enumerate(frames):
        padding = b',"obfuscation":"%b"}\n\n' % (b"x" * (position % 13))
        noisy += [frame.removesuffix(b"}\n\n") + padding, b": keep-alive\n\n"]
    return noisy
