"""Settings: what a file and the environment may say."""

import dataclasses
from pathlib import Path

import pytest

from support.tls import CERTIFICATE, PRIVATE_KEY
from trunkline.v1.route_pb2 import Route, Target
from trunkline_service.config import (
    ConfigError,
    Limits,
    Problem,
    ProviderSettings,
    Secret,
    Settings,
    Timeouts,
    Tls,
    from_environment,
    load,
    parse,
    split_address,
)

KEY = "sk-test-0123456789"
WHOLE = """\
listen: "[::1]:6000"
reflection: no
allow_inline_routes: false
simulator: true
tls: {certificate: tls/cert.pem, private_key: tls/key.pem, client_ca: tls/cert.pem}
limits:
  max_concurrent_calls: 20
  max_message_bytes: 1.5MiB
  default_deadline: 1m
  max_deadline: 1h
  slow_consumer: 2.5
  drain_delay: 0
  drain_grace: 90s
providers:
  main: &main
    type: anthropic
    base_url: https://example.com/anthropic/
    api_key: {env: MAIN_KEY}
    auth: bearer
    version: 2023-06-01
    betas: [files-api-2025-04-14, "2"]
    headers: {X-Team: blue, x-empty: ""}
    timeouts: {connect: 250ms, first_event: 10, idle: 2m}
    max_connections: 7
  other:
    <<: *main
    api_key: {file: key.txt}
    auth: x-api-key
models:
  fast: main/claude-haiku-4-5
  deep: simulator/a/b
routes:
  direct: {target: {provider: other, model: claude-opus-5-5}}
  empty-model:
    target:
      provider: simulator
"""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with all the files that WHOLE names."""
    monkeypatch.setenv("MAIN_KEY", KEY)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/cert.pem").write_text(CERTIFICATE)
    (tmp_path / "tls/key.pem").write_text(PRIVATE_KEY)
    (tmp_path / "key.txt").write_text(f"{KEY}\n")
    return tmp_path


def test_a_file_that_says_everything(directory: Path) -> None:
    (directory / "gateway.yaml").write_text(WHOLE)
    main = ProviderSettings(
        name="main",
        type="anthropic",
        base_url="https://example.com/anthropic",
        api_key=Secret(env="MAIN_KEY"),
        auth="bearer",
        version="2023-06-01",
        betas=("files-api-2025-04-14", "2"),
        headers={"X-Team": "blue", "x-empty": ""},
        timeouts=Timeouts(connect=0.25, first_event=10.0, idle=120.0),
        max_connections=7,
    )
    key = Secret(file=directory / "key.txt")
    certificate = directory / "tls/cert.pem"
    assert load(directory / "gateway.yaml") == Settings(
        listen="[::1]:6000",
        reflection=False,
        allow_inline_routes=False,
        simulator=True,
        tls=Tls(certificate=certificate, private_key=directory / "tls/key.pem", client_ca=certificate),
        limits=Limits(
            max_concurrent_calls=20,
            max_message_bytes=3 * 2**19,
            default_deadline=60.0,
            max_deadline=3600.0,
            slow_consumer=2.5,
            drain_delay=0.0,
            drain_grace=90.0,
        ),
        providers={
            "main": main,
            "other": dataclasses.replace(main, name="other", api_key=key, auth="x-api-key"),
        },
        models={"fast": "main/claude-haiku-4-5", "deep": "simulator/a/b"},
        routes={
            "direct": Route(target=Target(provider="other", model="claude-opus-5-5")),
            "empty-model": Route(target=Target(provider="simulator")),
        },
    )


def test_a_file_that_says_little() -> None:
    settings = parse("providers: {claude: {type: anthropic}}", "gateway.yaml")
    claude = ProviderSettings(name="claude", type="anthropic", base_url="https://api.anthropic.com")
    assert settings == Settings(providers={"claude": claude})
    assert parse("simulator: true\nmodels:\nroutes:\n", "gateway.yaml") == Settings(simulator=True)


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().listen = "0.0.0.0:1"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "cannot read it: No such file"), (b"a: \xff", "cannot read it: it is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, expected: str) -> None:
    file = tmp_path / "gateway.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: {expected}")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_bytes(b"\xef\xbb\xbfsimulator: true")
    assert load(tmp_path / "gateway.yaml") == Settings(simulator=True)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:1", "localhost:1", "[::1]:65535"])
def test_loopback_needs_neither_tls_nor_consent(listen: str) -> None:
    assert parse(f"simulator: true\nlisten: '{listen}'", "gateway.yaml").listen == listen


def test_other_addresses_need_tls_or_consent(directory: Path) -> None:
    text = "simulator: true\nlisten: 0.0.0.0:443\n"
    name = str(directory / "gateway.yaml")
    assert parse(text + "insecure: true", name).insecure
    assert parse(text + "tls: {certificate: tls/cert.pem, private_key: tls/key.pem}", name).tls


def test_what_is_given_beside_the_file_is_stronger() -> None:
    text = "simulator: true\nlisten: 0.0.0.0:443"
    assert parse(text, "gateway.yaml", insecure=True).listen == "0.0.0.0:443"
    assert parse(text, "gateway.yaml", listen="127.0.0.1:0").listen == "127.0.0.1:0"
    with pytest.raises(ConfigError, match=r"^gateway.yaml: listen: 0.0.0.0:1 can be reached"):
        parse("simulator: true", "gateway.yaml", listen="0.0.0.0:1")


def test_addresses_are_split() -> None:
    assert split_address("[::1]:50051") == ("::1", 50051)
    assert split_address("localhost:0") == ("localhost", 0)


class TestEnvironment:
    def test_without_a_key_there_is_the_simulator(self) -> None:
        assert from_environment({}) == Settings(simulator=True)
        assert from_environment({"ANTHROPIC_API_KEY": " "}) == Settings(simulator=True)

    @pytest.mark.parametrize(
        ("name", "auth", "url"),
        [
            ("anthropic", "x-api-key", "https://api.anthropic.com"),
            ("openai", "bearer", "https://api.openai.com/v1"),
            ("gemini", "x-goog-api-key", "https://generativelanguage.googleapis.com/v1beta"),
        ],
    )
    def test_a_key_adds_its_provider(self, name: str, auth: str, url: str) -> None:
        settings = from_environment({f"{name.upper()}_API_KEY": KEY})
        assert settings.simulator
        assert list(settings.providers) == [name]
        provider = settings.providers[name]
        assert (provider.type, provider.auth, provider.base_url) == (name, auth, url)
        assert provider.api_key is not None
        assert provider.api_key.value() == KEY

    def test_the_address_may_be_another(self) -> None:
        env = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:8788/"}
        assert from_environment(env).providers["anthropic"].base_url == "http://127.0.0.1:8788"

    def test_where_to_listen_is_checked(self) -> None:
        assert from_environment({}, listen="0.0.0.0:1", insecure=True).insecure
        with pytest.raises(ConfigError, match=r"^environment: listen: 0.0.0.0:1 can be reached"):
            from_environment({}, listen="0.0.0.0:1")

    def test_mistakes_are_told_with_the_variable(self) -> None:
        with pytest.raises(ConfigError) as caught:
            from_environment({"ANTHROPIC_API_KEY": "a b", "ANTHROPIC_BASE_URL": "localhost"})
        assert [problem.path for problem in caught.value.problems] == ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"]
        assert str(caught.value).startswith("environment: ANTHROPIC_API_KEY: the key has characters")


def test_the_text_of_an_error_has_a_line_for_each_problem() -> None:
    error = ConfigError("x.yaml", [Problem("b", 2, "two"), Problem("", 1, "one"), Problem("c", 0, "none")])
    assert str(error) == "x.yaml: c: none\nx.yaml:1: one\nx.yaml:2: b: two"
