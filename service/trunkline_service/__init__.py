"""Trunkline's service: a gRPC gateway in front of LLM providers."""
