"""The wire formats of Gemini: the developer API's and Vertex's."""

from trunkline_service.simulator.gemini.embeddings import GeminiEmbeddingsWire
from trunkline_service.simulator.gemini.wire import GeminiWire, VertexGeminiWire

WIRES = (GeminiWire, GeminiEmbeddingsWire, VertexGeminiWire)

__all__ = ["WIRES"]
