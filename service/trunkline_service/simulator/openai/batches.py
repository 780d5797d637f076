"""Files and batches: a file of requests goes in, one of answers and one of errors come out, in any order."""

import email.parser
import email.policy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from trunkline_service.simulator.answers import Answer, Asked, new_id
from trunkline_service.simulator.batching import Batch, Batches, answered
from trunkline_service.simulator.errors import RefusedError, type_of
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.openai import chat_checks, chat_reading, responses_checks, responses_reading
from trunkline_service.simulator.openai.chat import ChatWire
from trunkline_service.simulator.openai.form import OpenAiForm, check_credentials, error, invalid, missing
from trunkline_service.simulator.openai.responses import ResponsesWire
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script, Trouble

_ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/chat/completions", "/responses")
_BASES = ("/openai/v1", "/openai", "/v1")
_DAY = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Item:
    custom_id: str
    model: str
    body: Json


class BatchesWire(OpenAiForm):
    """See Wire."""

    def __init__(self, stage: Stage) -> None:
        """Play items on a stage."""
        self._stage = stage
        self._chat, self._responses = ChatWire(stage), ResponsesWire(stage)
        self._batches: Batches[_Item] = Batches("batch")
        self._files: dict[str, bytes] = {}
        stage.forgets(self._batches.clear)
        stage.forgets(self._files.clear)

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        table = (
            ("POST", "/files", self._upload),
            ("GET", "/files/{id}/content", self._download),
            ("DELETE", "/files/{id}", self._delete),
            ("POST", "/batches", self._create),
            ("GET", "/batches", self._list),
            ("GET", "/batches/{id}", self._get),
            ("POST", "/batches/{id}/cancel", self._cancel),
        )
        return tuple(Route(method, base + path, answer) for base in _BASES for method, path, answer in table)

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire; no model answers here."""
        raise NotImplementedError

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire; no model answers here."""
        raise NotImplementedError

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return False

    async def _upload(self, x: Exchange) -> None:
        check_credentials(x.headers)
        parts = _parts(x.headers.get("content-type", ""), x.body)
        if parts.get("purpose") != b"batch":
            invalid("Invalid value for 'purpose'.", "purpose", "invalid_value")
        if "file" not in parts:
            missing("file")
        name = new_id("file").replace("_", "-")
        self._files[name] = parts["file"]
        await x.reply(
            {
                "id": name,
                "object": "file",
                "bytes": len(parts["file"]),
                "created_at": int(time.time()),
                "filename": "batch.jsonl",
                "purpose": "batch",
                "status": "processed",
            }
        )

    async def _download(self, x: Exchange) -> None:
        check_credentials(x.headers)
        name = x.path["id"]
        if name in self._files:
            await x.respond(200, self._files[name], "application/octet-stream")
            return
        batch = self._batches.get(name.replace("output-", "", 1).replace("errors-", "", 1))
        if batch is None or not batch.has_ended or name in batch.facts:
            raise RefusedError(404, f"No such File object: {name}", param="id")
        wanted = name.startswith("output-")
        await x.start("application/octet-stream")
        for item in batch.shuffled():
            line, is_answer = await self._line(batch, item)
            if is_answer == wanted:
                await x.write(encode(line) + b"\n")

    async def _delete(self, x: Exchange) -> None:
        check_credentials(x.headers)
        name = x.path["id"]
        batch = self._batches.get(name.partition("-")[2])
        if name not in self._files and batch is None:
            raise RefusedError(404, f"No such File object: {name}", param="id")
        self._files.pop(name, None)
        if batch is not None:
            batch.facts[name] = "deleted"
        await x.reply({"id": name, "object": "file", "deleted": True})

    async def _create(self, x: Exchange) -> None:
        check_credentials(x.headers)
        body = x.json()
        for name in ("input_file_id", "endpoint", "completion_window"):
            if not isinstance(body, dict) or name not in body:
                missing(name)
        if body["endpoint"] not in _ENDPOINTS:
            invalid(f"Invalid value: '{body['endpoint']}'.", "endpoint", "invalid_value")
        if body["completion_window"] != "24h":
            invalid("Invalid value for 'completion_window'.", "completion_window", "invalid_value")
        if body["input_file_id"] not in self._files:
            invalid(f"No such File object: {body['input_file_id']}", "input_file_id")
        lines = self._files[body["input_file_id"]].splitlines()
        batch = self._batches.add([_item(line, body["endpoint"]) for line in lines if line.strip()])
        batch.facts |= {"input_file_id": body["input_file_id"], "endpoint": body["endpoint"]}
        await x.reply({**_shown(batch, ended=False), "status": "validating"})

    async def _list(self, x: Exchange) -> None:
        check_credentials(x.headers)
        limit = x.query.get("limit", "20")
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= 100:
            invalid("Invalid 'limit': expected a value between 1 and 100.", "limit")
        batches, more = self._batches.page(int(limit), x.query.get("after"))
        data = [_shown(batch, ended=batch.has_ended) for batch in batches]
        await x.reply({"object": "list", "data": data, "has_more": more})

    async def _get(self, x: Exchange) -> None:
        batch = self._found(x)
        await x.reply(_shown(batch, ended=batch.has_ended))

    async def _cancel(self, x: Exchange) -> None:
        batch = self._found(x)
        if batch.has_ended:
            raise RefusedError(409, f"Cannot cancel a batch with status '{_shown(batch, ended=True)['status']}'.")
        batch.cancel()
        await x.reply({**_shown(batch, ended=False), "status": "cancelling"})

    def _found(self, x: Exchange) -> Batch[_Item]:
        check_credentials(x.headers)
        batch = self._batches.get(x.path["id"])
        if batch is None:
            raise RefusedError(404, f"No batch found with id '{x.path['id']}'.", param="id")
        return batch

    async def _line(self, batch: Batch[_Item], item: _Item) -> tuple[Json, bool]:
        """Make the line of an item, and say whether it belongs to the answers."""
        line: Json = {"id": f"batch_req_{item.custom_id}", "custom_id": item.custom_id, "response": None, "error": None}
        outcome = batch.outcome(item)
        if outcome in ("canceled", "expired"):
            code = "batch_cancelled" if outcome == "canceled" else "batch_expired"
            return {**line, "error": {"code": code, "message": "This request was not executed."}}, False
        try:
            status, said = await self._answer(item)
        except RefusedError as refused:
            kind = type_of(refused.status)
            trouble = Trouble(status=refused.status, kind=kind, message=refused.message, code=refused.code)
            status, said = refused.status, encode({"error": error(trouble)})
        response = {"status_code": status, "request_id": new_id("req"), "body": msgspec.Raw(said or b"{}")}
        return {**line, "response": response}, status == 200

    async def _answer(self, item: _Item) -> tuple[int, bytes]:
        if "input" in item.body:
            checked = responses_checks.check(item.body)
            return await answered(self._stage, self._responses, responses_reading.prompt(checked))
        checked = chat_checks.check(item.body, strict=True)
        return await answered(self._stage, self._chat, chat_reading.prompt(checked, None))


def _item(data: bytes, endpoint: str) -> _Item:
    try:
        line = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        invalid("This line is not parseable as valid JSON.", code="invalid_json_line")
    match line:
        case {"custom_id": str(name), "method": "POST", "url": str(url), "body": {"model": str(model)} as body}:
            if url != endpoint:
                invalid("The URL of a line must be the endpoint of the batch.", code="mismatched_endpoint")
            return _Item(name, model, body)
    code = "missing_required_parameter"
    raise RefusedError(400, "A line needs custom_id, method, url and body.", code=code)


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """Take a multipart form apart."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    parts: dict[str, bytes] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        held = part.get_payload(decode=True)
        parts[str(part.get_param("name", header="content-disposition"))] = held if isinstance(held, bytes) else b""
    return parts


def _shown(batch: Batch[_Item], *, ended: bool) -> Json:
    counts = batch.counts()
    failed = counts["errored"] + counts["expired"] + counts["canceled"]
    over = ("cancelled" if batch.cancelled else "completed") if ended else None
    now = int(batch.ends) if ended else None
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.facts.get("endpoint"),
        "errors": None,
        "input_file_id": batch.facts.get("input_file_id"),
        "completion_window": "24h",
        "status": over or "in_progress",
        "output_file_id": f"output-{batch.id}" if ended and counts["succeeded"] else None,
        "error_file_id": f"errors-{batch.id}" if ended and failed else None,
        "created_at": int(batch.created),
        "in_progress_at": int(batch.created),
        "expires_at": int(batch.created) + _DAY,
        "finalizing_at": now,
        "completed_at": now if over == "completed" else None,
        "failed_at": None,
        "expired_at": None,
        "cancelling_at": batch.cancelled and int(batch.cancelled),
        "cancelled_at": now if over == "cancelled" else None,
        "request_counts": {
            "total": len(batch.items),
            "completed": counts["succeeded"] if ended else 0,
            "failed": failed if ended else 0,
        },
        "metadata": None,
    }
