# SPDX-License-Identifier: BSD-3-Clause
"""The command line of run_tests.py: what it prints, what it writes, how it ends."""

import dataclasses
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests import small_suite
from tests.harness import build, session
from tests.small_suite import PART, library, part_suite, run, run_part

LINE = re.compile(r"(test-\S+) +\.{24} (passed|failed) \.\.\.([ \d]{3}\d)")
ESCAPE = "\x1b"


def results(output):
    """[(name, word, points)] of all result lines in what run_tests.py printed."""
    matches = [LINE.fullmatch(line) for line in output.splitlines()]
    return [(match[1], match[2], int(match[3])) for match in matches if match]


def refused(done, *parts):
    """Check that a run ended with status 2 and one line that contains all these texts."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(r"run_tests: [^\n]+; [^\n]+\n", done.stderr), done.stderr
    assert all(part in done.stderr for part in parts), done.stderr


# ---- lines, totals, exit status -------------------------------------------------------------

def test_all_passed():
    done = run_part("NONE")
    assert (done.returncode, done.stderr) == (0, "")
    assert results(done.stdout) == [(name, "passed", points) for name, points in PART.items()]
    assert done.stdout.endswith("\n\nTotal: 20/20\n")


def test_exact_lines():
    lines = run_part("NONE").stdout.splitlines()
    assert lines[0] == "test-malloc-first-use-preallocates ........................ passed ...   1"
    assert lines[3] == "test-realloc-mapping-resizes       ........................ passed ...  12"


def test_one_failed():
    done = run_part("MAPS_PAGES")
    assert done.returncode == 1
    failed = [name for name, word, _ in results(done.stdout) if word == "failed"]
    assert failed == ["test-realloc-mapping-resizes", "test-free-unmaps"]
    assert f"{'test-free-unmaps':34} ........................ failed ...   0\n" in done.stdout
    assert "\n\nTotal: 5/20\n" in done.stdout


def test_committed_suite_has_90_points():
    lines = run("--list").stdout.splitlines()
    assert sum(int(line.split()[1]) for line in lines) == 90
    assert len(lines) >= 60


def test_part_says_that_it_is_one():
    assert run_part("NONE", "free-*").stdout.endswith("\nTotal: 4/4 (2 of 6 tests)\n")


def test_suite_order_although_later_ones_end_first(tmp_path):
    suite = small_suite.make_suite(tmp_path / "suite", {})
    for number, pause in enumerate((300, 0, 100, 0)):
        small_suite.add_program(suite, f"test-own-{number}", f"\tusleep({pause * 1000});")
    done = run("--suite", suite, "--library", library(), "-j", 4, "own-3", "own-*")
    assert [name for name, _, _ in results(done.stdout)] == [f"test-own-{n}" for n in range(4)]
    assert done.returncode == 0


# ---- names ----------------------------------------------------------------------------------

@pytest.mark.parametrize("names", [
    ["test-free-null"], ["free-null"], ["free-null.c"], ["tests/snippets/test-free-null.c"],
    ["free-nul?"], ["*-null", "free-null"], ["test-free-null.ref"],
])
def test_ways_to_name_a_test(names):
    assert results(run_part("NONE", *names).stdout) == [("test-free-null", "passed", 1)]


def test_named_tests_keep_suite_order():
    done = run_part("NONE", "free-null", "-j", "1", "malloc-grows-free-last")
    assert [name for name, _, _ in results(done.stdout)] == ["test-malloc-grows-free-last",
                                                             "test-free-null"]


@pytest.mark.parametrize("name, near", [
    ("free-nul", "test-free-null"), ("test-fre-null.c", "test-free-null"),
    ("unmaps", "test-free-unmaps"), ("zzzzz", "--list"),
])
def test_unknown_name(name, near):
    refused(run_part("NONE", "free-null", name), f"'{name}'", near)


def test_list():
    done = run("--suite", part_suite(), "--list", "free-*")
    assert done.stdout == "test-free-null     1  free\ntest-free-unmaps   3  free\n"
    assert done.returncode == 0


# ---- options --------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [
    ["--bogus"], ["-j", "0"], ["-j", "many"], ["--timeout", "0"], ["--timeout", "nan"],
    ["--timeout", "inf"], ["--timeout", "1e300"], ["--timeout", "-1"], ["-j", "1e9"],
    ["-j", "1000000000"], ["-j", "9" * 5000],
    ["-v", "-d"], ["--json", "/nonexistent/out.json"], ["--junit", "/"],
    ["--library", "/nonexistent"], ["--library", "/usr"], ["--suite", "/usr"], ["--json"],
    ["--update-refs", "--suite", "/usr"],
], ids=lambda words: " ".join(words)[:40])
def test_options_that_make_no_sense(options):
    refused(run("free-null", *options))


def test_help_names_all_options():
    done = run("--help")
    for option in ("-v", "-d", "-m", "-j", "--list", "--json", "--junit", "--timeout", "--library",
                   "--suite", "--update-refs", "--doctor"):
        assert option in done.stdout
    assert done.returncode == 0


def test_verbose_prints_each_trace():
    lines = run_part("NONE", "-v", "free-null", "calloc-*").stdout
    trace = (small_suite.TESTS / "ref/test-calloc-zeroes-reused-block.ref").read_text()
    assert "".join(f"    {line}\n" for line in trace.splitlines()) in lines


def test_diff_prints_the_comparison_only():
    output = run_part("MAPS_PAGES", "-d", "free-unmaps").stdout
    assert "\n-  mmap(NULL, 131072, " not in output
    assert re.search(r"\n-  mmap\(NULL, 200032, .*\n\+  mmap\(NULL, 200704, ", output)
    assert "rules" not in output and "heap before" not in output


def test_doctor():
    done = run("--doctor")
    assert re.search("^ok +ltrace", done.stdout, re.MULTILINE)
    assert done.returncode == (2 if "BAD" in done.stdout else 0)


def test_update_refs_leaves_true_references_alone():
    done = run("--update-refs", "free-null")
    assert (done.returncode, done.stderr) == (0, "")
    assert "changed: 0" in done.stdout


def test_a_suite_of_ones_own(tmp_path):
    place = small_suite.make_suite(tmp_path / "hidden", {})
    small_suite.add_program(place, "test-own", "\txfree(xmalloc(200000));", "")
    done = run("--update-refs", "--suite", place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "test-own.ref: changed\nreferences: 1, changed: 1\n"
    good = run("--suite", place, "--library", library())
    assert good.stdout.endswith("\nTotal: 1/1\n") and good.returncode == 0
    assert run("--suite", place, "--library", library("MAPS_PAGES")).returncode == 1


def test_any_working_directory(tmp_path):
    done = run("--library", os.path.relpath(library(), tmp_path), "free-null", cwd=tmp_path)
    assert results(done.stdout) == [("test-free-null", "passed", 1)]
    assert list(tmp_path.iterdir()) == []


# ---- the harness cannot run -----------------------------------------------------------------

def test_no_ltrace(tmp_path):
    path = small_suite.path_without("ltrace", tmp_path / "bin")
    refused(run_part("NONE", PATH=path), "ltrace", "apt-get install")


def test_no_compiler(tmp_path):
    suite = small_suite.make_suite(tmp_path, {"test-free-null": 1})
    refused(run("--suite", suite, "--library", library(), CC="no-such-cc"), "no-such-cc")


def test_missing_reference_is_found_before_anything_runs(tmp_path):
    suite = small_suite.make_suite(tmp_path, {"test-free-null": 1, "test-free-unmaps": 1})
    os.unlink(tmp_path / "ref/test-free-unmaps.ref")
    refused(run("--suite", suite, "--library", library()), "test-free-unmaps", "--update-refs")


@pytest.mark.parametrize("text", ["", "[]", '{"tests": {}}', '{"tests": {"test-free-null": {}}}'])
def test_damaged_suite(tmp_path, text):
    suite = small_suite.make_suite(tmp_path, {"test-free-null": 1})
    (tmp_path / "suite.json").write_text(text)
    refused(run("--suite", suite), "suite.json")


ONE = {"points": 1, "group": "own"}


@pytest.mark.parametrize("test, more, said", [
    ({"points": -5}, {}, "tests: test-own: points is -5, not a whole number from 0 to 1000000"),
    ({"points": 1.5}, {}, "points is 1.5, not a whole number"),
    ({"points": float("nan")}, {}, "NaN is not a number"),
    ({"points": float("inf")}, {}, "Infinity is not a number"),
    ({"points": "ten"}, {}, 'points is "ten", not a whole number'),
    ({"points": True}, {}, "points is true, not a whole number"),
    ({"points": 10 ** 400}, {}, "points is 1000000000"),
    ({"points": 0}, {}, "no test has points"),
    ({"weight": 3}, {}, 'tests: test-own has an unknown member "weight"; known are points, group'),
    ({"hidden": 1}, {}, "hidden is 1, not true or false"),
    ({"needs": "test-own"}, {}, 'needs is "test-own", not a list in brackets'),
    ({"needs": ["test-gone"]}, {}, 'test-own needs "test-gone", which is not a test'),
    ({"needs": ["test-own"]}, {}, "test-own needs itself: "),
    ({"group": "style"}, {}, 'test-own: "style" cannot name a group'),
    ({}, {"style": -1}, "style is -1, not a whole number from 0 to 99"),
    ({}, {"style": 200}, "style is 200, not a whole number from 0 to 99"),
    ({}, {"marks": {"by": "mistake"}}, 'marks: by is "mistake", not one of "program", "cause"'),
    ({}, {"marks": {"by": []}}, 'marks: by is [], not one of "program", "cause"'),
    ({}, {"marks": {"cause": -1}}, "marks: cause is -1, not a whole number from 0 to 1000000"),
    ({}, {"marks": {"each": 1}}, 'marks has an unknown member "each"; known are by, cause'),
    ({}, {"partial": {"sound": 7}}, "partial: sound is 7, not a number from 0 to 1"),
    ({}, {"partial": {"solid": 1}}, 'partial has an unknown member "solid"; known are results'),
    ({}, {"groups": {"won": {}}}, 'groups has an unknown member "won"; known are own, seeds'),
    ({}, {"groups": {"own": {"points": 5}}}, 'groups: own has an unknown member "points"'),
    ({}, {"groups": {"seeds": {"points": -1}}}, "groups: seeds: points is -1, not a whole number"),
    ({}, {"groups": {"own": {"needs": ["test-own"]}}}, "test-own needs itself: "),
    ({}, {"groups": {"faults": {"needs": ["x"]}}}, 'faults needs "x", which is not a test'),
    ({}, {"stlye": 10}, 'has an unknown member "stlye"; known are comment, style, partial'),
])
def test_a_suite_with_a_member_that_makes_no_sense(tmp_path, test, more, said):
    suite = {"tests": {"test-own": {**ONE, **test}}, **more}
    (tmp_path / "suite.json").write_text(json.dumps(suite))
    refused(run("--suite", tmp_path, "--list"),
            f"{tmp_path}/suite.json is not a valid suite: ", said)


@pytest.mark.parametrize("text, said", [
    ('{"tests": {"../up": {"points": 1, "group": "own"}}}',
     '"../up" is not a valid name for a test'),
    ('{"tests": {"a": {"points": 1e400, "group": "own"}}}', "points is Infinity, not a whole"),
    ('{"tests": {"a": {"points": 1, "points": 2, "group": "own"}}}', 'it has "points" twice'),
    ('{"tests": {"a": {"points": 1, "group": "b", "needs": ["c"]}, '
     '"c": {"points": 1, "group": "b", "needs": ["a"]}}}', "a needs itself: "),
    pytest.param("[" * 100000, "is not a valid suite", id="deep"),
    ('{"tests": {"\\ud800\\n": {}}}', "is not a valid suite"),
])
def test_a_suite_that_cannot_be_understood(tmp_path, text, said):
    (tmp_path / "suite.json").write_text(text)
    refused(run("--suite", tmp_path, "--list"), said)


def test_library_that_does_not_build(tmp_path):
    (tmp_path / "Makefile").write_text("all:\n\t@echo 'x.c:1: error: broken' && false\n")
    kind = dataclasses.replace(build.OSMEM, sources=tmp_path)
    for chosen in (None, tmp_path):
        with pytest.raises(build.HarnessError, match="x.c:1: error: broken; see make -C "):
            session.library_directory(chosen, kind)


def test_no_other_directorys_makefile_is_run(tmp_path):
    (tmp_path / "Makefile").write_text(f"all:\n\ttouch {tmp_path}/ran\n")
    refused(run("--suite", part_suite(), "--library", tmp_path), "no libosmem.so", "with make")
    shutil.copy(Path(library()) / "libosmem.so", tmp_path)
    assert run("--suite", part_suite(), "--library", tmp_path).returncode == 0
    assert not (tmp_path / "ran").exists()


def test_library_older_than_its_sources(tmp_path):
    shutil.copy(Path(library()) / "libosmem.so", tmp_path)
    (tmp_path / "osmem.c").write_text("")
    os.utime(tmp_path / "libosmem.so", (1, 1))
    refused(run("--suite", part_suite(), "--library", tmp_path), "older than osmem.c", "make -C")


# ---- programs that misbehave fail alone -----------------------------------------------------

@pytest.mark.parametrize("body, reason", [
    ("__builtin_trap();", "crashed with SIGILL"), ("for (;;)\n\t\t;", "hung"),
    ("return 3;", "exit(3)"), ("if (fork() == 0)\n\t\tpause();", "started a process"),
])
def test_only_the_misbehaving_program_fails(tmp_path, body, reason):
    suite = small_suite.make_suite(tmp_path, {"test-free-null": 1})
    small_suite.add_program(suite, "test-own", f"\tos_free(NULL);\n\t{body}",
                            "os_free(NULL)\n  = <void>\nexit(0)\n")
    done = run("--suite", suite, "--library", library(), "--timeout", "5",
               "--json", tmp_path / "out.json")
    assert [word for _, word, _ in results(done.stdout)] == ["passed", "failed"]
    assert reason in json.loads((tmp_path / "out.json").read_text())["tests"][1]["reason"]
    assert done.returncode == 1


# ---- files ----------------------------------------------------------------------------------

def test_json(tmp_path):
    path = tmp_path / "out.json"
    run_part("GROWS_BY_PAGES", "--json", path)
    document = json.loads(path.read_text())
    assert (document["earned"], document["possible"]) == (18, 20)
    assert (document["passed"], document["failed"]) == (5, 1)
    assert [test["name"] for test in document["tests"]] == list(PART)
    good, bad = document["tests"][:2]
    assert good["first_difference"] is None and good["reason"] == "" and good["earned"] == 1
    assert (bad["points"], bad["earned"], bad["passed"]) == (2, 0, False)
    difference = bad["first_difference"]
    assert difference["call"] == "os_malloc(50000)" and difference["event"] == 2
    assert difference["expected"][1] == "  brk(HeapStart + 0x24a30) = HeapStart + 0x24a30"
    assert difference["actual"][1] == "  brk(HeapStart + 0x25000) = HeapStart + 0x25000"
    assert "H3" in difference["rules"]
    assert bad["seconds"] > 0


def test_junit_although_programs_print_binary(tmp_path):
    path = tmp_path / "out.xml"
    run_part("PRINTS_BINARY", "--junit", path)
    root = ElementTree.fromstring(path.read_bytes())
    assert root.get("tests") == "6"
    assert len(root.findall("testcase")) == 6
    assert int(root.get("failures")) == len(root.findall("testcase/failure")) == 6
    said = root.find("testcase/system-err").text
    assert said.startswith("\\x1b[31m\\x00\\x01<&>]]>\\xff")


def test_junit_of_passed_tests(tmp_path):
    path = tmp_path / "out.xml"
    run_part("NONE", "--junit", path)
    root = ElementTree.fromstring(path.read_bytes())
    assert root.get("failures") == "0" and root.find("testcase/failure") is None
    assert [case.get("name") for case in root] == list(PART)


def test_terminal_is_safe_from_what_programs_print():
    done = run_part("PRINTS_BINARY", "free-null")
    assert "\\x1b[31m" in done.stdout
    assert not re.search(r"[^\n\x20-\x7e]", done.stdout)


# ---- terminal -------------------------------------------------------------------------------

def on_terminal(*args, **environment):
    """Everything that run_tests.py sends to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(small_suite.command(*args), stdin=theirs, stdout=theirs,
                               stderr=theirs, env={**os.environ, "TERM": "xterm", **environment})
    os.close(theirs)
    output = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:             # EIO: nobody has the other end open any more
            break
        output += data
    os.close(ours)
    process.wait()
    return output.decode()


def shown(output):
    """The lines that a terminal shows at the end, without those that were erased."""
    return [line.rpartition(f"\r{ESCAPE}[K")[2].strip("\r") for line in output.split("\n")]


def terminal_run(**environment):
    """The output of a run of PART on a correct library to a terminal."""
    return on_terminal("--suite", part_suite(), "--library", library(), **environment)


def test_no_escape_without_a_terminal():
    assert ESCAPE not in run_part("MAPS_PAGES", TERM="xterm").stdout


def test_colour_and_progress_on_a_terminal():
    output = terminal_run(NO_COLOR="")
    assert f"{ESCAPE}[32mpassed{ESCAPE}[0m ...   1" in output
    assert "[5/6] running" in output
    assert not any("running" in line for line in shown(output))


def test_no_color():
    output = terminal_run(NO_COLOR="1")
    assert f"{ESCAPE}[32m" not in output and f"{ESCAPE}[31m" not in output
    assert [name for name, _, _ in results("\n".join(shown(output)))] == list(PART)


def test_dumb_terminal():
    assert ESCAPE not in terminal_run(TERM="dumb")


def test_a_library_that_hangs_does_not_take_all_day(tmp_path):
    """The first eight programs, and those that run at the same time, get the whole time-out.

    It sleeps: a time-out is wall time, whatever the program does.
    """
    names = sorted(path.stem for path in (small_suite.TESTS / "ref").glob("test-free-*"))
    names += sorted(path.stem for path in (small_suite.TESTS / "ref").glob("test-realloc-m*"))
    place = small_suite.make_suite(tmp_path / "suite", dict.fromkeys(names, 1))
    done = small_suite.run("--suite", place, "--library", library("SLEEPS"), "--timeout", "1.5",
                           "-j", "4", "--json", tmp_path / "it.json")
    reasons = [test["reason"] for test in json.loads((tmp_path / "it.json").read_text())["tests"]]
    said = [reason for reason in reasons if "hung: did not end within 1" in reason]
    long = sum("1.5" in reason for reason in said)
    assert len(said) > 12 and 8 <= long < 12, done.stdout


# ---- interrupts -----------------------------------------------------------------------------

def told(path):
    """The text of a file in /proc, "" if the process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""


def descendants(pid):
    """All descendants of a process."""
    children = Path(f"/proc/{pid}/task")
    found = [int(child) for task in children.glob("*/children") for child in told(task).split()]
    return found + [below for child in found for below in descendants(child)]


def traces(pid):
    """Whether a descendant of a process is being traced, so that everything has been built."""
    return any(told(Path(f"/proc/{below}/comm")) == "ltrace\n" for below in descendants(pid))


def wait_until(condition, what):
    """Wait until a condition holds; fail with `what` if it does not hold soon."""
    for _ in range(2400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def gone(pid):
    """Whether a process has ended (a zombie has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def waiting(place):
    """The command, in TMPDIR `place`, while a program that never ends is traced."""
    process = subprocess.Popen(
        small_suite.command("--suite", part_suite(), "--library", library("HANGS"),
                            "--timeout", "60"),
        env={**os.environ, "TMPDIR": str(place)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A shell starts what is to run in the background with SIGINT ignored, nohup all with
        # SIGHUP ignored, and so were we then.
        text=True, preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL)
                                       for number in (signal.SIGINT, signal.SIGHUP)])
    wait_until(lambda: traces(process.pid), "no program was started")
    return process


@pytest.mark.parametrize("number, status, said", [
    (signal.SIGINT, 130, "run_tests: interrupted\n"), (signal.SIGTERM, 143, ""),
    (signal.SIGHUP, 129, ""),
])
def test_interrupt_kills_everything(number, status, said):
    place = small_suite.scratch() / number.name
    place.mkdir(mode=0o755)
    process = waiting(place)
    started = descendants(process.pid)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (status, said)
    wait_until(lambda: all(map(gone, started)), "a program survived")
    assert list(place.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left():
    place = small_suite.scratch() / "killed"
    place.mkdir(mode=0o755)
    process = waiting(place)
    started = descendants(process.pid)
    process.kill()
    process.communicate(timeout=300)
    wait_until(lambda: all(map(gone, started)), "a program survived")
    assert len(list(place.iterdir())) == 1
    small_suite.run("--suite", part_suite(), "--library", library(), TMPDIR=str(place))
    assert list(place.iterdir()) == []


def test_reader_that_goes_away():
    line = " ".join(small_suite.command("--suite", part_suite(), "--library", library(), "-v"))
    done = subprocess.run(["sh", "-c", f"{line} | head -n 1"], capture_output=True, text=True,
                          check=False)
    assert done.stdout.startswith("test-") and done.stderr == ""
