"""Servers that come in wheels: a PostgreSQL and a Valkey below one state directory."""


class EmbeddedError(RuntimeError):
    """A server cannot be started or stopped; the message says why and what to do."""
