"""Reads the settings of a provider."""

import re

from trunkline_service.config.address import url_problem
from trunkline_service.config.problems import unknown
from trunkline_service.config.records import Records
from trunkline_service.config.settings import DEFAULT_BASE_URLS, ProviderSettings
from trunkline_service.config.tree import Entry

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that settings of their own take care of, and those that HTTP itself needs.
_OWN_HEADERS = {
    "x-api-key": "use 'api_key'",
    "authorization": "use 'api_key', with 'auth: bearer'",
    "proxy-authorization": "a key does not belong in this file",
    "anthropic-version": "use 'version'",
    "anthropic-beta": "use 'betas'",
}
_HTTP_HEADERS = re.compile("accept|accept-encoding|connection|content-.+|expect|host|te|trailer|transfer-.+|upgrade")


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
        tree.report(entry.value, entry.path, f"needs a 'type': {' or '.join(DEFAULT_BASE_URLS)}")
    elif "type" in values and values["type"] not in DEFAULT_BASE_URLS:
        problem = unknown("type of provider", values["type"], DEFAULT_BASE_URLS)
        tree.report(members["type"].value, members["type"].path, problem)
    if "base_url" in values:
        if wrong := url_problem(values["base_url"]):
            tree.report(members["base_url"].value, members["base_url"].path, wrong)
        values["base_url"] = values["base_url"].rstrip("/")
    if "version" in values:
        _check_words(records, members["version"], [values["version"]])
    if "betas" in values:
        _check_words(records, members["betas"], values["betas"])
    if "headers" in values:
        _check_headers(records, members["headers"])
    if len(tree.problems) > before:
        return None
    return ProviderSettings(name=entry.name, **{"base_url": DEFAULT_BASE_URLS[values["type"]], **values})


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
