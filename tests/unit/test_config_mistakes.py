"""Settings: every mistake is told, with its place."""

from pathlib import Path

import pytest

from support.tls import CERTIFICATE, PRIVATE_KEY
from trunkline_service.config import ConfigError, parse

KEY = "sk-test-0123456789"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with all the files that the texts here name."""
    monkeypatch.setenv("BAD_KEY", "two words")
    monkeypatch.setenv("EMPTY_KEY", " ")
    monkeypatch.delenv("NO_KEY", raising=False)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls/cert.pem").write_text(CERTIFICATE)
    (tmp_path / "tls/key.pem").write_text(PRIVATE_KEY)
    (tmp_path / "key.txt").write_text("no PEM")
    (tmp_path / "empty.txt").write_text("\n")
    return tmp_path


ONE = "{type: anthropic}"
MISTAKES = [
    # The whole.
    ("", "1: is empty; at least one provider is needed"),
    ("# nothing\n", "1: is empty; at least one provider is needed"),
    ("- providers", "1: expected a mapping, found a list"),
    ("reflection: true", "1: providers: at least one provider is needed"),
    ("providers: {}\n---\nlisten: x", "2: not YAML: expected a single document"),
    ("providers:\n  a: [1", "2: not YAML: while parsing a flow sequence expected ',' or ']'"),
    ("providers:\n\ta: 1", "2: not YAML: while scanning for the next token found character '\\t'"),
    ("providers:\n  a: \x07", "2: not YAML: the character 7 is not allowed"),
    ("providers: *nobody", "1: not YAML: found undefined alias 'nobody'"),
    ("[" * 5000, "nested too deeply"),
    # Keys.
    ("lisen: x", "1: lisen: unknown key 'lisen'; did you mean 'listen'?"),
    ("frobnicate: 1", "1: frobnicate: unknown key 'frobnicate'; known: admin_listen, allow_inline_routes,"),
    ("providers:\n  a:\n    base_ur: x", "3: providers.a.base_ur: unknown key 'base_ur'; did you mean 'base_url'?"),
    ("limits:\n  max_calls: 1", "2: limits.max_calls: unknown key 'max_calls'"),
    ("reflection: true\nlimits:\nreflection: true", "3: reflection: is there twice, first in line 1"),
    (f"providers:\n  a: {ONE}\n  a: {ONE}", "3: providers.a: is there twice, first in line 2"),
    (f"providers:\n  a: {ONE}\n  1: {ONE}", "3: providers: expected text, found a number; if 1 is meant as text"),
    # Types of values.
    ("listen: 50051", "1: listen: expected text, found a number"),
    ("listen:", "1: listen: expected text, found nothing"),
    ("reflection: 1", "1: reflection: expected true or false, found a number"),
    ("insecure: 'yes'", "1: insecure: expected true or false, found text"),
    ("limits: 5", "1: limits: expected a mapping, found a number"),
    ("providers: [a]", "1: providers: expected a mapping, found a list"),
    ("providers:\n  a: anthropic", "2: providers.a: expected a mapping, found text"),
    ("providers:\n  a: !secret x", "2: providers.a: expected a mapping, found the tag !secret"),
    ("providers: {a: {betas: x}}", "1: providers.a.betas: expected a list, found text"),
    ("providers:\n  a:\n    betas:\n    - x\n    - 5", "5: providers.a.betas[1]: expected text, found a number"),
    ("providers: {a: {headers: {x: on}}}", "1: providers.a.headers.x: expected text, found true or false"),
    # Quantities.
    ("limits:\n  slow_consumer: 3 parsecs", "2: limits.slow_consumer: '3 parsecs' is not a duration: write 250ms"),
    ("limits: {drain_delay: -1s}", "1: limits.drain_delay: -1s is too short: it must be at least 0s"),
    ("limits: {drain_grace: 1:30}", "1: limits.drain_grace: '1:30' is not a duration"),
    ("limits: {max_deadline: 0}", "1: limits.max_deadline: 0 is too short: it must be longer than 0s"),
    ("limits: {max_deadline: .inf}", "1: limits.max_deadline: '.inf' is not a duration"),
    ("limits: {max_deadline: 9999h}", "1: limits.max_deadline: 9999h is too long"),
    ("limits: {max_deadline: true}", "1: limits.max_deadline: expected a number, found true or false"),
    ("limits: {max_deadline: 1m}", "1: limits: default_deadline, 600s, is longer than max_deadline, 60s"),
    ("limits: {max_concurrent_calls: 0}", "1: limits.max_concurrent_calls: 0 is too small"),
    ("limits: {max_concurrent_calls: -5}", "1: limits.max_concurrent_calls: -5 is too small"),
    ("limits: {max_concurrent_calls: 1.5}", "1: limits.max_concurrent_calls: '1.5' is not a whole number"),
    ("limits: {max_message_bytes: 32 MIB}", "1: limits.max_message_bytes: '32 MIB' is not a size: write 32MiB"),
    ("limits: {max_message_bytes: -1}", "1: limits.max_message_bytes: -1 is out of range"),
    ("limits: {max_message_bytes: 2GiB}", "1: limits.max_message_bytes: 2GiB is out of range"),
    # Where to listen.
    ("listen: nowhere", "1: listen: 'nowhere' is not HOST:PORT"),
    ("listen: :50051", "1: listen: ':50051' is not HOST:PORT"),
    ("listen: 127.0.0.1:70000", "1: listen: '127.0.0.1:70000' is not HOST:PORT"),
    ("listen: '::1:50051'", "1: listen: '::1:50051' is not HOST:PORT"),
    ("reflection: true\nlisten: 0.0.0.0:50051", "2: listen: 0.0.0.0:50051 can be reached from other machines"),
    ("listen: '[::]:50051'", "1: listen: [::]:50051 can be reached from other machines"),
    ("listen: gateway.example:1", "1: listen: gateway.example:1 can be reached from other machines"),
    ("tls: {certificate: tls/cert.pem}", "1: tls: needs 'private_key'"),
    ("tls:", "1: tls: needs 'certificate'"),
    ("tls: {certificate: nope.pem}", "1: tls.certificate: cannot read "),
    (
        "tls: {certificate: key.txt, private_key: tls/key.pem}",
        "1: tls: the certificate and the private key are not PEM",
    ),
    (
        "tls: {certificate: tls/cert.pem, private_key: tls/key.pem, client_ca: key.txt}",
        "1: tls: client_ca holds no certificates",
    ),
    (
        "insecure: true\ntls: {certificate: tls/cert.pem, private_key: tls/key.pem}",
        "1: listen: both 'tls' and 'insecure'",
    ),
    # Providers.
    ("providers: {a: {}}", "1: providers.a: needs a 'type': anthropic or openai"),
    ("providers: {a: {type: antropic}}", "1: providers.a.type: unknown type of provider 'antropic'; did you mean"),
    (f"providers: {{'': {ONE}}}", "1: providers.: a name must not be empty"),
    (f"providers: {{a/b: {ONE}}}", "1: providers.a/b: a name must not have a '/'"),
    (f"providers: {{a b: {ONE}}}", "1: providers.a b: a name is at most 128 printable ASCII characters"),
    (f"simulator: true\nproviders: {{simulator: {ONE}}}", "2: providers.simulator: 'simulator: true' adds a"),
    ("providers: {a: {auth: basic}}", "1: providers.a.auth: unknown value 'basic'; known: api-key, bearer"),
    (
        "providers: {a: {type: anthropic, auth: api-key}}",
        "1: providers.a.auth: unknown value 'api-key'",
    ),
    ("providers: {a: {type: anthropic, api: chat}}", "1: providers.a.api: means nothing to a provider of the type"),
    ("providers: {a: {type: openai, api: chats}}", "1: providers.a.api: unknown value 'chats'; did you mean 'chat'"),
    ("providers: {a: {type: openai, region: x}}", "1: providers.a.region: means nothing to a provider of the type"),
    ("providers: {a: {type: bedrock}}", "1: providers.a: needs 'region'"),
    ("providers: {a: {type: openai_compatible}}", "1: providers.a: needs 'base_url'"),
    ("providers: {a: {tls_roots: key.txt}}", "1: providers.a.tls_roots: holds no certificates in PEM"),
    ("providers: {a: {tls_roots: nope.pem}}", "1: providers.a.tls_roots: cannot read "),
    ("providers: {a: {headers: {api-key: x}}}", "1: providers.a.headers.api-key: not here: use 'api_key'"),
    ("providers: {a: {type: openai, proxy: x}}", "1: providers.a.proxy: 'x' is not an http or https URL"),
    ("providers: {a: {base_url: example.com}}", "1: providers.a.base_url: 'example.com' is not an http or https URL"),
    ("providers: {a: {base_url: 'ftp://x'}}", "1: providers.a.base_url: 'ftp://x' is not an http or https URL"),
    ("providers: {a: {base_url: 'http://'}}", "1: providers.a.base_url: 'http://' is not an http or https URL"),
    ("providers: {a: {base_url: 'http://x:y'}}", "1: providers.a.base_url: is not a URL"),
    ("providers: {a: {base_url: 'http://x/?q'}}", "1: providers.a.base_url: 'http://x/?q' has a query"),
    ("providers: {a: {version: ''}}", "1: providers.a.version: '' is not one word"),
    ("providers: {a: {betas: ['a,b']}}", "1: providers.a.betas: 'a,b' is not one word"),
    ("providers: {a: {headers: {a b: x}}}", "1: providers.a.headers.a b: is not the name of a header"),
    ('providers: {a: {headers: {a: "x\\ny"}}}', "1: providers.a.headers.a: has characters that no header may hold"),
    ("providers: {a: {headers: {a: x, A: y}}}", "1: providers.a.headers.A: is there twice"),
    ("providers: {a: {headers: {Host: x}}}", "1: providers.a.headers.Host: not here: the gateway sets it"),
    ("providers: {a: {timeouts: {idle: x}}}", "1: providers.a.timeouts.idle: 'x' is not a duration"),
    ("providers: {a: {max_connections: 0}}", "1: providers.a.max_connections: 0 is too small"),
    # Keys of providers.
    ("providers: {a: {api_key:}}", "1: providers.a.api_key: expected {env: NAME} or {file: PATH}, found nothing"),
    ("providers: {a: {api_key: [x]}}", "1: providers.a.api_key: expected {env: NAME} or {file: PATH}, found a list"),
    ("providers: {a: {api_key: {}}}", "1: providers.a.api_key: needs either 'env' or 'file'"),
    ("providers: {a: {api_key: {env: A, file: b}}}", "1: providers.a.api_key: needs either 'env' or 'file'"),
    ("providers: {a: {api_key: {environ: A}}}", "1: providers.a.api_key.environ: unknown key 'environ'; did you"),
    ("providers: {a: {api_key: {env: NO_KEY}}}", "1: providers.a.api_key: the environment variable NO_KEY is not set"),
    ("providers: {a: {api_key: {env: EMPTY_KEY}}}", "1: providers.a.api_key: the environment variable EMPTY_KEY"),
    ("providers: {a: {api_key: {env: BAD_KEY}}}", "1: providers.a.api_key: the key has characters"),
    ("providers: {a: {api_key: {file: nope.txt}}}", "1: providers.a.api_key: cannot read "),
    ("providers: {a: {api_key: {file: empty.txt}}}", "empty.txt is empty"),
    # Aliases and routes.
    (
        f"providers: {{main: {ONE}}}\nmodels: {{a: mian/x}}",
        "2: models.a: unknown provider 'mian'; did you mean",
    ),
    ("models: {a: simulator/x}", "1: models.a: unknown provider 'simulator'; there is none"),
    ("models: {a: claude}", "1: models.a: 'claude' is not PROVIDER/MODEL"),
    ("models: {a: b/}", "1: models.a: 'b/' is not PROVIDER/MODEL"),
    ("models: {a/b: simulator/x}", "1: models.a/b: a name must not have a '/'"),
    ("routes:\n  r:\n    tarket: {}", "3: routes.r.tarket: unknown key 'tarket'; did you mean 'target'?"),
    (
        "routes:\n  r: {}",
        "2: routes.r: needs 'target' or 'fallback' or 'load_balance' or 'conditional' or 'route_name'",
    ),
    ("routes:\n  r: x", "2: routes.r: expected a mapping, found text"),
    ("routes:\n  r:\n    target: {model: x}", "3: routes.r.target: needs 'provider'"),
    ("routes:\n  r:\n    target:\n      provider: x", "4: routes.r.target.provider: unknown provider 'x'"),
    ("routes:\n  r: {target: {provider: ''}}", "2: routes.r.target.provider: unknown provider ''"),
    ("routes:\n  r: {target: {provider: s, model: [1]}}", "2: routes.r.target.model: Failed to parse model"),
    (
        "routes:\n  r: {load_balance: {strategy: cache_afinity}}",
        "2: routes.r.load_balance.strategy: unknown value 'cache_afinity'; did you mean 'cache_affinity'?",
    ),
    (
        "routes:\n  r:\n    retry:\n      reasons:\n        - UPSTREAM_ERROR\n        - overload",
        "6: routes.r.retry.reasons[1]: unknown value 'overload'; ",
    ),
    ("routes:\n  r: {target: [1]}", "2: routes.r.target: expected a mapping, found a list"),
    ("routes:\n  r: &r {target: *r}", "2: routes.r.target: contains itself"),
    ("providers: &p {<<: *p}", "1: providers: contains itself"),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES)
def test_a_mistake_is_told_with_its_place(directory: Path, text: str, expected: str) -> None:
    name = str(directory / "gateway.yaml")
    with pytest.raises(ConfigError) as caught:
        parse(text, name)
    lines = [line.removeprefix(f"{name}:").strip() for line in str(caught.value).splitlines()]
    assert any(line.startswith(expected) or line.endswith(expected) for line in lines), lines


@pytest.mark.parametrize(("number", "times"), [(22, 2), (600, 1)], ids=["too many", "too deep"])
def test_routes_that_name_each_other_have_an_end(number: int, times: int) -> None:
    lines = ["simulator: true", "routes:", "  r0: {target: {provider: simulator}}"]
    lines += [f"  r{n}: {{fallback: {{routes: {[{'route_name': f'r{n - 1}'}] * times}}}}}" for n in range(1, number)]
    with pytest.raises(ConfigError) as caught:
        parse("\n".join(lines), "gateway.yaml")
    assert caught.value.problems[-1].path == f"routes.r{number - 1}"
    assert "nested deeper than 20 levels" in caught.value.problems[-1].message


def test_all_mistakes_are_told_at_once() -> None:
    text = """\
listen: 0.0.0.0:50051
limits: {max_deadline: soon, drain_grace: -1}
providers:
  main: {type: anthropc, auth: basic}
  other:
    type: anthropic
    timeouts: {conect: 5s}
models: {fast: mian/x}
routes: {r: {target: {provider: other, modle: x}}}
reflexion: true
"""
    with pytest.raises(ConfigError) as caught:
        parse(text, "gateway.yaml")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (1, "listen"),
        (2, "limits.max_deadline"),
        (2, "limits.drain_grace"),
        (4, "providers.main.auth"),
        (4, "providers.main.type"),
        (7, "providers.other.timeouts.conect"),
        (8, "models.fast"),
        (9, "routes.r.target.modle"),
        (10, "reflexion"),
    ]
    first = str(caught.value).splitlines()[0]
    assert first.startswith("gateway.yaml:1: listen: 0.0.0.0:50051 can be reached")


@pytest.mark.parametrize(
    ("member", "advice"),
    [
        (f"api_key: {KEY}", "write {env: NAME_OF_A_VARIABLE} or {file: PATH}"),
        (f"api_key: {{env: {KEY}}}", "'env' is not the name of an environment variable"),
        (f"headers: {{x-api-key: {KEY}}}", "use 'api_key'"),
        (f"headers: {{Authorization: Bearer {KEY}}}", "use 'api_key', with 'auth: bearer'"),
        (f"base_url: https://u:{KEY}@example.com", "use 'api_key'"),
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(member: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f"providers:\n  a:\n    type: anthropic\n    {member}", "gateway.yaml")
    (problem,) = caught.value.problems
    assert problem.line == 4
    assert advice in problem.message
    assert KEY not in str(caught.value)


def test_a_key_in_a_route_is_refused_and_not_repeated() -> None:
    route = f"{{target: {{provider: simulator, apiKey: {KEY}}}}}"
    with pytest.raises(ConfigError, match="give the provider an api_key") as caught:
        parse(f"simulator: true\nroutes: {{r: {route}}}", "gateway.yaml")
    assert KEY not in str(caught.value)
