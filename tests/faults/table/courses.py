"""What goes wrong over many calls, and what is to come of it, in words; the tests of the same names prove them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faults.table.ends import Setup


@dataclass(frozen=True, slots=True)
class Course:
    """A `title`, and what comes of it by what the route does."""

    title: str
    comes: Mapping[Setup, str]


RETURNING = Course(
    "a primary that is down for 60 s and returns, 20 calls",
    {
        "alone": "`UPSTREAM_OVERLOADED` until it is back; each call asks once",
        "retried": "`UPSTREAM_OVERLOADED` until it is back; retries stay within their budget",
        "fallback": "all answer; the primary is asked by single calls now and then, and answers again once it is back",
        "restart": "the same",
    },
)
FLAPPING = Course(
    "100 calls at once through a flapping primary",
    {
        "alone": "a whole answer or `UPSTREAM_OVERLOADED`; each call asks once",
        "retried": "a whole answer or `UPSTREAM_OVERLOADED`; retries stay within their budget",
        "fallback": "all answer",
        "restart": "all answer",
    },
)
ACCOUNTING = Course(
    "accounting after a fail-over",
    {
        "alone": "the error's report has what the broken answer took and cost",
        "fallback": "usage and cost are of the attempt that answered; what each of the others took stands beside them",
        "restart": "the same",
    },
)
COURSES = (RETURNING, FLAPPING, ACCOUNTING)
