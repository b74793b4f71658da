"""Texts as PostgreSQL's array literals, for where the driver's own adaptation takes too long."""

from collections.abc import Iterable


def array(texts: Iterable[str | None]) -> str:
    """The literal of a text[], without the quotes of SQL; None is NULL. No text holds NUL."""
    return "{" + ",".join(map(_element, texts)) + "}"


def _element(text: str | None) -> str:
    if text is None:
        return "NULL"
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
