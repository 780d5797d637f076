"""The same conversations over every provider, through a gateway in front of the simulator.

`homes.py` lists the providers, `conversations.py` and `faults.py` what they are put through and where they cannot,
`page.py` writes docs/providers.md from them: `make docs`.
"""
