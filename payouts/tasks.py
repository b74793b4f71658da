"""The jobs of payouts: thin, since what is due lies in rows and the verbs know it."""

from network.celery import app, until_empty
from payouts import commissions


@app.task(name="payouts.accrue")
def accrue() -> int:
    """Take what tracking has handed on into the books."""
    return until_empty(commissions.accrue)


@app.task(name="payouts.release")
def release() -> int:
    """Make payable what has been held long enough."""
    return until_empty(commissions.release)
