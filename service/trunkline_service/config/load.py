"""From a file, or from the environment, to settings."""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from yaml.nodes import Node

from trunkline_service.config.address import admin_problem, listen_problem, metrics_problem, url_problem
from trunkline_service.config.kinds import KINDS
from trunkline_service.config.problems import ConfigError, Problem, unknown
from trunkline_service.config.providers import read_provider
from trunkline_service.config.records import Records, secret_problem
from trunkline_service.config.routes import Routes
from trunkline_service.config.secret import Secret
from trunkline_service.config.settings import SIMULATOR, ProviderSettings, Settings, Tls
from trunkline_service.config.tree import Entry, Tree, compose

T = TypeVar("T")

ENVIRONMENT: Mapping[str, str] = {"anthropic": "ANTHROPIC", "openai": "OPENAI", "gemini": "GEMINI"}
"""The types of providers that need no more than a key, and how the names of their variables begin."""


def load(path: Path | str, *, listen: str | None = None, insecure: bool | None = None) -> Settings:
    """Read a file. `listen` and `insecure` are stronger than what it says.

    Raises ConfigError with everything that is wrong.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(str(path), [Problem("", 0, f"cannot read it: {error.strerror}")]) from None
    except ValueError:
        raise ConfigError(str(path), [Problem("", 0, "cannot read it: it is not UTF-8 text")]) from None
    return parse(text, str(path), listen=listen, insecure=insecure)


def parse(text: str, name: str, *, listen: str | None = None, insecure: bool | None = None) -> Settings:
    """Read YAML. `name` is the file's: errors name it, and paths in it are relative to its directory.

    `listen` and `insecure` are stronger than what it says. Raises ConfigError with everything that is wrong.
    """
    root = compose(text, name)
    if root is None:
        raise ConfigError(name, [Problem("", 1, f"is empty; {_NO_PROVIDER}")])
    reader = _Reader(Path(name).parent, _given(listen, insecure))
    settings = reader.read(root)
    if settings is None or reader.tree.problems:
        raise ConfigError(name, reader.tree.problems)
    return settings


def from_environment(env: Mapping[str, str], *, listen: str | None = None, insecure: bool | None = None) -> Settings:
    """Return the settings without a file: the providers whose keys are in `env`, and the simulator.

    Raises ConfigError with everything that is wrong.
    """
    providers, problems = _providers_of(env)
    settings = Settings(providers=providers, simulator=True, **_given(listen, insecure))
    if wrong := listen_problem(settings):
        problems.append(Problem("listen", 0, wrong))
    if problems:
        raise ConfigError("environment", problems)
    return settings


def _providers_of(env: Mapping[str, str]) -> tuple[dict[str, ProviderSettings], list[Problem]]:
    providers: dict[str, ProviderSettings] = {}
    problems = []
    for name, variable in ENVIRONMENT.items():
        key_name, url_name = f"{variable}_API_KEY", f"{variable}_BASE_URL"
        if not env.get(key_name, "").strip():
            continue
        kind = KINDS[name]
        key = Secret(env=key_name, environ=None if env is os.environ else env)
        api = next(iter(kind.base_urls))
        url = env.get(url_name, "").strip() or kind.base_url(api, "")
        wrong = {key_name: secret_problem(key), url_name: url_problem(url)}
        problems += [Problem(where, 0, problem) for where, problem in wrong.items() if problem]
        providers[name] = ProviderSettings(
            name=name, type=name, api=api, auth=kind.auths[0], base_url=url.rstrip("/"), api_key=key
        )
    return providers, problems


def _given(listen: str | None, insecure: bool | None) -> dict[str, Any]:
    return {name: value for name, value in (("listen", listen), ("insecure", insecure)) if value is not None}


_NO_PROVIDER = "at least one provider is needed, or 'simulator: true' to try things out"


class _Reader:
    """Reads the whole, in an order in which each part can be checked against those before it."""

    def __init__(self, directory: Path, stronger: Mapping[str, Any]) -> None:
        self.stronger = stronger
        self.tree = Tree()
        self.records = Records(self.tree, directory)

    def read(self, root: Node) -> Settings | None:
        entries = self.records.members(root, "", list(Settings.__dataclass_fields__))
        if entries is None:
            return None
        mappings = {name: self._named(entries.pop(name, None)) for name in ("providers", "models", "routes")}
        plain = {name: self.records.field(Settings, entry) for name, entry in entries.items()}
        values = {name: value for name, value in plain.items() if value is not None}
        names = {entry.name: entry for entry in mappings["providers"]}
        if values.get("simulator"):
            if SIMULATOR in names:
                problem = "'simulator: true' adds a provider of this name: choose another"
                self.tree.report(names[SIMULATOR].key, names[SIMULATOR].path, problem)
            names.setdefault(SIMULATOR, entries["simulator"])
        if not names:
            self.tree.report(root, "providers", _NO_PROVIDER)
        routes = Routes(self.tree, names)
        settings = Settings(
            providers=_collect(mappings["providers"], partial(read_provider, self.records)),
            models=_collect(mappings["models"], partial(self._alias, names)),
            routes=routes.read(mappings["routes"]),
            **{**values, **self.stronger},
        )
        self._check(settings, root, entries)
        return settings

    def _named(self, entry: Entry | None) -> list[Entry]:
        """Return the members of a mapping whose keys are names, and report those that cannot be one."""
        members = self.tree.entries(entry.value, entry.path) if entry else []
        for member in members:
            if not member.name.strip():
                self.tree.report(member.key, member.path, "a name must not be empty")
            elif "/" in member.name:
                problem = "a name must not have a '/': it would be taken for PROVIDER/MODEL"
                self.tree.report(member.key, member.path, problem)
            elif not re.fullmatch(r"[!-~]{1,128}", member.name):
                problem = "a name is at most 128 printable ASCII characters without spaces"
                self.tree.report(member.key, member.path, problem)
        return members

    def _alias(self, providers: Mapping[str, Entry], entry: Entry) -> str | None:
        target = self.tree.text(entry.value, entry.path)
        if target is None:
            return None
        provider, _, model = target.partition("/")
        if not provider or not model.strip():
            self.tree.report(entry.value, entry.path, f"{target!r} is not PROVIDER/MODEL")
        elif provider not in providers:
            self.tree.report(entry.value, entry.path, unknown("provider", provider, providers))
        return target

    def _check(self, settings: Settings, root: Node, entries: Mapping[str, Entry]) -> None:
        """Report what is wrong with values that are right by themselves."""
        wrong = listen_problem(settings)
        # With `tls` that could not be read, the rest of the judgement has to wait.
        if wrong and (settings.tls or "tls" not in entries):
            if "listen" in self.stronger:
                self.tree.problems.append(Problem("listen", 0, wrong))
            else:
                self.tree.report(entries["listen"].value if "listen" in entries else root, "listen", wrong)
        if wrong := admin_problem(settings.admin_listen):
            self.tree.report(entries["admin_listen"].value, "admin_listen", wrong)
        if wrong := metrics_problem(settings.metrics_listen):
            self.tree.report(entries["metrics_listen"].value, "metrics_listen", wrong)
        if settings.tls and (wrong := _tls_problem(settings.tls)):
            self.tree.report(entries["tls"].value, "tls", wrong)
        limits = settings.limits
        if limits.default_deadline > limits.max_deadline:
            problem = f"default_deadline, {limits.default_deadline:g}s, is longer than max_deadline"
            self.tree.report(entries["limits"].value, "limits", f"{problem}, {limits.max_deadline:g}s")


def _collect(entries: list[Entry], read: Callable[[Entry], T | None]) -> dict[str, T]:
    pairs = [(entry.name, read(entry)) for entry in entries]
    return {name: value for name, value in pairs if value is not None}


def _tls_problem(tls: Tls) -> str:
    """Say what is wrong with the files of TLS: gRPC would tell nobody but the callers, at every handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # With a password, an encrypted key is an error, as it is to gRPC, and not a question on the terminal.
        context.load_cert_chain(tls.certificate, tls.private_key, password="")
    except (OSError, ValueError):
        return "the certificate and the private key are not PEM without password, or do not belong together"
    try:
        if tls.client_ca:
            context.load_verify_locations(tls.client_ca)
    except (OSError, ValueError):
        return "client_ca holds no certificates in PEM"
    return ""
