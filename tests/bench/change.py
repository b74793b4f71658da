"""How long a change of an offer takes until every process of a tracker acts on it."""

import http.client
import time
from pathlib import Path
from typing import Final

import psycopg

CHANGES: Final = 20
# So many answers in a row by new connections, which the system spreads: no process is as before.
IN_A_ROW: Final = 40
PATIENCE_S: Final = 10.0
_CHANGE: Final = """
UPDATE offer SET status = %s WHERE id = (SELECT offer_id FROM link WHERE code = %s)
"""


def slowest_ms(url: str, database: str, paths: Path) -> int:
    """Pause an offer and let it go on again, CHANGES times in all; the longest it took.

    Measured from the statement's end to the last answer of the old kind.
    """
    path = paths.read_text().split()[0]
    code = path.removeprefix("/c/").partition("?")[0]
    took_s = []
    with psycopg.connect(database, autocommit=True) as connection:
        for number in range(CHANGES):
            paused = number % 2 == 0
            connection.execute(_CHANGE, ["paused" if paused else "active", code])
            took_s.append(_until(url, path, status=404 if paused else 302))
    return round(max(took_s) * 1_000)


def _until(url: str, path: str, *, status: int) -> float:
    """Seconds until no process answers anything else any more."""
    began_s = last_s = time.monotonic()
    in_a_row = 0
    while in_a_row < IN_A_ROW:
        if _status(url, path) == status:
            in_a_row += 1
        else:
            in_a_row, last_s = 0, time.monotonic()
            if last_s - began_s > PATIENCE_S:
                raise TimeoutError(f"after {PATIENCE_S} s there are still old answers")
    return last_s - began_s


def _status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://").strip("/"), timeout=5)
    headers = {
        "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36",
        "Accept-Language": "de-DE",
        "X-Forwarded-For": "2.160.1.1",
    }
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status
