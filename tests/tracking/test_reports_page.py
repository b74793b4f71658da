"""The page for shops cannot rot: its example signs as we verify, and no code is missing."""

import contextlib
import io
import re

from tests.kinds import all_codes
from tests.running import ROOT
from tracking import schema
from tracking.conversions import refusals, signature
from tracking.conversions.message import FIELDS, read
from tracking.conversions.verdicts import ACCEPTED, DUPLICATE, WAITING

PAGE = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| (\d{3}) \| (.*?) \|", re.MULTILINE)
# No report is answered with it: those below it are.
ABSTRACT = {"not_configured"}


def coded():
    """(status, code) of every row of the page's answers."""
    return [(int(status), code) for status, codes in ROW.findall(PAGE) for code in _words(codes)]


def _words(text):
    return re.findall(r"`(\w+)`", text)


def test_the_example_runs_and_its_signature_is_right():
    ((program, shown),) = EXAMPLE.findall(PAGE)
    printed = io.StringIO()
    names = {}
    with contextlib.redirect_stdout(printed):
        exec(program, names)
    assert printed.getvalue().strip() == shown
    method, _, target = shown.partition(" ")
    path, _, query = target.partition("?")
    said = read(method=method, path=path, query=query.encode(), headers={}, body=b"")
    found = signature.find(said.query, said.signing, said.headers)
    found.check(names["secret"], method=method, path=path, body=b"")


def test_every_refusal_of_a_report_is_on_the_page_with_its_status():
    own = [
        kind
        for kind in vars(refusals).values()
        if getattr(kind, "__module__", "") == refusals.__name__
    ]
    missing = {(int(kind.status), kind.code) for kind in own} - set(coded())
    assert {code for _, code in missing} == ABSTRACT
    assert len(coded()) == len(set(coded()))


def test_every_code_on_the_page_is_one_of_ours():
    kinds = all_codes()
    for status, code in coded():
        if status >= 400:
            assert int(kinds[code].status) == status, code
        else:
            assert code in (ACCEPTED, DUPLICATE, WAITING)


def test_page_and_description_have_every_field_that_is_read():
    table = PAGE.partition("## Parameters")[2].partition("\n\nIn JSON")[0]
    named = {name for line in table.splitlines() for name in _words("|".join(line.split("|")[:2]))}
    assert named == FIELDS
    paths = schema.with_the_tracker({"paths": {}})["paths"]
    for method in ("get", "post"):
        sent = paths["/postback"][method]["parameters"]
        assert {each["name"] for each in sent if each["in"] == "query"} == FIELDS
