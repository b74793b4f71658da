"""The tracker's server: python -m tracking --port 8001 [--host 127.0.0.1] [--workers 1]."""

import argparse
import resource
from importlib import import_module
from typing import Final

import uvicorn

# Nothing that counts may be imported here: what starts the workers would have figures of its own.
from tracking.responses import IDLE_S

STOP_MAX_S: Final = 20


def main() -> None:
    """Serve until SIGTERM or SIGINT; what is queued is stored before the end."""
    parser = argparse.ArgumentParser(prog="python -m tracking")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1, help="processes, one for each core")
    wanted = parser.parse_args()
    # Who starts workers in an environment that is not fit starts them anew for ever.
    import_module("network.settings")
    # As many connections as the machine lets us have.
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    uvicorn.run(
        "tracking.asgi:app",
        interface="asgi3",
        host=wanted.host,
        port=wanted.port,
        workers=wanted.workers,
        http="tracking.protocol:Protocol",
        loop="uvloop",
        ws="none",
        lifespan="on",
        # Whom to believe about the visitor's address is `network.address`'s business.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        backlog=4096,
        timeout_keep_alive=int(IDLE_S),
        timeout_graceful_shutdown=STOP_MAX_S,
    )


if __name__ == "__main__":
    main()
