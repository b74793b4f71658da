"""Fixtures of the tests of tracking."""

from tests.tracking.receiver import receiver

__all__ = ["receiver"]
