"""Conversions: reports taken once, a lifecycle with reasons, and the rows that hand them on."""
