"""Addresses: where the service listens, and where the APIs of providers are."""

import re
from dataclasses import replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from trunkline_service.config.settings import Settings

OFF = "off"
ADMIN_STEP = 1000
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})", re.ASCII)


def split_address(address: str) -> tuple[str, int]:
    """Return host (an IPv6 one without brackets) and port of "HOST:PORT". Raises ValueError."""
    found = _ADDRESS.fullmatch(address)
    if not found or int(found[3]) > 65535 or (found[1] and ":" not in found[1]):
        examples = "127.0.0.1:50051, 0.0.0.0:50051 or [::1]:50051"
        raise ValueError(f"{address!r} is not HOST:PORT, for example {examples}")
    if found[1]:
        ip_address(found[1])
    return found[1] or found[2], int(found[3])


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach a host's address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def listen_problem(settings: Settings) -> str:
    """Say what is wrong with the address that the service is to listen on. Empty if nothing is."""
    try:
        host, _ = split_address(settings.listen)
    except ValueError as error:
        return str(error)
    if settings.insecure and settings.tls:
        return "both 'tls' and 'insecure' are there: choose one"
    if not is_loopback(host) and not settings.tls and not settings.insecure:
        return (
            f"{settings.listen} can be reached from other machines, and nothing would be encrypted: "
            "add 'tls', or say that this is fine with 'insecure'"
        )
    return ""


def admin_problem(address: str) -> str:
    """Say what is wrong with the address that operators are to use. Empty if nothing is."""
    if address in ("", OFF) or address.startswith("unix:/"):
        return ""
    try:
        host, _ = split_address(address)
    except ValueError as error:
        return f"{error}; or write unix:/PATH, or off"
    return "" if is_loopback(host) else f"{address} can be reached from other machines: use 127.0.0.1 or unix:/PATH"


def metrics_problem(address: str) -> str:
    """Say what is wrong with the address that metrics are to be found at. Empty if nothing is."""
    try:
        split_address(address or "localhost:0")
    except ValueError as error:
        return str(error)
    return ""


def with_admin(settings: Settings) -> Settings:
    """Add the usual address for operators where none is set: 127.0.0.1, at the callers' port and 1000 more.

    Of a port that is only chosen when the service starts, nobody could know it. "off" is no address.
    """
    if settings.admin_listen == OFF:
        return replace(settings, admin_listen="")
    _, port = split_address(settings.listen)
    if settings.admin_listen or not 0 < port <= 65535 - ADMIN_STEP:
        return settings
    return replace(settings, admin_listen=f"127.0.0.1:{port + ADMIN_STEP}")


def url_problem(url: str) -> str:
    """Say what is wrong with the address of an API. Empty if nothing is.

    An address that holds a password is not repeated.
    """
    example = "write it like https://api.example.com"
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return f"is not a URL: {example}"
    if "@" in parts.netloc:
        return "a key or password does not belong in a URL: use 'api_key'"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return f"{url!r} is not an http or https URL: {example}"
    if "?" in url or "#" in url or not re.fullmatch(r"[!-~]+", url):
        return f"{url!r} has a query, a fragment or characters that do not belong in it: {example}"
    return ""


def proxy_problem(url: str) -> str:
    """Say what is wrong with the address of a proxy. Empty if nothing is."""
    if url.lower().startswith("socks"):
        return "is a SOCKS proxy: only HTTP proxies are spoken to, written like http://proxy.example.com:3128"
    wrong = url_problem(url)
    if "use 'api_key'" in wrong:
        return "a password does not belong in a URL: a proxy has to let the gateway in without"
    return wrong.replace("https://api.example.com", "http://proxy.example.com:3128")
