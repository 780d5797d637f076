"""The wire formats of OpenAI's API, and of the many servers that are compatible with it."""
