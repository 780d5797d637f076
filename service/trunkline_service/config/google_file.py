"""What a file of Google's credentials has to hold, by its type: looked at before google-auth makes something of it."""

import json

_NEEDED = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    # Whoever writes the settings vouches for the file, which the library warns about: these name addresses to ask.
    "external_account": ("audience", "subject_token_type", "token_url", "credential_source"),
    "external_account_authorized_user": ("client_id", "client_secret", "refresh_token", "token_url"),
    "impersonated_service_account": ("service_account_impersonation_url", "source_credentials"),
    "gdch_service_account": ("format_version", "private_key_id", "private_key", "name", "project", "token_uri"),
}


def problem(text: bytes) -> str:
    """Say what is wrong with the file ("is empty"). Empty if nothing is. What it holds is not repeated."""
    if not text.strip():
        return "is empty"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "is not JSON"
    if not isinstance(found, dict):
        return "is not a JSON object"
    kind = found.get("type")
    if not isinstance(kind, str) or kind not in _NEEDED:
        return f"has no 'type' that is known: {', '.join(_NEEDED)}"
    missing = [name for name in _NEEDED[kind] if not found.get(name)]
    if missing:
        return f"is of the type {kind!r}, which needs {missing[0]!r}"
    if kind == "service_account" and "PRIVATE KEY-----" not in str(found["private_key"]):
        return "holds a 'private_key' that is not PEM"
    return ""
