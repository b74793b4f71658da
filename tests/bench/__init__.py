"""Benchmarks: what something costs beside a thing that everybody knows, in one run."""
