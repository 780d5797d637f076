"""A provider that speaks the wire formats of many on loopback, with every behaviour and fault on demand."""

from trunkline_service.simulator.bases import AZURE_OLD, BASES
from trunkline_service.simulator.behaviours import describe
from trunkline_service.simulator.calls import ReceivedCall
from trunkline_service.simulator.server import Simulator

__all__ = ["AZURE_OLD", "BASES", "ReceivedCall", "Simulator", "describe"]
