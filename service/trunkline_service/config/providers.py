"""Reads the settings of a provider."""

import re
import ssl
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trunkline_service.config import google_file
from trunkline_service.config.address import proxy_problem, url_problem
from trunkline_service.config.kinds import KINDS, Kind
from trunkline_service.config.problems import unknown
from trunkline_service.config.records import Records
from trunkline_service.config.settings import ProviderSettings
from trunkline_service.config.tree import Entry

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that settings of their own take care of, and those that HTTP itself needs.
_OWN_HEADERS = {
    "x-api-key": "use 'api_key'",
    "api-key": "use 'api_key'",
    "x-goog-api-key": "use 'api_key'",
    "authorization": "use 'api_key', with 'auth: bearer'",
    "proxy-authorization": "a key does not belong in this file",
    "anthropic-version": "use 'version'",
    "anthropic-beta": "use 'betas'",
}
_HTTP_HEADERS = re.compile("accept|accept-encoding|connection|content-.+|expect|host|te|trailer|transfer-.+|upgrade")

# These become parts of the addresses that keys are sent to: nothing in them may lead to another host or path.
_IN_ADDRESSES = {
    "region": ("[a-z0-9-]+", "is not a region: small letters, digits and hyphens, for example us-east-1 or global"),
    "project": ("[a-z0-9][a-z0-9:.-]*", "is not a project's id, for example my-project, nor its number"),
}


def read_provider(records: Records, entry: Entry) -> ProviderSettings | None:
    """Return the provider that an entry describes, or None if something is wrong with it."""
    tree = records.tree
    before = len(tree.problems)
    names = [name for name in ProviderSettings.__dataclass_fields__ if name != "name"]
    members = records.members(entry.value, entry.path, names)
    if members is None:
        return None
    values = {name: records.field(ProviderSettings, member) for name, member in members.items()}
    values = {name: value for name, value in values.items() if value is not None}
    if "type" not in members:
        tree.report(entry.value, entry.path, f"needs a 'type': {' or '.join(KINDS)}")
    elif "type" in values and values["type"] not in KINDS:
        problem = unknown("type of provider", values["type"], KINDS)
        tree.report(members["type"].value, members["type"].path, problem)
    elif "type" in values:
        _check_kind(records, entry, members, values, KINDS[values["type"]])
    for name, find_problem in _CHECKS.items():
        if name in values and (wrong := find_problem(values[name])):
            tree.report(members[name].value, members[name].path, wrong)
    if "version" in values:
        _check_words(records, members["version"], [values["version"]])
    for name, (pattern, wrong) in _IN_ADDRESSES.items():
        if name in values and not re.fullmatch(pattern, values[name]):
            tree.report(members[name].value, members[name].path, f"{values[name]!r} {wrong}")
    if "betas" in values:
        _check_words(records, members["betas"], values["betas"])
    if "headers" in values:
        _check_headers(records, members["headers"])
    if values.get("type") == "azure_openai" and "version" not in values and _is_bare(values.get("base_url", "")):
        tree.report(members["base_url"].value, members["base_url"].path, _AZURE)
    if len(tree.problems) > before:
        return None
    kind = KINDS[values["type"]]
    values.setdefault("api", next(iter(kind.base_urls)))
    values.setdefault("auth", kind.auths[0])
    values["base_url"] = values.get("base_url", kind.base_url(values["api"], values.get("region", ""))).rstrip("/")
    return ProviderSettings(name=entry.name, **values)


def brings_no_key(provider: ProviderSettings) -> bool:
    """Whether calls need a key that the settings do not give: callers have to bring it."""
    kind = KINDS[provider.type]
    return provider.api_key is None and not kind.keyless and not kind.extra


def _roots_problem(file: Path) -> str:
    try:
        is_fine = bool(ssl.create_default_context(cafile=file).get_ca_certs())
    except (OSError, ValueError):
        is_fine = False
    return "" if is_fine else "holds no certificates in PEM"


def _credentials_problem(file: Path) -> str:
    try:
        wrong = google_file.problem(file.read_bytes())
    except OSError as error:
        return f"cannot read {file}: {error.strerror}"
    return f"{file} {wrong}" if wrong else ""


def _profile_problem(profile: str) -> str:
    """Looks into AWS's own files, as far as what reads them is installed."""
    try:
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        return ""
    try:
        return "" if profile in Session().available_profiles else f"AWS's files have no profile {profile!r}"
    except BotoCoreError as error:
        return f"AWS's files cannot be read ({type(error).__name__})"


# What is wrong with the value of a setting, if anything.
_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "base_url": url_problem,
    "proxy": proxy_problem,
    "tls_roots": _roots_problem,
    "credentials_file": _credentials_problem,
    "profile": _profile_problem,
}


_AZURE = "needs /openai/v1 behind it, as in https://NAME.openai.azure.com/openai/v1, or beside it a 'version'"


def _is_bare(url: str) -> bool:
    """Whether this is a resource at Azure without a path to an API."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").endswith(_AZURE_HOSTS) and not parts.path.strip("/")
    except ValueError:
        return False


_AZURE_HOSTS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
_BY_KIND = ("version", "betas", "region", "project", "profile", "credentials_file")


def _check_kind(
    records: Records, entry: Entry, members: Mapping[str, Entry], values: Mapping[str, Any], kind: Kind
) -> None:
    tree = records.tree
    nothing = f"means nothing to a provider of the type {values['type']!r}"
    for setting in _BY_KIND:
        if setting in members and setting not in kind.takes:
            member = members[setting]
            tree.report(member.key, member.path, nothing)
    for setting in kind.needs:
        if setting not in members:
            tree.report(entry.value, entry.path, f"needs {setting!r}")
    if kind.extra and "api_key" not in members and find_spec(kind.module) is None:
        problem = f"needs an 'api_key', or its own credentials: pip install 'trunkline[service,{kind.extra}]'"
        tree.report(entry.value, entry.path, problem)
    for setting, choices in (("api", kind.apis), ("auth", kind.auths)):
        if setting in values and not choices:
            tree.report(members[setting].key, members[setting].path, nothing)
        elif setting in values and values[setting] not in choices:
            tree.report(members[setting].value, members[setting].path, unknown("value", values[setting], choices))


def _check_words(records: Records, member: Entry, values: list[str]) -> None:
    for value in values:
        if not re.fullmatch(r"[!-+\--~]+", value):
            problem = f"{value!r} is not one word of printable ASCII without commas"
            records.tree.report(member.value, member.path, problem)


def _check_headers(records: Records, headers: Entry) -> None:
    tree = records.tree
    seen: set[str] = set()
    for header in tree.entries(headers.value, headers.path):
        name = header.name.lower()
        if not _HEADER_NAME.fullmatch(name):
            tree.report(header.key, header.path, "is not the name of a header")
        elif name in _OWN_HEADERS or _HTTP_HEADERS.fullmatch(name):
            tree.report(header.key, header.path, f"not here: {_OWN_HEADERS.get(name, 'the gateway sets it')}")
        elif name in seen:
            tree.report(header.key, header.path, "is there twice: upper and lower case are the same")
        elif not re.fullmatch(r"[\t -~]*", str(header.value.value)):
            tree.report(header.value, header.path, "has characters that no header may hold")
        seen.add(name)
