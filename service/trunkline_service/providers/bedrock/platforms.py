"""What differs between Bedrock's ways to Claude around the same conversation."""

from __future__ import annotations

from trunkline_service.providers.anthropic.platform import Platform
from trunkline_service.upstream.event_stream import MEDIA_TYPE

MESSAGES = Platform(name="Bedrock", wary_of_newest=True, user_profile_in_body=True)

INVOKE = Platform(
    name="Bedrock",
    chat_path="/model/{model}/invoke-with-response-stream",
    count_path="/model/{model}/count-tokens",
    # As AWS's own clients and its signatures have them.
    plain_characters=":;",
    accept=MEDIA_TYPE,
    legacy_version="bedrock-2023-05-31",
    wary_of_newest=True,
    version_in_body=True,
    betas_in_body=True,
    user_profile_in_body=True,
    left_out=frozenset({"model", "stream"}),
    service_tier_header="x-amzn-bedrock-service-tier",
    priced_headers=frozenset(
        {
            "x-amzn-bedrock-service-tier",
            "x-amzn-bedrock-performanceconfig-latency",
            "x-amzn-bedrock-guardrailidentifier",
        }
    ),
)
