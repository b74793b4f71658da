"""A real Chromium, asked over its debugging pipe; tests that need it are skipped without one."""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 30
# The pipe is where Chromium looks for it: it reads from 3 and writes to 4.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


@contextmanager
def browser(profile: Path) -> Iterator["Browser"]:
    """A Chromium without windows, for as long as this lasts."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("needs a Chromium")
    command = [
        found, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server",
        "--disable-background-networking", "about:blank",
    ]  # fmt: skip
    if os.geteuid() == 0:
        command.insert(1, "--no-sandbox")
    to_it, ours = _pipe()
    theirs, from_it = _pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, str(to_it), str(from_it), *command],
        pass_fds=(to_it, from_it),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_it)
    os.close(from_it)
    try:
        yield Browser(theirs, ours)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
        os.close(ours)
        os.close(theirs)


class Browser:
    """Speaks the DevTools protocol."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads = reads
        self._writes = writes
        self._numbers = count(1)
        self._unread = b""
        self._events: list[dict[str, Any]] = []

    def page(self, before: str = "") -> "Page":
        """An empty page of somebody who was never here; `before` runs ahead of all its scripts."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
            "sessionId"
        ]
        page = Page(self, session, context)
        page.ask("Page.enable")
        page.ask("Runtime.enable")
        if before:
            page.ask("Page.addScriptToEvaluateOnNewDocument", source=before)
        return page

    def ask(self, method: str, session: str = "", **params: Any) -> Any:
        """The result of a call."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._events.append(answer)

    def wait_for(self, method: str, session: str) -> Any:
        """What the next event of this name says."""
        while True:
            for event in self._events:
                if event.get("method") == method and event.get("sessionId") == session:
                    self._events.remove(event)
                    return event["params"]
            self._events.append(self._next())

    def told(self, method: str, session: str) -> list[Any]:
        """What events of this name have said so far."""
        return [
            event["params"]
            for event in self._events
            if event.get("method") == method and event.get("sessionId") == session
        ]

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._reads], [], [], deadline - time.monotonic())
            assert ready, "the browser says nothing"
            self._unread += os.read(self._reads, 1 << 20)
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)


@dataclass(frozen=True)
class Page:
    """A page of a browser."""

    browser: Browser
    session: str
    context: str

    def ask(self, method: str, **params: Any) -> Any:
        return self.browser.ask(method, self.session, **params)

    def go(self, url: str, **how: str) -> None:
        """Follow a link to this address, or, told `referrer`, one on that page; wait for it."""
        self.ask("Page.navigate", url=url, **how)
        self.browser.wait_for("Page.loadEventFired", self.session)

    def reload(self) -> None:
        self.ask("Page.reload")
        self.browser.wait_for("Page.loadEventFired", self.session)

    def run(self, expression: str) -> Any:
        """The value of an expression, awaited where it is a promise."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def cookies(self) -> dict[str, dict[str, Any]]:
        """The cookies of this visitor by name, on whatever site."""
        found = self.browser.ask("Storage.getCookies", browserContextId=self.context)["cookies"]
        return {cookie["name"]: cookie for cookie in found}

    def errors(self) -> list[str]:
        """What was thrown in the page and caught by nobody."""
        thrown = self.browser.told("Runtime.exceptionThrown", self.session)
        return [each["exceptionDetails"]["text"] for each in thrown]


def _pipe() -> tuple[int, int]:
    """A pipe whose ends are out of the way of 3 and 4."""
    low = os.pipe()
    reads, writes = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in low)
    for end in low:
        os.close(end)
    return reads, writes
