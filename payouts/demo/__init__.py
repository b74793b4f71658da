"""The demo network: an invented cast, and six weeks of its business told through the real verbs."""
