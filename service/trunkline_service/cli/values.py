"""The values of arguments: each is read, or what is wrong with it is said."""

import argparse
import math
import re
from collections.abc import Callable

A_YEAR = 365 * 86_400.0


def text(value: str) -> str:
    """Text that is UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("not UTF-8") from None
    return value


def name(value: str) -> str:
    """The name of a route or provider."""
    if not re.fullmatch(r"[!-.0-~]{1,128}", value):
        raise argparse.ArgumentTypeError("a name is at most 128 printable ASCII characters without spaces and '/'")
    return value


def renamed(value: str) -> tuple[str, str]:
    """A name of Portkey's, and what it is to be called here."""
    theirs, equals, ours = value.partition("=")
    if not (theirs and equals):
        raise argparse.ArgumentTypeError(f"{value!r} is not PORTKEY=NAME")
    return theirs, name(ours)


def integer(least: int, most: int) -> Callable[[str], int]:
    """A whole number within limits."""

    def read(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from {least} to {most}")
        return number

    return read


def number(value: str) -> float:
    """A finite number."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{value!r} is not a number")
    return number


def seconds(value: str) -> float:
    """Seconds, with or without an "s"."""
    seconds = number(value.removesuffix("s"))
    if seconds <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    if seconds > A_YEAR:
        raise argparse.ArgumentTypeError("is more than a year")
    return seconds


def thinking(value: str) -> bool | int:
    """Whether to reason, or for how many tokens at most."""
    if value in ("on", "off"):
        return value == "on"
    try:
        return integer(1, 2**31 - 1)(value)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{value!r} is neither on nor off nor a number of tokens") from None
