"""The wire formats of Gemini: the developer API's and Vertex's."""

from trunkline_service.simulator.gemini.wire import GeminiWire, VertexGeminiWire

WIRES = (GeminiWire, VertexGeminiWire)

__all__ = ["WIRES"]
