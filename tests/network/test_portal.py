"""The portal's page: what it may load, what it gives away, and that its parts are all there."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.urls import resolve

from network import portal
from tracking.conversions import reasons

FOLDER = Path(portal.__file__).parent
STATIC = FOLDER / "static" / "portal"
MODULES = sorted([*STATIC.glob("*.js"), *STATIC.glob("rooms/*.js")])
IMPORT = re.compile(r'^import .* from "(.+)";$', re.MULTILINE)
ASKED = re.compile(r'\b(?:get|post|remove|file)\("([^"]+)"')
LOGIN = {"role": "finance", "email": "fay@network.example", "password": "a demo password"}


class Elements(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def demo(settings, tmp_path):
    """A demo network's file, where the settings look for it."""
    settings.STATE_DIR = tmp_path
    settings.MODE = "demo"
    key = {"affiliate": "pk_secret"}
    (tmp_path / "demo.json").write_text(json.dumps({"logins": [LOGIN], "keys": key, "urls": {}}))
    return settings


def page(path: str = "/") -> str:
    return Client().get(path).content.decode()


def demo_of_page() -> str | None:
    return next(attrs for tag, attrs in Elements(page()).found if tag == "body").get("data-demo")


def test_the_page_loads_from_its_own_origin_only():
    answer = Client().get("/")
    assert answer.status_code == 200
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_no_script_and_no_style_is_written_into_a_page(path):
    for tag, attrs in Elements(page(path)).found:
        assert tag != "style"
        assert tag != "script" or attrs["src"]
        assert not [name for name in attrs if name == "style" or name.startswith("on")]


def test_the_page_sets_the_token_that_its_writes_send():
    assert "csrftoken" in Client().get("/").cookies


def test_the_page_is_never_kept_by_a_cache():
    assert "no-store" in Client().get("/")["Cache-Control"]


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_every_address_of_a_page_is_served(db, path):
    # Closing an answer looks after connections, also one that an earlier test has left.
    addresses = [
        address
        for _, attrs in Elements(page(path)).found
        for name in ("src", "href")
        if (address := attrs.get(name) or "").startswith("/")
    ]
    assert addresses
    for address in addresses:
        answer = Client().get(address)
        answer.close()
        assert (address, answer.status_code) == (address, 200)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_what_is_there_and_opens_with_a_sentence(module):
    text = module.read_text()
    assert text.startswith("/** ")
    assert [name for name in IMPORT.findall(text) if not (module.parent / name).is_file()] == []


def test_every_reason_and_every_category_is_a_sentence():
    said = set(re.findall(r'^  (\w+): "', (STATIC / "verdict.js").read_text(), re.MULTILINE))
    assert said == {*reasons.CATEGORIES, *reasons.CATEGORIES.values()}


def test_every_module_is_used():
    imported = {
        (module.parent / name).resolve()
        for module in MODULES
        for name in IMPORT.findall(module.read_text())
    }
    assert imported == {*MODULES} - {STATIC / "main.js"}


def test_the_portal_asks_for_addresses_that_the_api_has():
    asked = {path for module in MODULES for path in ASKED.findall(module.read_text())}
    assert asked
    for path in asked:
        resolve(f"/api/v1/{path}")


def test_the_demo_network_shows_its_log_ins_and_no_keys(demo):
    assert json.loads(demo_of_page() or "") == [LOGIN]


@pytest.mark.parametrize("mode", ["test", "production"])
def test_log_ins_are_shown_in_a_demo_only(demo, mode):
    demo.MODE = mode
    assert demo_of_page() is None


def test_a_demo_without_its_file_yet_shows_none(demo, tmp_path):
    (tmp_path / "demo.json").unlink()
    assert demo_of_page() is None


def test_vendored_files_are_the_ones_written_down():
    note = (FOLDER / "VENDORED.md").read_text()
    sums = dict(re.findall(r"\| `([^`]+)` \| `([0-9a-f]{64})` \|", note))
    files = {path.name: path.read_bytes() for path in (STATIC / "vendor").iterdir()}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == sums
