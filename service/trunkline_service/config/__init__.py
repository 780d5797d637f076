"""The service's settings: YAML or the environment in, frozen values out, every mistake with its place."""

from trunkline_service.config.address import is_loopback, listen_problem, split_address
from trunkline_service.config.load import from_environment, load, parse
from trunkline_service.config.problems import ConfigError, Problem
from trunkline_service.config.secret import Secret
from trunkline_service.config.settings import (
    DEFAULT_BASE_URLS,
    SIMULATOR,
    Limits,
    ProviderSettings,
    Settings,
    Timeouts,
    Tls,
)

__all__ = [
    "DEFAULT_BASE_URLS",
    "SIMULATOR",
    "ConfigError",
    "Limits",
    "Problem",
    "ProviderSettings",
    "Secret",
    "Settings",
    "Timeouts",
    "Tls",
    "from_environment",
    "is_loopback",
    "listen_problem",
    "load",
    "parse",
    "split_address",
]
