"""`import-portkey`: a config of Portkey's as a part of a configuration file."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format

from trunkline import portkey
from trunkline_service.cli.terminal import UsageError, say, write


def import_portkey(options: Namespace) -> int:
    """Print the routes and providers that a config stands for, and say beside it what it cannot be."""
    try:
        done = portkey.configuration(_text(options.file), providers=dict(options.provider or ()))
    except portkey.PortkeyError as error:
        raise UsageError(str(error)) from None
    for note in done.notes:
        say(str(note))
    write(as_yaml(done, options.name))
    return 0


def as_yaml(done: portkey.Conversion, name: str) -> str:
    """The providers and the one route, as a configuration file has them."""
    route: dict[str, Any] = json_format.MessageToDict(done.route, preserving_proto_field_name=True)
    document = {
        "providers": {provider.name: dict(provider.settings) for provider in done.providers},
        "routes": {name: route},
    }
    # Without aliases: what is the same twice is written twice, as a person would.
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{'the standard input' if file == '-' else file} is not UTF-8 text") from None
