"""The states of a conversion and the moves between them; plain, as the tracker loads no models."""

from collections.abc import Mapping
from typing import Final

PENDING: Final = "pending"
OVER_CAP: Final = "over_cap"
UNFUNDED: Final = "unfunded"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
REVERSED: Final = "reversed"

# From -> all that may follow; the trigger `conversion_move` holds the same table. A conversion may
# also stay where it is: held, sent to review, part reversed.
MOVES: Final[Mapping[str, frozenset[str]]] = {
    OVER_CAP: frozenset({PENDING, REJECTED}),
    UNFUNDED: frozenset({PENDING, REJECTED}),
    PENDING: frozenset({APPROVED, REJECTED}),
    APPROVED: frozenset({REVERSED}),
    REJECTED: frozenset({APPROVED}),
    REVERSED: frozenset(),
}
