"""The gRPC edge: servicers, what is around every call, and the one place that turns errors into statuses."""
