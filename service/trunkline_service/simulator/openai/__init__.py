"""The wire formats of OpenAI's API, and of the many servers that are compatible with it."""

from trunkline_service.simulator.openai.batches import BatchesWire
from trunkline_service.simulator.openai.chat import ChatWire, CompatibleChatWire
from trunkline_service.simulator.openai.embeddings import EmbeddingsWire
from trunkline_service.simulator.openai.models import ModelsWire
from trunkline_service.simulator.openai.responses import ResponsesWire

# The models' wire refuses whatever the others have no path for.
WIRES = (ChatWire, CompatibleChatWire, ResponsesWire, EmbeddingsWire, BatchesWire, ModelsWire)

__all__ = ["WIRES"]
