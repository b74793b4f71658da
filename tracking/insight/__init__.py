"""Insight: what the rows teach, worked out by jobs."""
