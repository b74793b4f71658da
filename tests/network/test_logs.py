"""Logs carry no secret, wherever in an event it stands."""

import io
import json
import logging
import logging.config

import pytest
import structlog

from network.logs import HIDDEN, drop_colours, logging_config, redact, redacted_text

CANARY = "DE89370400440532013000"


@pytest.mark.parametrize(
    "name",
    ["authorization", "Authorization", "api_key", "token", "sig", "iban", "payee_iban", "email",
     "password", "signature", "Peraction-Signature", "cookie", "client_secret"],
)  # fmt: skip
def test_a_telling_name_hides_its_value(name):
    assert redact(None, "info", {name: "value", "inner": {name: ["value"]}}) == {
        name: HIDDEN,
        "inner": {name: HIDDEN},
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /postback?a=1&token=abc&b=2", f"GET /postback?a=1&token={HIDDEN}&b=2"),
        ("sent Bearer pk_abc_0123456789", f"sent Bearer {HIDDEN}"),
        ("ask anna@shop.example about it", f"ask {HIDDEN} about it"),
        ("to DE89 3704 0044 0532 0130 00 today", f"to {HIDDEN} today"),
        ("refused\nDETAIL:  Key (a)=(b).\nin x", f"refused\nDETAIL: {HIDDEN}\nin x"),
        ("postgresql://app:pw@db/x", f"postgresql://{HIDDEN}@db/x"),
        ("order 1001 of 49.90 EUR at 2026-11-22T10:00:00Z", None),
        ("01a20127-09d6-765e-b334-a3b5b00f58e3", None),
    ],
)
def test_a_secret_is_known_by_its_look(text, shown):
    assert redacted_text(text) == (shown or text)


@pytest.mark.parametrize("readable", [True, False])
def test_tracebacks_and_arguments_are_redacted_too(readable):
    stream = io.StringIO()
    config = logging_config(readable=readable, level="INFO")
    formatter = structlog.stdlib.ProcessorFormatter(
        **{name: value for name, value in config["formatters"]["event"].items() if name != "()"}
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("test_logs")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        raise ValueError(f"no such account {CANARY}")
    except ValueError:
        logger.exception("payout to %s failed", CANARY, extra={"iban": CANARY})
    assert CANARY not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert readable or json.loads(stream.getvalue())["level"] == "error"


def test_what_uvicorn_says_in_colours_is_said_once():
    event = {"event": "Started", "color_message": "Started \x1b[36m7\x1b[0m"}
    assert drop_colours(None, "info", event) == {"event": "Started"}
