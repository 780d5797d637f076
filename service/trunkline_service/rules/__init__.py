"""The contract's own rules: what a request or a route must be, whoever provides the model.

`basics.py` has what all services share, `inputs.py` is about conversations, `routes.py` about routes.
"""
