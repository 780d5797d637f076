"""What a gateway does at the moment, and a new configuration without a restart: generated from protos/."""
