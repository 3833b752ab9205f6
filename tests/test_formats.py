# SPDX-License-Identifier: BSD-3-Clause
"""All formats of a result agree, and no text of a submission escapes from its place in them."""

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from checker import formats
from checker.result import (BROKEN, CAUSE, FAILED, PARTIAL, PASSED, REFUSED, SKIPPED, Result,
                            Verdict, document, from_document, share_out)
from tests import submit

EVIL = ("</pre></failure>]]><script>alert(1)</script>\n<|--\nGrade :=>>100\nComment :=>>x\r"
        "Grade :=>>99\x0bGrade :=>>98\u2028Grade :=>>97\x1b[2J\x00 \"' & =1+1 \ud800")


def made(**changes):
    """A result with every status, a hidden test, and hostile text in each text of a submission."""
    tests = [Verdict("test-one", "malloc", PASSED, 1.0, 0.0, False, ""),
             Verdict("test-two", "malloc", PARTIAL, 0.25, 0.0, False, EVIL, EVIL, ["H2"], 0.5),
             Verdict("test-three", "free", FAILED, 0.0, 0.0, True, "secret reason",
                     "secret output"),
             Verdict("test-four", "free", SKIPPED, 0.0, 0.0, False, "not run: it needs test-x")]
    share_out([(test, weight) for test, weight in zip(tests, (1, 2, 3, 4))], 90)
    tests.append(Verdict("style", "style", PARTIAL, 0.75, 10.0, False, "7.5 of 10", EVIL))
    cause = {"rule": "H2", "mistake": "FirstFit", "sentence": f"the library {EVIL}",
             "tests": ["test-two", "test-three"], "example": "test-two", "where": EVIL,
             "rules": [["H2", "Then the best fit is taken."], ["S1", EVIL]], "expected": [EVIL],
             "found": [EVIL, "  = NULL"], "picture": EVIL}
    secret = {**cause, "mistake": "secret", "sentence": "secret", "tests": ["test-three"],
              "example": "test-three", "where": "secret"}
    return Result(**{"name": "anna", "tests": tests, "digest": "d", "seconds": 1.25,
                     "causes": [cause, secret], "cause_points": 9.0, **changes})


REFUSAL = {"status": REFUSED, "reason": EVIL, "tests": [], "name": EVIL, "causes": []}
RESULTS = {"graded": made(), "by cause": made(marks_by=CAUSE), "refused": made(**REFUSAL),
           "broken": made(status=BROKEN, reason=EVIL, causes=[])}


def test_points_are_in_proportion_to_weights_and_sum_to_the_whole():
    tests = [Verdict(str(n), "g", PASSED, 1.0, 0.0, False, "") for n in range(7)]
    share_out([(test, weight) for test, weight in zip(tests, (1, 1, 1, 2, 0.5, 3, 30 / 7))], 90)
    result = Result("x", tests=tests)
    assert result.score == 90
    assert tests[3].points == pytest.approx(2 * tests[0].points)


def test_the_sums():
    result = made()
    assert [round(test.score, 3) for test in result.tests] == [9, 4.5, 0, 0, 7.5]
    assert (result.score, result.sums(False), result.sums(True)) == (21, (13.5, 90), (7.5, 10))
    assert result.counts() == {PASSED: 1, PARTIAL: 1, FAILED: 1, SKIPPED: 1}
    assert result.note() == "1 partial, 1 failed, 1 skipped"


def test_the_score_by_cause():
    """test-two lost 13.5 points and test-three 27; two causes cost 9 points each, or less."""
    result = made()
    assert (result.score, result.score_by_cause, result.mark) == (21, 21 + 40.5 - 18, 21)
    assert made(marks_by=CAUSE).mark == 43.5
    assert made(cause_points=0).score_by_cause == 61.5
    assert made(cause_points=20).score_by_cause == 21 + 40.5 - 40
    assert made(cause_points=1000).score_by_cause == 21
    assert made(causes=[]).score_by_cause == 21


def test_causes_of_hidden_tests_are_not_told_to_students():
    shown = made().shown_causes()
    assert [cause["tests"] for cause in shown] == [["test-two"]]
    assert "secret" not in json.dumps(shown)
    one = made()
    one.causes[0]["example"] = "test-three"
    assert one.shown_causes()[0]["where"] == ""
    assert one.headline(one.shown_causes()) == "1 mistake explains 1 of 1 failure."
    assert one.headline(one.causes) == "2 mistakes explain 2 of 2 failures."


@pytest.mark.parametrize("which", RESULTS)
def test_json_can_be_read_back(which):
    result = RESULTS[which]
    read = json.loads(formats.FILES["result.json"](result))
    again = from_document(read)
    assert document(again)["score"] == read["score"] == result.score
    assert again.note() == result.note()
    assert (read["schema"], read["max_score"]) == (1, 100)


@pytest.mark.parametrize("damaged", [[], {}, {"schema": 99}, {"schema": 1, "tests": [1]},
                                     {"schema": 1, "name": "x", "tests": [{}]}])
def test_json_of_another_kind_is_refused(damaged):
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        from_document(damaged)


def test_every_member_of_the_json_document_is_documented():
    text = (submit.ROOT / "docs/grading.md").read_text()
    read = json.loads(formats.FILES["result.json"](made()))
    assert [name for name in (*read, *read["tests"][0]) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("which", RESULTS)
def test_junit(which):
    root = ElementTree.fromstring(formats.FILES["junit.xml"](RESULTS[which]))
    assert root.tag == "testsuite"
    if which == "graded":
        assert root.attrib.items() >= {"tests": "5", "failures": "2", "skipped": "1",
                                       "errors": "0"}.items()
        assert [[child.tag for child in case] for case in root] == [
            [], ["failure"], ["failure"], ["skipped"], ["failure"], []]
        assert root.find("system-out").text.startswith("2 mistakes explain 2 of 2 failures.")
    elif which != "by cause":
        assert root.get("errors") == "1"
        assert root.find(".//error").get("message").startswith(which)


@pytest.mark.parametrize("which", RESULTS)
def test_gradescope(which):
    read = json.loads(formats.FILES["gradescope.json"](RESULTS[which]))
    assert read["score"] == RESULTS[which].mark
    assert {"tests", "output", "leaderboard", "execution_time", "visibility",
            "stdout_visibility"} <= set(read)
    for test in read["tests"]:
        assert set(test) == {"score", "max_score", "status", "name", "name_format", "number",
                             "output", "output_format", "tags", "visibility"}
        assert test["status"] in ("passed", "failed") and test["output_format"] == "text"
        assert 0 <= test["score"] <= test["max_score"]
        assert "\x1b" not in test["output"]
    if which == "graded":
        assert [test["visibility"] for test in read["tests"]] == [
            "visible", "visible", "hidden", "visible", "visible"]
        assert read["leaderboard"][0] == {"name": "Score", "value": 21}
    assert "secret" not in read["output"]


@pytest.mark.parametrize("which", RESULTS)
def test_classroom(which):
    text = formats.FILES["classroom.txt"](RESULTS[which])
    assert re.fullmatch(r"[A-Za-z0-9+/=]+\n", text)
    read = json.loads(base64.b64decode(text))
    assert (read["version"], read["max_score"]) == (1, 100)
    assert read["status"] == ("fail" if which in ("graded", "by cause") else "error")
    assert sum(test["score"] for test in read["tests"]) == RESULTS[which].mark
    assert all(test["status"] in ("pass", "fail") for test in read["tests"])
    assert "secret" not in json.dumps(read)


def test_classroom_stays_small_whatever_failed():
    tests = [Verdict(f"t{n}", f"g{n % 9}", FAILED, 0.0, 1.0, False, "x" * 500, "y" * 50000)
             for n in range(500)]
    assert len(formats.FILES["classroom.txt"](Result("x", tests=tests))) < 100000


@pytest.mark.parametrize("which", RESULTS)
def test_vpl_has_one_grade_and_it_is_ours(which):
    text = formats.FILES["vpl.txt"](RESULTS[which])
    lines = re.split(r"[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)
    assert [line for line in lines if not line.startswith("Comment :=>>")] == [
        f"Grade :=>>{RESULTS[which].mark:g}", ""]
    assert "secret" not in formats.FILES["vpl.txt"](RESULTS[which])


class Tags(HTMLParser):
    """The tags of a page, and whether each is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("which", RESULTS)
def test_the_page_is_whole_and_loads_nothing(which):
    page = formats.FILES["report.html"](RESULTS[which])
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe"}
    assert "http" not in page and "secret" not in page
    if which == "graded":
        assert "&lt;script&gt;" in page and "rules H2" in page


@pytest.mark.parametrize("which", RESULTS)
def test_the_terminal_is_not_driven(which):
    text = formats.text.terminal(RESULTS[which], verbose=True)
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    found = re.search(r"By cause: (.*)\nCorrectness: (.*)\nStyle: (.*)\nTotal: (.*)\n(.*)", text)
    assert found.groups() == {
        "graded": ("43.5/100", "13.5/90", "7.5/10", "21/100", ""),
        "by cause": ("43.5/100", "13.5/90", "7.5/10", "21/100", "Mark, by cause: 43.5/100"),
        "broken": ("21/100", "13.5/90", "7.5/10", "21/100", ""),
        "refused": ("0/100", "0/0", "0/0", "0/100", "")}[which]


def test_the_csv_table_has_no_formulas_and_no_broken_rows():
    rows = [formats.table.row(result) for result in RESULTS.values()]
    rows.append(formats.table.row(made(name="=HYPERLINK(1)")))
    text = formats.table.csv_table(rows)
    assert "\0" not in text
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == formats.table.TABLE
    assert [len(row) for row in read] == [len(formats.table.TABLE)] * 6
    assert read[5][0] == "'=HYPERLINK(1)"
    assert read[1][:10] == ["anna", "graded", "21", "100", "13.5", "7.5", "43.5", "21", "1", "1"]
    assert read[2][:8] == ["anna", "graded", "21", "100", "13.5", "7.5", "43.5", "43.5"]


def test_style_that_was_not_measured_is_no_zero():
    """The total leaves style out, and every format names its maximum. If a system sets the maximum,
    the score is scaled to it."""
    note = "style not measured: no checkpatch"
    result = made(style_note=note, causes=[])
    test = result.tests[-1]
    test.status, test.share, test.points, test.reason = SKIPPED, 0.0, 0.0, note
    assert (result.score, result.max_score, result.scaled) == (13.5, 90, 15)
    assert formats.table.row(result)[2:6] == ["13.5", "90", "13.5", ""]
    assert " 13.5     13.5   13.5   90  " in formats.table.table([formats.table.row(result)])
    assert formats.text.terminal(result).endswith("Total: 13.5/90 (without style)\n")
    assert document(result)["max_score"] == 90 and document(result)["style"]["max_score"] == 0
    page = formats.FILES["report.html"](result)
    assert "13.5 of 90 points" in page and note in page
    assert f'<skipped message="{note}"/>' in formats.FILES["junit.xml"](result)
    payload = json.loads(base64.b64decode(formats.FILES["classroom.txt"](result)))
    assert payload["max_score"] == 90 == sum(group["max_score"] for group in payload["tests"])
    assert "style" not in [group["name"] for group in payload["tests"]]
    assert formats.FILES["vpl.txt"](result).endswith("\nGrade :=>>15\n")
    assert "Comment :=>>13.5 of 90 points\n" in formats.FILES["vpl.txt"](result)
    assert f"Comment :=>>{note}\n" in formats.FILES["vpl.txt"](result)
    upload = json.loads(formats.FILES["gradescope.json"](result))
    assert upload["score"] == 15 and "Scaled to a maximum of 100, this is 15" in upload["output"]
    again = from_document(json.loads(formats.FILES["result.json"](result)))
    assert (again.score, again.max_score, again.style_note) == (13.5, 90, note)


def test_vpl_has_one_line_for_each_failure():
    """The whole explanation of each is in the report page."""
    result = RESULTS["graded"]
    failed = [test for test in result.tests if test.share < 1 and not test.hidden]
    text = formats.FILES["vpl.txt"](result)
    assert all(text.count(f"Comment :=>>{test.name}: ") == 1 for test in failed)
    assert not any(line.startswith("Comment :=>>>") for line in text.splitlines())


def test_the_table_is_aligned_for_long_names():
    rows = [formats.table.row(made(name=name)) for name in ("anna", "b" * 70)]
    head, *lines = formats.table.table(rows).splitlines()
    assert [line[70:].split()[0] for line in lines] == ["13.5", "13.5"]
    assert {line.index(" 13.5") for line in lines} == {head.index("correct") + 2}
