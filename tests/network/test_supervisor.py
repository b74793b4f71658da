"""The supervisor over small programs of its own: killed leaders, dead groups, leftovers, order."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from network.embedded.process import ends_within, started_at
from network.supervisor import Child, ChildProcess, Supervisor, end_leftovers

ROOT = Path(__file__).resolve().parents[2]
# A leader with one worker; the worker's number is written to the file that is named.
LEADER = """
import pathlib, subprocess, sys, time
worker = subprocess.Popen(["sleep", "60"])
pathlib.Path(sys.argv[1]).write_text(str(worker.pid))
time.sleep(60)
"""


@pytest.fixture
def supervisor(tmp_path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.hasten()
    supervisor.stop()


def child(state: Path, name: str, *argv: str) -> ChildProcess:
    return ChildProcess(Child(name=name, argv=argv, env=dict(os.environ)), state)


def leader(state: Path, name: str) -> ChildProcess:
    return child(state, name, sys.executable, "-c", LEADER, str(state / f"{name}.worker"))


def until(condition: Callable[[], object], supervisor: Supervisor | None = None) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        if supervisor:
            supervisor.tick()
        time.sleep(0.02)


def worker_of(state: Path, name: str) -> int:
    file = state / f"{name}.worker"
    until(lambda: file.exists() and file.read_text())
    return int(file.read_text())


def recorded(state: Path) -> dict[str, int]:
    return json.loads((state / "run" / "pids.json").read_text())


def test_the_group_of_a_killed_leader_is_ended_and_it_starts_again(tmp_path, supervisor):
    supervisor.start(leader(tmp_path, "web"))
    worker, first = worker_of(tmp_path, "web"), supervisor.pids()["web"]
    os.kill(first, signal.SIGKILL)

    until(lambda: supervisor.pids().get("web", first) != first, supervisor)
    assert ends_within(worker, 1)
    assert recorded(tmp_path) == supervisor.pids()


def test_what_keeps_dying_is_tried_less_and_less_often(tmp_path, supervisor, capsys):
    supervisor.start(child(tmp_path, "beat", "false"))
    printed = ""

    def tried_three_times() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return printed.count("next try") == 3

    until(tried_three_times, supervisor)
    delays = [line.split()[-2] for line in printed.splitlines() if "next try" in line]
    assert delays == ["0.2", "0.4", "0.8"]


def test_a_dead_child_is_no_longer_in_the_record(tmp_path, supervisor):
    supervisor.start(child(tmp_path, "worker", "sleep", "60"))
    supervisor.start(child(tmp_path, "beat", "true"))
    until(lambda: list(recorded(tmp_path)) == ["worker"], supervisor)


def test_services_stop_in_reverse_order_with_a_line_each(tmp_path, supervisor, capsys):
    for name in ("tracker", "web", "worker"):
        supervisor.start(leader(tmp_path, name))
    workers = [worker_of(tmp_path, name) for name in ("tracker", "web", "worker")]
    supervisor.stop()
    stopped = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert stopped == ["worker", "web", "tracker"]
    assert all(ends_within(pid, 1) for pid in workers)
    assert recorded(tmp_path) == {}


def test_a_child_writes_to_its_log(tmp_path, supervisor):
    process = child(tmp_path, "web", "echo", "hello")
    supervisor.start(process)
    until(lambda: process.log.read_text() == "hello\n")


def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path):
    left = leader(tmp_path, "web")
    Supervisor(tmp_path).start(left)
    worker = worker_of(tmp_path, "web")
    os.kill(left.pid, signal.SIGKILL)
    assert started_at(worker)

    assert end_leftovers(tmp_path) == ["web"]
    assert ends_within(worker, 1)
    left.stop()


def test_a_number_that_is_somebody_elses_by_now_is_left_alone(tmp_path):
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        (tmp_path / "run").mkdir()
        group = {"pid": stranger.pid, "started": "another time"}
        (tmp_path / "run" / "groups.json").write_text(json.dumps({"web": group}))
        assert end_leftovers(tmp_path) == []
        assert stranger.poll() is None
        stranger.kill()


def run_stack(state: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "network.stack", "--state", str(state)],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_busy_port_is_named_with_the_way_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = run_stack(tmp_path, WEB_PORT=port)
    assert answer.returncode == 1
    assert f"Port {port} is not free" in answer.stdout
    assert "make run WEB_PORT=NUMBER" in answer.stdout


def test_a_second_run_says_that_one_is_running(tmp_path):
    with (tmp_path / "run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = run_stack(tmp_path)
    assert answer.returncode == 1
    assert "Another `make run` works on" in answer.stdout


def test_a_port_that_is_no_number_is_refused(tmp_path):
    answer = run_stack(tmp_path, TRACKER_PORT="eighty")
    assert answer.returncode == 1
    assert "TRACKER_PORT=eighty is not a port number" in answer.stdout


@pytest.mark.parametrize(
    "ports", [{"WEB_PORT": "9000", "TRACKER_PORT": "9000"}, {"WEB_PORT": "8001"}]
)
def test_one_port_for_two_servers_is_refused_before_anything_starts(tmp_path, ports):
    answer = run_stack(tmp_path / "state", **ports)
    assert answer.returncode == 1
    assert "WEB_PORT and TRACKER_PORT are both" in answer.stdout
    assert not (tmp_path / "state").exists()


def stack(state, *words):
    """`python -m network.stack` on the directory that the environment names, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "network.stack", *words],
        env=os.environ | {"STATE_DIR": str(state)},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_state_dir_says_where_it_runs_and_whether_it_does(tmp_path):
    stopped = stack(tmp_path, "--running")
    assert (stopped.returncode, "Nothing is running" in stopped.stdout) == (1, True)
    with (tmp_path / "run.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert stack(tmp_path, "--running").returncode == 0
        assert f"works on {tmp_path} already" in stack(tmp_path).stdout
    assert stack(tmp_path, "--running").returncode == 1


def test_a_directory_that_it_never_used_is_not_deleted(tmp_path):
    (tmp_path / "mine").touch()
    assert stack(tmp_path, "--discard").returncode == 1
    assert (tmp_path / "mine").exists()
    assert stack(tmp_path / "nothing", "--discard").returncode == 0
    (tmp_path / "run.lock").touch()
    assert stack(tmp_path, "--discard").returncode == 0
    assert not tmp_path.exists()
