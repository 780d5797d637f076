"""The contract's messages, enums and stubs in one place: `from trunkline.v1 import ChatRequest`."""
