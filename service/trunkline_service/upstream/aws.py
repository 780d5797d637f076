"""AWS's credentials, and signatures of requests with them (SigV4).

botocore knows all the ways to credentials, and blocks; `renewal.py` keeps that off the loop.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from botocore import exceptions
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials, RefreshableCredentials
from botocore.session import Session

from trunkline_service.config import ProviderSettings
from trunkline_service.upstream.credentials import has_key
from trunkline_service.upstream.renewal import Fetched, Renewed, rejected, unreachable
from trunkline_service.upstream.request import UpstreamRequest

# botocore renews temporary keys ten minutes before they expire, when it is asked for them: so it is asked often, and
# what it gave is good for some time.
FRESH_SECONDS = 60.0
GOOD_SECONDS = 300.0
# Hashing more than this would hold up other calls.
LARGE_BYTES = 256 * 1024

_SERVICES = {"mantle": "bedrock-mantle"}


class AwsCredentials:
    """`Credentials` for Bedrock: each request gets a signature of its own."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._profile = settings.profile
        self._region = settings.region
        self._service = _SERVICES.get(settings.api, "bedrock")
        self._session: Session | None = None
        self._keys = Renewed(self._fetch)

    async def headers(self, request: UpstreamRequest) -> Mapping[str, str]:
        """The signature, unless the request has a key of its own."""
        if has_key(request):
            return {}
        keys = await self._keys.get()
        if len(request.body) > LARGE_BYTES:
            return await asyncio.to_thread(self._sign, request, keys)
        return self._sign(request, keys)

    async def close(self) -> None:
        """Waits for no credentials any more."""
        await self._keys.close()

    def _sign(self, request: UpstreamRequest, keys: ReadOnlyCredentials) -> Mapping[str, str]:
        return sign(request, keys, self._service, self._region)

    def _fetch(self) -> Fetched[ReadOnlyCredentials]:
        try:
            session = self._session or self._new_session()
            found = session.get_credentials()
            if found is None:
                raise rejected("the gateway has no credentials for AWS")
            keys = found.get_frozen_credentials()
        except _OUT_OF_REACH as error:
            raise unreachable(f"AWS's credentials could not be fetched ({type(error).__name__})") from error
        except exceptions.CredentialRetrievalError as error:
            if _may_work_later(error):
                raise unreachable(f"AWS's credentials could not be fetched ({type(error).__name__})") from error
            raise rejected(f"the gateway has no usable credentials for AWS ({type(error).__name__})") from error
        except exceptions.ProfileNotFound as error:
            raise rejected("AWS's files have no profile of the name that the settings give") from error
        except (exceptions.BotoCoreError, exceptions.ClientError, OSError, RuntimeError, ValueError) as error:
            raise rejected(f"the gateway has no usable credentials for AWS ({type(error).__name__})") from error
        except (AttributeError, LookupError, TypeError) as error:
            # So the library fails on an answer of another form.
            raise unreachable("what gives AWS's credentials gave something else") from error
        if not all(isinstance(part, str) and _IN_HEADER.fullmatch(part) for part in keys if part is not None):
            raise unreachable("what gives AWS's credentials gave something else")
        # Those that renew themselves are kept. Others may have been replaced in their file, which a new session reads.
        self._session = session if isinstance(found, RefreshableCredentials) else None
        return Fetched(keys, FRESH_SECONDS, GOOD_SECONDS)

    def _new_session(self) -> Session:
        session = Session(profile=self._profile or None)
        # For the services that temporary keys come from.
        session.set_config_variable("region", self._region)
        return session


_OUT_OF_REACH = (exceptions.HTTPClientError, exceptions.MetadataRetrievalError)
_IN_HEADER = re.compile("[!-~]+")


def _may_work_later(error: exceptions.CredentialRetrievalError) -> bool:
    """Whether a machine's or a container's own service for keys failed, and did not refuse."""
    cause = error.__context__
    if isinstance(cause, exceptions.MetadataRetrievalError):
        return not re.search("non 200 response 4(?!08|29)", str(cause))
    # botocore has no more to say where a machine's keys, which it once had, could not be renewed.
    return bool(error.kwargs.get("provider") == "iam-role")


def sign(request: UpstreamRequest, keys: ReadOnlyCredentials, service: str, region: str) -> Mapping[str, str]:
    """The headers that sign the request: its method, its address, its body as it is sent, and its media type."""
    signed = AWSRequest(
        method=request.method,
        url=request.url,
        # No others: what is between here and AWS may change them.
        headers={"content-type": request.headers["content-type"]} if "content-type" in request.headers else {},
        data=request.body,
    )
    SigV4Auth(keys, service, region).add_auth(signed)
    return {name.lower(): value for name, value in signed.headers.items() if name.lower() in _ADDED}


_ADDED = ("authorization", "x-amz-date", "x-amz-security-token")
