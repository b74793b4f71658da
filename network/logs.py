"""Structured logs: one event a line, JSON in production, with nothing secret in them."""

import re
from collections.abc import MutableMapping
from typing import Any

import psycopg
import structlog
from structlog.typing import EventDict, Processor

HIDDEN = "[hidden]"
_HIDDEN_NAMES = re.compile(
    r"authorization|password|passwd|secret|token|iban|e_?mail|signature|cookie|api_?key|credential"
    r"|^(sig|key|nonce)$",
    re.IGNORECASE,
)
# What gives a secret away in the middle of a text: a message, an address, a traceback.
_HIDDEN_TEXTS = (
    (re.compile(r"\b(Bearer|Basic|Key)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(sig|token|nonce|key|secret|password)=[^&\s'\"]+", re.I), rf"\1={HIDDEN}"),
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), HIDDEN),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), HIDDEN),
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), f"://{HIDDEN}@"),
    # Where PostgreSQL quotes the row that it refused.
    (re.compile(r"^(DETAIL|CONTEXT):.*$", re.MULTILINE), rf"\1: {HIDDEN}"),
)
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def drop_colours(logger: object, method: str, event: EventDict) -> EventDict:
    """Leave out uvicorn's second text of a message, which is for terminals."""
    event.pop("color_message", None)
    return event


def redact(logger: object, method: str, event: EventDict) -> EventDict:
    """Hide keys, tokens, signatures, bank accounts and e-mail addresses, by name and by look."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if _HIDDEN_NAMES.search(name) and value is not None:
        return HIDDEN
    if isinstance(value, MutableMapping):
        return {key: _redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted("", inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redacted_text(str(value))


def redacted_text(text: str) -> str:
    """The text without what looks like a credential, a bank account or an e-mail address."""
    for pattern, shown in _HIDDEN_TEXTS:
        text = pattern.sub(shown, text)
    return text


def database_facts(error: BaseException) -> dict[str, str]:
    """What may be logged of a database's error: its kind and the rule that was broken.

    The server's words are left out, since they quote values of the row. An error without a
    `sqlstate` comes from the way to the server and quotes none.
    """
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.sqlstate is None:
        return {"kind": type(error).__name__, "error": str(error)}
    facts = {
        "kind": type(cause).__name__,
        "sqlstate": cause.sqlstate,
        "table": cause.diag.table_name,
        "constraint": cause.diag.constraint_name,
    }
    return {name: value for name, value in facts.items() if value}


def configure_structlog() -> None:
    """Send structlog's events through the standard library, so that one formatter sees all."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(*, readable: bool, level: str) -> dict[str, Any]:
    """The LOGGING setting: everything to stderr, for people or as JSON."""
    renderer: Processor = structlog.processors.JSONRenderer()
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback, colors=False
        )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            drop_colours,
            redact,
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"event": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # httpx logs every address that it calls, with the query in it.
            "httpx": {"level": "WARNING"},
            # Ten sweeps a second that find nothing are no news.
            "celery.app.trace": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }
