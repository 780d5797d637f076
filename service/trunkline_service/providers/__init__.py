"""The providers: codecs between the contract and each provider's HTTP API. No I/O, no clocks, no logging."""
