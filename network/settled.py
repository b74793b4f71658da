"""What follows from settings and is asked for often: worked out once, and anew when they change."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar

from django.core.signals import setting_changed

Parameters = ParamSpec("Parameters")
Found = TypeVar("Found")


def settled(size_max: int) -> Callable[[Callable[Parameters, Found]], Callable[Parameters, Found]]:
    """Remember the last `size_max` results of a function, until a test changes a setting.

    A process has the same settings from its beginning to its end, and Django's way to read one
    costs as much as a hundred bytes of parsing.
    """

    def remember(function: Callable[Parameters, Found]) -> Callable[Parameters, Found]:
        remembered = lru_cache(maxsize=size_max)(function)

        def forget(**_: object) -> None:
            remembered.cache_clear()

        setting_changed.connect(forget, weak=False)
        return remembered  # type: ignore[return-value]

    return remember
