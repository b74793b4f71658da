"""An end to the wait for a database that is there and does not answer."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg import AsyncConnection, Connection


@contextmanager
def hanging_up(
    connection: Connection[Any] | AsyncConnection[Any], *, patience_s: float
) -> Iterator[None]:
    """Break the connection off after `patience_s`, on the running event loop's clock.

    Whoever waits on it then, here or in a thread, gets OperationalError at once. Cancelling would
    not do: psycopg would ask the same silent server to cancel, twice five seconds, and nothing
    cancels a thread; so who is cancelled in here breaks off too.
    """
    # A handle of our own: libpq may close its own at any moment, and the number be another's then.
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        timer = asyncio.get_running_loop().call_later(patience_s, _break_off, line)
        try:
            yield
        except asyncio.CancelledError:
            _break_off(line)
            raise
        finally:
            timer.cancel()


def _break_off(line: socket.socket) -> None:
    # OSError: the other side was quicker.
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
