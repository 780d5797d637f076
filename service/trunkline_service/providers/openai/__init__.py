"""OpenAI's APIs, on OpenAI itself, on Azure and on the many servers that are compatible with them.

`platform.py` says what differs between those; `headers.py`, `failures.py` and `usage.py` are what the APIs share.
`chat/` is Chat Completions, `responses/` the Responses API.
"""
