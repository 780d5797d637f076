"""Routes end to end: a gateway in front, the simulator's behaviours as its targets."""
