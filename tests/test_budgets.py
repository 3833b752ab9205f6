# SPDX-License-Identifier: BSD-3-Clause
"""Budgets of system calls: libosmalloc keeps those in tests/osmalloc, and excess is reported."""

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.harness import budgets, build, suite
from tests.small_suite import ROOT, TESTS, run

SUITE = TESTS / "osmalloc"
PROGRAMS = [test.name for test in budgets.load(SUITE)]
# The kernel chooses the addresses of mappings. On another kernel, measured numbers may differ by a
# tenth or by this: a leaf of the page map, three mappings made twice and trimmed (suite.json).
LAYOUT = {"mmap": 4, "munmap": 10, "mremap": 4, "madvise": 4}

# Violations: what a program's steady phase does, and what the report says about it.
CAUGHT = {
    "writes": ('for (int n = 0; n < 3; n++)\n\t\twrite(2, "", 0);',
               "phase steady: write was called 3 times, only brk, futex, madvise, mmap, mremap, "
               "munmap are allowed; the first call over budget is system call 1 of the phase"),
    "yields": ("sched_yield();", "phase steady: sched_yield was called once, only brk, "),
    "asks-for-random": ("syscall(SYS_getrandom, block, 8, 0);",
                        "phase steady: getrandom was called once, only brk, "),
    "maps": ("for (int n = 0; n < 5; n++)\n\t\tCHECK(malloc(9 * MIB));",
             "phase steady: mmap was called 5 times, 2 allowed; the first call over budget is "
             "system call 3 of the phase"),
    "grows-the-break": ("CHECK(sbrk(4096) != (void *)-1);",
                        "phase steady: brk was called 2 times, 0 allowed"),
    "skips-a-phase": ("return 0;", "went through the phases before main, start, steady, after "
                      "main; suite.json has before main, start, steady, end, after main"),
    "crashes": ("__builtin_trap();", "crashed with SIGILL"),
    "starts-a-thread": ("pthread_create(&(pthread_t){ 0 }, NULL, pause_in_thread, NULL);",
                        "started a thread: only a program of one thread is compared"),
    "fails": ("CHECK(!block);", "exited with status 1: "),
    "is-good": ("free(block);\n\tblock = checked_malloc(64);", ""),
}
CAUGHT_PROGRAM = """
#include "budget.h"
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
PHASE(steady)
PHASE(end)
void *pause_in_thread(void *p)
{
    pause();
    return p;
}
int main(void)
{
    char *block = checked_malloc(64);

    phase_steady();
    %s
    phase_end();
    free(block);
    return 0;
}
"""
CAUGHT_BUDGETS = [{"phase": "start", "most": {"mmap": 4}, "why": "a chunk"},
                  {"phase": "steady", "most": {"mmap": 2}, "why": "two of these blocks"},
                  {"phase": "end", "most": {}, "why": "nothing is left to do"}]

# A library that maps each block; %s: what else it does.
WRONG = """
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>
void *malloc(size_t n)
{
    %s
    return mmap(NULL, n + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
void *calloc(size_t k, size_t n) { return malloc(k * n); }
void *realloc(void *p, size_t n) { return p ? p : malloc(n); }
int posix_memalign(void **p, size_t a, size_t n) { return (*p = malloc(n)) ? 0 : (int)a; }
void free(void *p) { }
"""


def write_suite(place, programs, **more):
    """A suite of budgets in a directory: name -> (C text, budgets)."""
    place.mkdir(exist_ok=True)
    shutil.copy(SUITE / "budget.h", place)
    for name, (text, _) in programs.items():
        (place / f"{name}.c").write_text(text)
    tests = {name: entries for name, (_, entries) in programs.items()}
    (place / "suite.json").write_text(json.dumps({"kind": "budgets", "tests": tests, **more}))
    return place


@pytest.fixture(scope="module")
def measured(osmalloc, tmp_path_factory):
    """The results of the whole suite: program -> its member of the JSON document."""
    path = tmp_path_factory.mktemp("budgets") / "out.json"
    done = run("--suite", SUITE, "--timeout", "30", "--json", path)
    assert path.exists(), done.stderr
    tests = {test["name"]: test for test in json.loads(path.read_text())["tests"]}
    return {"done": done, **tests}


@pytest.fixture(scope="module")
def caught(osmalloc, tmp_path_factory):
    """A run of the programs that exceed budgets: (finished process, JSON tests by name)."""
    place = write_suite(tmp_path_factory.mktemp("caught"), {
        name: (CAUGHT_PROGRAM % body, CAUGHT_BUDGETS) for name, (body, _) in CAUGHT.items()})
    done = run("--suite", place, "--json", place / "out.json")
    assert done.stderr == ""
    tests = json.loads((place / "out.json").read_text())["tests"]
    return done, {test["name"]: test for test in tests}


@pytest.mark.parametrize("name", PROGRAMS)
def test_budget(name, measured):
    """No program makes a system call that its budget does not allow."""
    test = measured[name]
    assert test["passed"], f"{test['reason']}; python3 tests/run_tests.py --suite tests/osmalloc " \
        f"{name} -v"


def test_all_kept_is_what_the_run_says(measured):
    done = measured["done"]
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-2]] == PROGRAMS
    assert all(line.endswith(" passed") for line in lines[:-2])
    assert lines[-1] == f"{len(PROGRAMS)} of {len(PROGRAMS)} programs kept their budgets of " \
        "system calls"


def test_every_program_has_a_budget():
    assert sorted(PROGRAMS) == sorted(path.stem for path in SUITE.glob("*.c"))


def numbers(measured):
    """{(program, phase): number of each system call}."""
    return {(name, phase["phase"]): phase["calls"] for name in PROGRAMS
            for phase in measured[name]["phases"]}


def test_numbers_repeat_exactly(measured, tmp_path):
    if subprocess.run(["setarch", "-R", "true"], capture_output=True, check=False).returncode:
        pytest.skip("personality(2) is refused here, so that addresses differ from run to run")
    path = tmp_path / "out.json"
    again = ["server", "realloc-grow"]
    run("--suite", SUITE, "--timeout", "30", "--json", path, *again)
    for test in json.loads(path.read_text())["tests"]:
        assert test["phases"] == measured[test["name"]]["phases"]
    assert len(json.loads(path.read_text())["tests"]) == len(again)


def test_budgets_hold_wherever_the_kernel_maps(osmalloc, monkeypatch):
    """With random addresses, as in a container that does not allow fixed ones."""
    monkeypatch.setattr(budgets, "SUBJECT",
                        dataclasses.replace(budgets.SUBJECT, fixed_addresses=False))
    args = argparse.Namespace(library=None, suite=SUITE, jobs=2, timeout=20)
    outcomes = budgets.run_all(budgets.load(SUITE), args, lambda outcome: None)
    assert {outcome.test.name: outcome.reason for outcome in outcomes} == \
        {name: "" for name in PROGRAMS}


# ---- the documented table -------------------------------------------------------------------

def documented():
    """Rows of the table in docs/internals/osmalloc.md: (program, phase, measured, allowed, why)."""
    text = (ROOT / "docs" / "internals" / "osmalloc.md").read_text()
    section = text.split("\n## Budgets of system calls\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


def calls(text):
    """The numbers in a text such as `mmap 3, madvise 2` or `none`."""
    pairs = [] if text == "none" else [part.split() for part in text.split(", ")]
    return {call: int(count) for call, count in pairs}


def test_documented_budgets_are_the_suites():
    assert [[row[0], row[1], row[3], row[4]] for row in documented()] == [
        [f"`{test.name}`", budget.phase, budgets.counted(budget.most), budget.why]
        for test in budgets.load(SUITE) for budget in test.budgets]


def test_documented_numbers_are_the_measured_ones(measured):
    found = numbers(measured)
    for program, phase, said, _, _ in documented():
        made = found[program.strip("`"), phase]
        for call, few in LAYOUT.items():
            before = calls(said).get(call, 0)
            assert abs(before - made.get(call, 0)) <= max(few, before // 10), \
                f"{program} {phase}: documented {said}, measured {budgets.counted(made)}"


# ---- what is caught -------------------------------------------------------------------------

@pytest.mark.parametrize("name", CAUGHT)
def test_caught(name, caught):
    test = caught[1][name]
    assert test["reason"].startswith(CAUGHT[name][1])
    assert test["passed"] == (CAUGHT[name][1] == "")


def test_what_is_said_about_it(caught):
    done = caught[0]
    assert done.returncode == 1
    assert f"1 of {len(CAUGHT)} programs kept their budgets" in done.stdout
    assert re.search(r"^maps +\.{24} failed$", done.stdout, re.M)
    said = done.stdout.split("\nmaps: ")[1].split("\n\n")[0]
    again = r"  python3 \S*run_tests\.py maps --suite \S+"
    assert re.fullmatch(r"phase steady: mmap was called 5 times, 2 allowed; [^\n]*\n"
                        r"  the budget: mmap 2; two of these blocks\n"
                        rf"Run it again:\n{again}", said), said


def test_a_check_that_failed_is_told(caught):
    assert "It said on stderr:\n" in caught[0].stdout
    assert re.search(r"\bfails\.c:\d+: not so: !block", caught[1]["fails"]["reason"])


@pytest.mark.parametrize("extra, reason", [
    ("", "phase steady: mmap was called 10 times, 2 allowed; "),
    ("write(2, 0, 0);", "phase start: write was called once, only brk, "),
])
def test_wrong_library(tmp_path, extra, reason):
    """A library that maps each block fails, and so does one that also prints."""
    place = tmp_path / "library"
    place.mkdir()
    (tmp_path / "wrong.c").write_text(WRONG % extra)
    build.compile_to(str(place / "libosmalloc.so"), ["-shared", "-fPIC", "-fno-builtin",
                                                     str(tmp_path / "wrong.c")], "it", "mend it")
    body = "for (int n = 0; n < 10; n++)\n\t\treplace(&block, 100);"
    programs = write_suite(tmp_path / "suite", {"own": (CAUGHT_PROGRAM % body, CAUGHT_BUDGETS)})
    done = run("--suite", programs, "--library", place)
    assert done.returncode == 1
    assert f"\nown: {reason}" in done.stdout


@pytest.mark.parametrize("when, phase", [("constructor", "before main"),
                                         ("destructor", "after main")])
def test_calls_outside_main(when, phase, tmp_path, osmalloc):
    text = CAUGHT_PROGRAM % "" + f'__attribute__(({when})) void w(void) {{ write(2, "", 0); }}\n'
    place = write_suite(tmp_path / "suite", {"own": (text, CAUGHT_BUDGETS)})
    said = run("--suite", place).stdout
    assert f"\nown: phase {phase}: write was called once, only brk, " in said


def test_endless_calls_are_counted_as_far_as_the_trace_goes(tmp_path, osmalloc):
    body = "for (;;)\n\t\tsched_yield();"
    place = write_suite(tmp_path / "suite", {"own": (CAUGHT_PROGRAM % body, CAUGHT_BUDGETS)})
    done = run("--suite", place, "--timeout", "4")
    assert re.search(r"\nown: (hung: did not end within 4 s|made a trace over 8 MB); phase steady: "
                     r"sched_yield was called \d+ times, only brk, ", done.stdout), done.stdout
    assert "--timeout 4\n" in done.stdout


# ---- options and bad input ------------------------------------------------------------------

def refused(done, *parts):
    """Check that a run ended with status 2 and one line that contains all these texts."""
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"run_tests: [^\n]+; [^\n]+\n", done.stderr), done.stderr
    assert all(part in done.stderr for part in parts), done.stderr


def test_verbose_shows_each_phase(osmalloc):
    done = run("--suite", SUITE, "-v", "first-call")
    assert re.search(r"\n    start: mmap [12] \(allowed: mmap 2\)\n"
                     r"    sizes: none \(allowed: none\)\n", done.stdout)
    assert done.stdout.endswith("1 of 1 programs kept their budgets of system calls\n")


def test_list():
    done = run("--suite", SUITE, "--list", "first-*")
    assert done.stdout == "first-call  start: mmap 2\nfirst-call  sizes: none\n"


@pytest.mark.parametrize("option", ["-m", "-d", "--update-refs", "--junit=never.xml"])
def test_options_of_graded_suites(option):
    refused(run("--suite", SUITE, option), "does not apply to budgets")


def test_unknown_name():
    refused(run("--suite", SUITE, "first-cal"), "'first-cal'", "first-call")


@pytest.mark.parametrize("entries", [
    [{"phase": "start", "most": {"write": 1}, "why": ""}],
    [{"phase": "start", "most": {"mmap": -1}, "why": ""}],
    [{"phase": "start", "most": {"mmap": "many"}, "why": ""}],
    [{"phase": "start"}], ["start"], 5,
])
def test_damaged_suite(entries, tmp_path):
    refused(run("--suite", write_suite(tmp_path / "suite", {"own": ("", entries)})), "suite.json")


def test_a_program_that_is_missing(tmp_path):
    place = write_suite(tmp_path / "suite", {"own": ("", CAUGHT_BUDGETS)})
    (place / "own.c").unlink()
    refused(run("--suite", place), "there is no ", "own.c")


def test_budgets_are_no_course_tests(osmalloc):
    """The grader and the course's command do not accept suites of budgets."""
    with pytest.raises(build.HarnessError, match="holds budgets of system calls"):
        suite.load_suite(SUITE)
    assert not suite.holds_budgets(suite.DEFAULT_ROOT)
    assert not {test.name for test in suite.load_suite()} & set(PROGRAMS)
    assert not suite.holds_budgets(Path("/nonexistent"))
