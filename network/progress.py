"""What a long-running program tells the person at the terminal, line by line."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


def say(text: str, *, end: str = "\n") -> None:
    """Print at once; where the terminal is gone, go on without an audience."""
    with suppress(OSError):
        sys.stdout.write(text + end)
        sys.stdout.flush()


@contextmanager
def step(label: str, outcome: str) -> Iterator[None]:
    """One line: the label at once, the outcome and the time it took when it is there."""
    say(f"  {label} … ", end="")
    began = time.monotonic()
    try:
        yield
    except BaseException:
        say("not done")
        raise
    say(f"{outcome} in {time.monotonic() - began:.1f} s")


def outline(value: object, *, indent: int) -> Iterator[str]:
    """A JSON value as indented lines; an object inside a list takes one line."""
    space = " " * indent
    if isinstance(value, Mapping):
        width = max((len(str(name)) for name in value), default=0) + 2
        for name, part in value.items():
            if isinstance(part, Mapping | list):
                yield f"{space}{name}"
                yield from outline(part, indent=indent + 2)
            else:
                yield f"{space}{name:<{width}}{part}"
    elif isinstance(value, list):
        for part in value:
            words = part.values() if isinstance(part, Mapping) else [part]
            yield space + "  ".join(str(word) for word in words)
