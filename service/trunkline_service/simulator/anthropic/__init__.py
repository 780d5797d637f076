"""The wire format of Anthropic's Messages API."""

from trunkline_service.simulator.anthropic.wire import AnthropicWire

__all__ = ["AnthropicWire"]
