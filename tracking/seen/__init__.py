"""What is seen around a click: impressions before it, the first-party script's events after it."""
