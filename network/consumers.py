"""Consumers: the steps that hear of conversions by hand-offs, each a line in the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """Who takes hand-offs, and which.

    `task` takes them: it is nudged after every move, and beat runs it each second. `money_only`
    leaves out the events that no affiliate earns or loses by.
    """

    task: str
    money_only: bool
