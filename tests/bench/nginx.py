"""nginx with a bare `return 302`: the least that a redirect can cost."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """
daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};
    uwsgi_temp_path {home}; scgi_temp_path {home};
    server {{ listen 127.0.0.1:{port}; location / {{ return 302 https://shop.example/; }} }}
}}
"""


@contextmanager
def nginx(port: int) -> Iterator[str]:
    """Run nginx on `port` and give its address."""
    with tempfile.TemporaryDirectory(prefix="peraction-nginx-") as home:
        path = Path(home) / "nginx.conf"
        path.write_text(CONFIGURATION.format(home=home, port=port))
        server = subprocess.Popen(["nginx", "-e", f"{home}/error.log", "-c", str(path)])
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(timeout=10)
