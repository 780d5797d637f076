"""OpenAI's APIs, on OpenAI itself, on Azure and on the many servers that are compatible with them.

`platform.py` says what differs between those. What both APIs share: `headers.py`, `failures.py`, `usage.py`. Chat
Completions: `chat.py` is the provider, `chat_requests.py` and `chat_messages.py` write requests, `chunks.py`,
`chat_stream.py`, `chat_calls.py`, `chat_out.py` and `chat_ending.py` read answers.
"""
