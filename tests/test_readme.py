"""The README cannot rot: its story runs as written, and its settings are there."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.running import ROOT, Running

README = (ROOT / "README.md").read_text(encoding="utf-8")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_BETWEEN = "=== the next block ==="
# `make manage` looks at var/, where the network of this test is not.
_MAKE = """
make() { (. "$STATE/run/environment" && "$PYTHON" manage.py "${2#CMD=}"); }
"""


@dataclass(frozen=True)
class Step:
    """Lines of shell, and what they shall print; None where the page does not say."""

    shell: str
    expected: str | None


def section(title: str) -> str:
    """The text below a heading, up to the next one of its kind."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def steps(text: str) -> list[Step]:
    """Every `sh` block, with the `text` block that follows it."""
    blocks = _FENCE.findall(text)
    following = [*blocks[1:], ("", "")]
    return [
        Step(body, answer if kind == "text" else None)
        for (language, body), (kind, answer) in zip(blocks, following, strict=True)
        if language == "sh"
    ]


def matches(printed: str, expected: str) -> bool:
    """Whether this was printed, blanks and line ends aside; `…` stands for anything."""
    parts = "".join(expected.split()).split("…")
    pattern = ".*".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, "".join(printed.split())) is not None


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The demo network, running."""
    running = Running(tmp_path_factory.mktemp("readme"), mode="demo", seed=True)
    try:
        yield running.start()
    finally:
        running.stop()


def on_its_ports(text: str, network: Running) -> str:
    """The page as it would be written for this network."""
    return text.replace("127.0.0.1:8000", f"127.0.0.1:{network.web_port}").replace(
        "127.0.0.1:8001", f"127.0.0.1:{network.tracker_port}"
    )


def run(blocks: list[str], network: Running) -> list[str]:
    """What each block printed, all in one bash that ends at the first line that fails."""
    script = f"\necho '{_BETWEEN}'\n".join(["set -euo pipefail", *blocks])
    ran = subprocess.run(
        ["bash", "-c", _MAKE + script],
        cwd=ROOT,
        env=os.environ | {"STATE": str(network.state), "PYTHON": str(ROOT / ".venv/bin/python")},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout.split(f"{_BETWEEN}\n")[1:]


def test_the_story_runs_as_written(network):
    story = steps(on_its_ports(section("The story"), network))
    printed = run([step.shell for step in story], network)
    for step, said in zip(story, printed, strict=True):
        if step.expected is not None:
            assert matches(said, step.expected), f"{step.shell}\n{said}\n!=\n{step.expected}"


def test_every_step_of_the_second_half_says_so_where_no_run_waits():
    shells = [step.shell for step in steps(section("The story"))]
    first = next(index for index, shell in enumerate(shells) if shell.startswith("RUNS="))
    (hint,) = re.findall(r'^NONE=".*"$', shells[first], re.MULTILINE)
    told = [shell for shell in shells[first + 1 :] if "$RUN" in shell or "${RUN" in shell]
    assert len(told) == 4
    for shell in told:
        script = f"API=none FELIX= FAY= JSON= RUN=\n{hint}\n{shell}"
        ran = subprocess.run(
            ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=20
        )
        assert ran.stdout == ""
        assert set(re.findall(r"RUN: (.*)", ran.stderr)) == {hint.split('"')[1]}, ran.stderr
        assert "Traceback" not in ran.stderr


def test_the_story_tells_what_every_step_but_the_first_prints():
    story = steps(section("The story"))
    assert len(story) > 10
    assert all(step.expected for step in story[1:])


def test_the_table_has_every_setting_that_is_read_with_its_default():
    table = [line.split("|") for line in section("Real servers").splitlines() if "| `" in line]
    shown = {name: row[2] for row in table for name in re.findall(r"`([A-Z_]+)`", row[1])}
    source = (ROOT / "network" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env_\w+\(\s*"([A-Z_]+)"', source))
    assert len(read) > 30
    assert set(shown) == read
    for name, default in re.findall(r'env_int\("([A-Z_]+)", .*?([0-9][0-9_]+)[,)]', source):
        assert shown[name].strip() == default.replace("_", ""), name


def test_every_page_that_it_leads_to_is_there():
    links = re.findall(r"\]\(([\w/]+(?:\.md)?)\)", README)
    assert links
    assert all(Path(ROOT, link).exists() for link in links)
