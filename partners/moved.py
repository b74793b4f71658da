"""Ids of other platforms: whom their links and reports mean here, brought in by the thousand.

An import is taken whole or not at all, and may be repeated: what is there already is no fault.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.db import connection, models, transaction

from network import clock
from network.errors import BadInput, FieldError, default_message
from partners.models import Affiliate, ExternalId, Goal, Landing, Offer

ROWS_MAX: Final = 100_000
EXTERNAL_ID_MAX: Final = 64
COLUMNS: Final = ("kind", "external_id", "internal_id", "code")
_ID_MAX: Final = 2**63 - 1
_TABLES: Final[Mapping[str, type[models.Model]]] = MappingProxyType(
    {
        ExternalId.Kind.OFFER: Offer,
        ExternalId.Kind.AFFILIATE: Affiliate,
        ExternalId.Kind.LANDING: Landing,
        ExternalId.Kind.GOAL: Goal,
    }
)

_Name = tuple[str, str]  # kind and external id


class ExternalIdTaken(BadInput):
    """This id means something else already."""

    code = "external_id_taken"


class ExternalIdTwice(BadInput):
    """This id stands in two rows that do not agree."""

    code = "external_id_twice"


class NoInternalId(BadInput):
    """A row says what the id means by `internal_id` or, of an affiliate, by `code`: one of them."""

    code = "no_internal_id"


class TooManyRows(BadInput):
    """An import has at most 100,000 rows: send the rest in another."""

    code = "too_many_rows"


class ColumnsInvalid(BadInput):
    """The first line names the columns: kind, external_id, and internal_id or code or both."""

    code = "columns_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewId:
    """A row of an import, not checked yet; `internal_id` in digits, or an affiliate's `code`."""

    kind: str
    external_id: str
    internal_id: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an import did: ids that are new, that were there, that mean something else now."""

    added: int
    same: int
    replaced: int


class _Fault(Exception):
    """What is wrong with one row: with which member, the code, in words."""

    def __init__(self, member: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.member = member
        self.code = code
        self.detail = detail

    @classmethod
    def of(cls, member: str, kind: type[BadInput]) -> "_Fault":
        """An error that has words of its own."""
        return cls(member, kind.code, default_message(kind))

    def at(self, place: int) -> FieldError:
        """The fault of the row in this place, counted from 0."""
        return FieldError(f"/rows/{place}/{self.member}", self.code, self.detail)


def import_ids(rows: Sequence[NewId], dialect: str, *, replace: bool = False) -> Counts:
    """Take all rows or none; BadInput lists every fault, with pointers such as /rows/17/kind.

    An external id that means something else already is a fault unless `replace`; two rows that do
    not agree always are.
    """
    if len(rows) > ROWS_MAX:
        raise TooManyRows(pointer="/rows")
    with transaction.atomic():
        _take_turn(dialect)
        wanted = _checked(rows)
        there = _there(dialect, wanted.keys())
        changed = {name: id for name, id in there.items() if id != wanted[name]}
        if changed and not replace:
            raise BadInput(errors=list(_taken(rows, changed)))
        added = wanted.keys() - there.keys()
        _store(dialect, {name: wanted[name] for name in added | changed.keys()})
    return Counts(added=len(added), same=len(there) - len(changed), replaced=len(changed))


def forget(row: ExternalId) -> None:
    """Let an id mean nothing: links and reports that name it lead nowhere from now on."""
    row.delete()


def read_csv(lines: Iterable[str]) -> dict[int, NewId]:
    """The rows of a CSV file by the lines on which they end.

    The columns come in any order; blanks around values and empty lines do not matter. Raises
    ColumnsInvalid, for lines of another length too, TooManyRows, or BadInput for what is no CSV.
    """
    reader = csv.reader(lines, strict=True)
    rows: dict[int, NewId] = {}
    uneven = []
    try:
        names = [name.strip() for name in next(reader, [])]
        if not {"kind", "external_id"} < set(names) <= set(COLUMNS) or len(set(names)) < len(names):
            raise ColumnsInvalid()
        for values in reader:
            if not "".join(values).strip():
                continue
            if len(values) == len(names):
                row = {name: value.strip() for name, value in zip(names, values, strict=True)}
                rows[reader.line_num] = NewId(**row)
            else:
                uneven.append(reader.line_num)
            if len(rows) > ROWS_MAX:
                raise TooManyRows()
    except csv.Error as error:
        raise BadInput(f"Line {reader.line_num} is no CSV: {error}.") from None
    if uneven:
        count = len(names)
        raise ColumnsInvalid(f"Not {count} columns in line {', '.join(map(str, uneven))}.")
    return rows


def _take_turn(dialect: str) -> None:
    """One import of a dialect at a time: two at once would each find the other's ids missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"external_id {dialect}"]
        )


def _checked(rows: Sequence[NewId]) -> dict[_Name, int]:
    """What each external id means; BadInput with all faults."""
    codes = {row.code for row in rows if row.code.isprintable()}
    affiliates = dict(Affiliate.objects.filter(code__in=codes).values_list("code", "pk"))
    wanted: dict[_Name, int] = {}
    faults = []
    known = _known(rows)
    for place, row in enumerate(rows):
        try:
            id = _meaning(row, affiliates, known)
            if wanted.setdefault((row.kind, row.external_id), id) != id:
                raise _Fault.of("external_id", ExternalIdTwice)
        except _Fault as fault:
            faults.append(fault.at(place))
    if faults:
        raise BadInput(errors=faults)
    return wanted


def _meaning(row: NewId, affiliates: Mapping[str, int], known: Mapping[str, frozenset[int]]) -> int:
    """The id of ours that a row names, or _Fault."""
    if row.kind not in _TABLES:
        raise _Fault("kind", "invalid", f"A kind is one of {', '.join(_TABLES)}.")
    text = row.external_id
    if not (text and len(text) <= EXTERNAL_ID_MAX and text.isprintable()):
        detail = f"An id is 1 to {EXTERNAL_ID_MAX} characters that can be seen."
        raise _Fault("external_id", "invalid", detail)
    if bool(row.internal_id) == bool(row.code):
        raise _Fault.of("internal_id", NoInternalId)
    if row.code:
        if row.kind != ExternalId.Kind.AFFILIATE:
            raise _Fault("code", "invalid", "Only affiliates are known by a code.")
        if row.code not in affiliates:
            raise _Fault("code", "unknown_affiliate", f"There is no affiliate {row.code}.")
        return affiliates[row.code]
    id = _number(row.internal_id)
    if id is None:
        raise _Fault("internal_id", "invalid", "An id is a whole number.")
    if id not in known[row.kind]:
        raise _Fault("internal_id", f"unknown_{row.kind}", f"There is no {row.kind} {id}.")
    return id


def _known(rows: Sequence[NewId]) -> dict[str, frozenset[int]]:
    """Which of the ids of ours that are named exist, by kind."""
    named: dict[str, set[int]] = {kind: set() for kind in _TABLES}
    for row in rows:
        id = _number(row.internal_id)
        if row.kind in named and id is not None:
            named[row.kind].add(id)
    return {kind: _existing(_TABLES[kind], ids) for kind, ids in named.items()}


def _existing(table: type[models.Model], ids: set[int]) -> frozenset[int]:
    found: Any = table._default_manager.filter(pk__in=ids).values_list("pk", flat=True)
    return frozenset(found)


def _number(text: str) -> int | None:
    """The id that these digits say, None where a bigint cannot be meant."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_ID_MAX)):
        return None
    id = int(text)
    return id if id <= _ID_MAX else None


def _there(dialect: str, names: Iterable[_Name]) -> dict[_Name, int]:
    """What those of the names mean that are there."""
    wanted = set(names)
    rows = ExternalId.objects.filter(
        dialect=dialect, external_id__in={external_id for _, external_id in wanted}
    )
    found = rows.values_list("kind", "external_id", "internal_id")
    return {(kind, id): ours for kind, id, ours in found if (kind, id) in wanted}


def _taken(rows: Sequence[NewId], changed: Mapping[_Name, int]) -> Iterator[FieldError]:
    for place, row in enumerate(rows):
        ours = changed.get((row.kind, row.external_id))
        if ours is not None:
            detail = f"This is {row.kind} {ours} already: import with `replace` if that is wrong."
            yield _Fault("external_id", ExternalIdTaken.code, detail).at(place)


def _store(dialect: str, ids: Mapping[_Name, int]) -> None:
    """In one statement: each makes every tracker look at its configuration again."""
    now = clock.now()
    ExternalId.objects.bulk_create(
        (
            ExternalId(dialect=dialect, kind=kind, external_id=name, internal_id=id, created_at=now)
            for (kind, name), id in sorted(ids.items())
        ),
        update_conflicts=True,
        unique_fields=["dialect", "kind", "external_id"],
        update_fields=["internal_id"],
    )
