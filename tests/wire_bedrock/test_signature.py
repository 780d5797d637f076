"""Signatures, by AWS's own examples and computed anew; and where the keys for them come from."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.credentials import ReadOnlyCredentials

from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.upstream import aws
from trunkline_service.upstream.aws import AwsCredentials, sign
from trunkline_service.upstream.request import UpstreamRequest
from wire_bedrock.aws import ACCESS, SECRET, TOKEN, signature

KEYS = ReadOnlyCredentials(ACCESS, SECRET, None)


@pytest.fixture
def _in_2015(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's examples are of one moment."""
    then = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: then)


def post(url: str, body: bytes = b"", **headers: str) -> UpstreamRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return UpstreamRequest(method="POST", url=url, headers=named, body=body)


# From AWS's test suite for SigV4: post-vanilla and post-x-www-form-urlencoded.
KNOWN = [
    (
        post("https://example.amazonaws.com/"),
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        post("https://example.amazonaws.com/", b"Param1=value1", content_type="application/x-www-form-urlencoded"),
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


@pytest.mark.usefixtures("_in_2015")
@pytest.mark.parametrize(("request_", "names", "expected"), KNOWN)
def test_known_answers(request_: UpstreamRequest, names: str, expected: str) -> None:
    assert sign(request_, KEYS, "service", "us-east-1") == {
        "x-amz-date": "20150830T123600Z",
        "authorization": (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            f"SignedHeaders={names}, Signature={expected}"
        ),
    }


@pytest.mark.parametrize(
    "path", ["/model/us.anthropic.claude-v1:0/invoke", "/model/arn:aws:x%2Fabc/invoke", "/a%20b;c/%C3%A9"]
)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_the_address_and_the_bytes_are_signed_as_they_are_sent(path: str, token: str | None) -> None:
    body = '{"é":"\u2028"}'.encode() * 100
    asked = post(f"http://127.0.0.1:8080{path}", body, content_type="application/json", accept="x", anthropic_beta="b")
    found = sign(asked, ReadOnlyCredentials(ACCESS, SECRET, token), "bedrock", "eu-west-1")
    headers = {"host": "127.0.0.1:8080", "content-type": "application/json", "x-amz-date": found["x-amz-date"]}
    if token:
        headers["x-amz-security-token"] = token
        assert found["x-amz-security-token"] == token
    expected = signature("POST", path, headers, body, "bedrock", "eu-west-1")
    assert found["authorization"].endswith(f"Signature={expected}")
    # What something in between may change is not signed.
    assert f"SignedHeaders={';'.join(sorted(headers))}," in found["authorization"]


Write = Callable[..., None]


@pytest.fixture
def credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of profiles, which is all that AWS's chain finds."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def write(**profiles: str) -> None:
        text = "".join(
            f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\n" for name, key in profiles.items()
        )
        (tmp_path / "credentials").write_text(text)

    return write


def credentials(**settings: Any) -> AwsCredentials:
    return AwsCredentials(
        ProviderSettings(name="b", type="bedrock", base_url="http://b.invalid", region="eu-west-1", **settings)
    )


ASKED = post("http://b.invalid/model/m/invoke", b"{}", content_type="application/json")


async def key_of(found: AwsCredentials) -> str:
    """The key and the scope of a signature."""
    return (await found.headers(ASKED))["authorization"].split("Credential=")[1].split(",")[0]


async def test_profiles_and_services(credentials_file: Write) -> None:
    credentials_file(default="AKDEFAULT", other="AKOTHER")
    assert (await key_of(credentials())).startswith("AKDEFAULT/")
    assert (await key_of(credentials(profile="other", api="invoke"))).endswith("/eu-west-1/bedrock/aws4_request")
    assert (await key_of(credentials(profile="other", api="mantle"))).endswith("/bedrock-mantle/aws4_request")


async def test_a_file_that_is_replaced_is_read_again(credentials_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(aws, "GOOD_SECONDS", 0.0)
    found = credentials()
    credentials_file(default="AKFIRST")
    assert (await key_of(found)).startswith("AKFIRST/")
    credentials_file(default="AKSECOND")
    assert (await key_of(found)).startswith("AKSECOND/")


@pytest.mark.parametrize("settings", [{}, {"profile": "other"}])
async def test_no_credentials(credentials_file: Write, settings: dict[str, str]) -> None:
    found = credentials(**settings)
    with pytest.raises(GatewayError) as caught:
        await found.headers(ASKED)
    assert ErrorReason.Name(caught.value.reason) == "ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED"
    # They may come later.
    credentials_file(default="AKDEFAULT", other="AKOTHER")
    assert (await key_of(found)).startswith("AK")


async def test_a_large_body_is_signed_all_the_same(credentials_file: Write) -> None:
    credentials_file(default=ACCESS)
    body = b"x" * (aws.LARGE_BYTES + 1)
    asked = post("http://b.invalid/model/m/invoke", body, content_type="application/json")
    found = await credentials().headers(asked)
    headers = {"host": "b.invalid", "content-type": "application/json", "x-amz-date": found["x-amz-date"]}
    expected = signature("POST", "/model/m/invoke", headers, body, "bedrock", "eu-west-1")
    assert found["authorization"].endswith(expected)


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_a_request_with_a_key_of_its_own_is_not_signed(name: str) -> None:
    asked = UpstreamRequest(method="POST", url="http://b.invalid/", headers={name: "k"}, body=b"")
    assert await credentials().headers(asked) == {}
