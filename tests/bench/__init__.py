"""What a call and a token cost: the gateway alone on one core, a mock upstream and the load on another.

`make bench` measures Trunkline; `make bench ARGS="--peers DIR"` puts the gateways beside it that
`../shared/bench/peers.sh install DIR` installed. CPU is the operating system's own account of the gateway's process,
which holds on noisy machines; rates and latencies are shown beside it.
"""
