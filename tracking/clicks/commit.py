"""One commit in one message: statements, and the COPY whose rows depend on what they answer.

PostgreSQL runs the statements of a message in one transaction. So nothing waits between them on the
way there and back, which costs more than all that the server does for a small batch.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import QueryCanceled, error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import READY_R, WAIT_R, WAIT_RW, Ready, Wait

# Takes what the statements before the COPY answered; gives its data, or None to take all back.
Data = Callable[[Sequence[PGresult]], bytes | None]
_Talk = Generator[Wait, Ready | int, tuple[list[PGresult], bool]]

_DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)
_TAKEN_BACK: Final = b"taken back"


async def commit(connection: AsyncConnection[Any], statements: Sequence[str], data: Data) -> bool:
    """Run the statements, of which one or more are COPY FROM STDIN; whether they were committed.

    `data` is asked at each COPY. False where it took all back. Raises psycopg.Error. The
    connection is in autocommit, outside a transaction, and nobody else uses it meanwhile.
    """
    message = "; ".join(statements).encode()
    results, taken_back = await connection.wait(_talk(connection.pgconn, message, data))
    failed = next((each for each in results if each.status not in _DONE), None)
    if failed is None:
        return True
    error = error_from_result(failed)
    # What the server says of a COPY that the client has ended.
    if taken_back and isinstance(error, QueryCanceled):
        return False
    raise error


def _talk(pgconn: PGconn, message: bytes, data: Data) -> _Talk:
    pgconn.send_query(message)
    yield from _flush(pgconn)
    results: list[PGresult] = []
    taken_back = False
    while True:
        while pgconn.is_busy():
            yield WAIT_R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            return results, taken_back
        if result.status == ExecStatus.COPY_IN:
            given = data(results)
            taken_back = given is None
            yield from _give(pgconn, given)
        else:
            results.append(result)


def _give(pgconn: PGconn, data: bytes | None) -> Generator[Wait, Ready | int, None]:
    if data is not None:
        while not pgconn.put_copy_data(data):
            yield from _flush(pgconn)
    while not pgconn.put_copy_end(_TAKEN_BACK if data is None else None):
        yield from _flush(pgconn)
    yield from _flush(pgconn)


def _flush(pgconn: PGconn) -> Generator[Wait, Ready | int, None]:
    """Send what libpq holds; a server that talks meanwhile is listened to, or both would wait."""
    while pgconn.flush():
        ready = yield WAIT_RW
        if ready & READY_R:
            pgconn.consume_input()
