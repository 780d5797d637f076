"""The HTTP side: connection pools, framing, limits on time. The only place that knows aiohttp's client."""
