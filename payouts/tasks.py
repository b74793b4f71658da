"""The jobs of payouts: thin, since what is due lies in rows and the verbs know it."""

from network.celery import app
from payouts import commissions


@app.task(name="payouts.accrue")
def accrue() -> None:
    """Take what tracking has handed on into the books."""
    while commissions.accrue():
        pass


@app.task(name="payouts.release")
def release() -> None:
    """Make payable what has been held long enough."""
    while commissions.release():
        pass
