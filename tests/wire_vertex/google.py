"""What stands in for Google: a service account's file, and the answers of the endpoint that makes tokens of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.upstream import Answer


@cache
def _private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*pem).decode()


def account(file: Path, token_url: str) -> Path:
    """Writes the file of a service account whose tokens come from `token_url`."""
    held = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": _private_key(),
        "client_email": "gateway@p.iam.gserviceaccount.com",
        "token_uri": f"{token_url}/token",
    }
    file.write_text(json.dumps(held))
    return file


def token(name: str = "first", seconds: int = 3600, pause: float = 0.0) -> Answer:
    """A token that is good for so long."""
    body = json.dumps({"access_token": name, "expires_in": seconds, "token_type": "Bearer"}).encode()
    return Answer([b"", body] if not pause else [body[:1], body[1:]], pause=pause)
