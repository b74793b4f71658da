"""The kernel's periodic tasks."""

from network.api import idempotency
from network.celery import app
from network.health import beat


@app.task(name="network.heartbeat")
def heartbeat() -> None:
    """Show that beat sends and a worker listens."""
    beat()


@app.task(name="network.prune_idempotency")
def prune_idempotency() -> int:
    """Forget answers that no retry will ask for."""
    return idempotency.prune()
