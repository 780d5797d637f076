"""The service's settings: YAML or the environment in, frozen values out, every mistake with its place."""

from trunkline_service.config.address import is_loopback, listen_problem, split_address, with_admin
from trunkline_service.config.kinds import KINDS
from trunkline_service.config.load import from_environment, load, parse
from trunkline_service.config.problems import ConfigError, Problem
from trunkline_service.config.providers import brings_no_key
from trunkline_service.config.secret import Secret
from trunkline_service.config.settings import (
    SIMULATOR,
    Limits,
    ProviderSettings,
    Settings,
    Timeouts,
    Tls,
)

__all__ = [
    "KINDS",
    "SIMULATOR",
    "ConfigError",
    "Limits",
    "Problem",
    "ProviderSettings",
    "Secret",
    "Settings",
    "Timeouts",
    "Tls",
    "brings_no_key",
    "from_environment",
    "is_loopback",
    "listen_problem",
    "load",
    "parse",
    "split_address",
    "with_admin",
]
