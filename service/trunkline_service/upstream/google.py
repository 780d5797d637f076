"""Google's access tokens: of a service account's file, or of the application default credentials.

google-auth knows all the ways to them, and blocks; `renewal.py` keeps that off the loop.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import google.auth
import requests
from google.auth import compute_engine, credentials, exceptions
from google.auth.transport.requests import Request
from google.oauth2 import credentials as oauth2
from google.oauth2 import service_account

from trunkline_service.config import ProviderSettings, google_file
from trunkline_service.upstream.credentials import has_key
from trunkline_service.upstream.renewal import Fetched, Renewed, rejected, unreachable
from trunkline_service.upstream.request import UpstreamRequest

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
TIMEOUT_SECONDS = 10.0
# A token lives for an hour. It is fetched anew while the old one can still serve.
EARLY_SECONDS = 300.0
LATEST_SECONDS = 30.0


class GoogleCredentials:
    """`Credentials` for Google's APIs."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._file = settings.credentials_file
        self._http = _session(settings.proxy, settings.tls_roots)
        self._headers = Renewed(self._fetch)

    async def headers(self, request: UpstreamRequest) -> Mapping[str, str]:
        """The token, unless the request has a key of its own."""
        return {} if has_key(request) else await self._headers.get()

    async def close(self) -> None:
        """Waits for no token any more."""
        await self._headers.close()
        self._http.close()

    def _fetch(self) -> Fetched[Mapping[str, str]]:
        # Read each time: a file may have been replaced.
        found = self._find()
        try:
            # A machine's own tokens are beside it, where no proxy leads.
            session = _session() if isinstance(found, compute_engine.Credentials) else self._http
            # The library's own timeout is two minutes.
            found.refresh(functools.partial(Request(session), timeout=TIMEOUT_SECONDS))
        except exceptions.TransportError as error:
            raise unreachable("Google's token service could not be reached") from error
        except exceptions.GoogleAuthError as error:
            if error.retryable:
                raise unreachable("Google's token service failed") from error
            raise rejected(f"Google gives no token for the gateway's credentials ({type(error).__name__})") from error
        except OSError as error:
            raise rejected(f"the gateway has no usable credentials for Google ({type(error).__name__})") from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # So the library fails on an answer of another form: a lifetime that no clock can hold, a list.
            raise unreachable(_SOMETHING_ELSE) from error
        if not isinstance(found.token, str) or not _TOKEN.fullmatch(found.token):
            raise unreachable(_SOMETHING_ELSE)
        headers: dict[str, str] = {}
        found.apply(headers)
        left = _seconds_left(found.expiry)
        return Fetched(headers, max(left - EARLY_SECONDS, left / 2), max(left - LATEST_SECONDS, left * 0.9))

    def _find(self) -> credentials.Credentials:
        try:
            if self._file is None:
                found, _ = google.auth.default(scopes=SCOPES)
                return found
            text = self._file.read_bytes()
            if wrong := google_file.problem(text):
                raise rejected(f"the gateway's credentials file for Google {wrong}")
            return _of(json.loads(text))
        except exceptions.DefaultCredentialsError as error:
            where = "default credentials" if self._file is None else "usable credentials file"
            raise rejected(f"the gateway has no {where} for Google ({type(error).__name__})") from error
        except exceptions.GoogleAuthError as error:
            raise rejected(f"the gateway's credentials for Google are wrong ({type(error).__name__})") from error
        except (AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
            # What the library says of a key or a place that it cannot make sense of.
            raise rejected(f"the gateway's credentials file for Google is wrong ({type(error).__name__})") from error


def _of(info: dict[str, Any]) -> credentials.Credentials:
    if info["type"] == "service_account":
        return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)
    if info["type"] == "authorized_user":
        return oauth2.Credentials.from_authorized_user_info(info, scopes=SCOPES)
    found, _ = google.auth.load_credentials_from_dict(info, scopes=SCOPES)
    return found


_SOMETHING_ELSE = "Google's token service gave something that is no token"
# As RFC 6750 writes it, and anything else that a header can hold: no line ends, nothing but ASCII.
_TOKEN = re.compile("[!-~]+")


def _seconds_left(expiry: datetime | None) -> float:
    """How long a token is good; some say nothing of it."""
    if expiry is None:
        return 2 * EARLY_SECONDS
    return max(0.0, (expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())


def _session(proxy: str = "", roots: Path | None = None) -> requests.Session:
    session = requests.Session()
    # Only what the settings say holds, as for every other request.
    session.trust_env = False
    if proxy:
        session.proxies = {"http": proxy, "https": proxy}
    if roots is not None:
        session.verify = str(roots)
    return session
