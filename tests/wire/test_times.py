"""Instants of providers, also those that no clock can hold."""

from __future__ import annotations

import pytest

from trunkline_service.providers.times import timestamp


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1970-01-02", 86400),
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        (1.5, 1),
        (0, 0),
        ("0001-01-01T00:00:00Z", -62135596800),
        ("9999-12-31T23:59:59Z", 253402300799),
    ],
)
def test_instants(said: str | float, seconds: int) -> None:
    found = timestamp(said)
    assert found is not None
    assert found.seconds == seconds


@pytest.mark.parametrize(
    "said",
    [None, "", "soon", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", 10**30, -(10**12), float("nan"),
     float("inf")],
)  # fmt: skip
def test_what_is_no_instant(said: str | float | None) -> None:
    assert timestamp(said) is None
