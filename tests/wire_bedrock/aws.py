"""AWS's side, written from its documentation: messages of an event stream, and the check of a signature."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from support.upstream import Received

EVENT_STREAM = {"content-type": "application/vnd.amazon.eventstream"}
ACCESS, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session/token=="


def message(payload: bytes, **headers: str) -> bytes:
    """A message with text headers; in their names, "_" stands for "-"."""
    head = b""
    for name, value in headers.items():
        spelled = b":" + name.replace("_", "-").encode()
        head += bytes([len(spelled)]) + spelled + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
    return raw(head, payload)


def raw(head: bytes, payload: bytes) -> bytes:
    lengths = (len(head) + len(payload) + 16).to_bytes(4, "big") + len(head).to_bytes(4, "big")
    whole = lengths + binascii.crc32(lengths).to_bytes(4, "big") + head + payload
    return whole + binascii.crc32(whole).to_bytes(4, "big")


def chunk(event: Any, padding: str = "abcd") -> bytes:
    """One event of Anthropic's, as InvokeModel sends it; bytes go in as they are."""
    data = event if isinstance(event, bytes) else json.dumps(event).encode()
    payload = json.dumps({"bytes": base64.b64encode(data).decode(), "p": padding}).encode()
    return message(payload, event_type="chunk", content_type="application/json", message_type="event")


def exception(kind: str, **members: Any) -> bytes:
    payload = json.dumps(members).encode()
    return message(payload, exception_type=kind, content_type="application/json", message_type="exception")


def wrapped(body: bytes) -> bytes:
    """A body of server-sent events as an event stream."""
    blocks = [block for block in body.split(b"\n\n") if block.strip()]
    data = [
        b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")) for block in blocks
    ]
    return b"".join(chunk(each) for each in data if each)


def is_signed(received: Received, service: str, region: str, secret: str = SECRET) -> bool:
    """Whether the signature is right for what was received: computed anew, as AWS's page on SigV4 says."""
    headers = received.headers
    fields = dict(part.strip().split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(","))
    _, date, *scope = fields["Credential"].split("/")
    if scope != [region, service, "aws4_request"] or not headers["x-amz-date"].startswith(date):
        return False
    return fields["Signature"] == signature(
        received.method, received.path, {name: headers[name] for name in fields["SignedHeaders"].split(";")},
        received.body, service, region, secret,
    )  # fmt: skip


def signature(
    method: str, path: str, headers: Mapping[str, str], body: bytes, service: str, region: str, secret: str = SECRET
) -> str:
    names = sorted(headers)
    canonical = "\n".join(
        [
            method,
            urllib.parse.quote(path, safe="/~"),
            "",
            *(f"{name}:{headers[name]}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    stamp = headers["x-amz-date"]
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in (stamp[:8], region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()
