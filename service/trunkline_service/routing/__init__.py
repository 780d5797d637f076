"""From a request to an answer: which provider is asked, within which limits, and what is made of it."""
