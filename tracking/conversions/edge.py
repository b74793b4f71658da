"""Reports over HTTP, each answered with what was stored of it, after the commit."""

from collections import Counter
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import structlog

from network import clock
from network.errors import MethodNotAllowed, PeractionError, Unauthenticated, Unavailable
from network.ids import uuid7
from partners.snapshot import Snapshot
from partners.watcher import Watcher
from tracking import metrics
from tracking.asked import read_body
from tracking.batches import Batches
from tracking.conversions import dialects, evidence, message
from tracking.conversions.answers import Answer, tell_error
from tracking.conversions.authentication import Sender, authenticate
from tracking.conversions.desk import Desk
from tracking.conversions.dialects import Dialect
from tracking.conversions.evidence import Authenticated
from tracking.conversions.message import Message
from tracking.conversions.refusals import BodyTooLarge, SignatureExpired
from tracking.responses import Receive, Scope, Send

log = structlog.get_logger(__name__)

PATH: Final = "/postback"
TUNE_PATH: Final = "/aff_lsr"
DIALECTS: Final[Mapping[str, Dialect]] = {PATH: dialects.OWN, TUNE_PATH: dialects.TUNE}
BODY_MAX: Final = 65_536
BATCH_MAX: Final = 256
WAITING_MAX: Final = 5_000
_METHODS: Final = ("GET", "POST")


class ReportEdge:
    """Answers the paths of DIALECTS; `refused` counts, by code, what was turned away unstored."""

    def __init__(self, watcher: Watcher, desk: Desk) -> None:
        self.refused: Counter[str] = Counter()
        self._watcher = watcher
        self._desk = desk
        self._batches: Batches[Authenticated, Answer] = Batches(
            self._take, batch_max=BATCH_MAX, waiting_max=WAITING_MAX
        )

    async def run(self) -> None:
        """Take in what is queued, until cancelled."""
        await self._batches.run()

    async def drain(self, *, patience_s: float) -> None:
        """Return when everything queued is answered, or after `patience_s`."""
        await self._batches.drain(patience_s=patience_s)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read one report, take it in, tell its sender."""
        request_id = uuid7()
        dialect = DIALECTS[scope["path"]]
        try:
            answer = await self._report(request_id, dialect, scope, receive)
        except PeractionError as error:
            answer = tell_error(request_id, error)
        except Exception:
            log.exception("report.failed", request_id=str(request_id))
            answer = tell_error(request_id, PeractionError())
        await dialect.tell(send, answer, (b"x-request-id", str(request_id).encode()))

    async def _report(
        self, request_id: UUID, dialect: Dialect, scope: Scope, receive: Receive
    ) -> Answer:
        read: Message | None = None
        try:
            if scope["method"] not in _METHODS:
                raise MethodNotAllowed()
            read = await _message(scope, receive, dialect)
            said, sender = await self._sender(read, dialect)
        except PeractionError as error:
            self._count(request_id, error, read)
            raise
        return await self._batches.add(
            Authenticated(
                id=request_id,
                received_at=clock.now(),
                advertiser_id=sender.advertiser.id,
                auth=sender.auth,
                nonce=sender.nonce,
                method=read.method,
                query=read.stored_query,
                body=read.stored_body,
                evidence=evidence.read(said.fields),
            )
        )

    async def _sender(self, read: Message, dialect: Dialect) -> tuple[Message, Sender]:
        """The message as we would say it, and who sent it."""
        try:
            return self._authenticated(read, dialect)
        except SignatureExpired:
            raise
        except Unauthenticated:
            # Perhaps the advertiser, its key or its token was made a moment ago.
            await self._watcher.version_check()
            return self._authenticated(read, dialect)

    def _authenticated(self, read: Message, dialect: Dialect) -> tuple[Message, Sender]:
        snapshot = self._snapshot()
        said = dialect.ours(read, snapshot)
        return said, authenticate(said, snapshot, clock.now())

    async def _take(self, reports: list[Authenticated]) -> list[Answer | Exception]:
        return [*await self._desk.take(reports, self._snapshot())]

    def _snapshot(self) -> Snapshot:
        if self._watcher.snapshot is None:
            raise Unavailable("the configuration is not loaded yet")
        return self._watcher.snapshot

    def _count(self, request_id: UUID, error: PeractionError, read: Message | None) -> None:
        self.refused[error.code] += 1
        metrics.REFUSED.labels("report", error.code).inc()
        advertiser = str(read.fields.get("advertiser", ""))[:40] if read else ""
        log.info(
            "report.refused", code=error.code, advertiser=advertiser, request_id=str(request_id)
        )


async def _message(scope: Scope, receive: Receive, dialect: Dialect) -> Message:
    headers = dict(scope["headers"])
    declared = headers.get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > BODY_MAX:
        raise BodyTooLarge()
    return message.read(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"],
        headers=headers,
        body=await read_body(receive, BODY_MAX, BodyTooLarge),
        names=dialect.names,
    )
