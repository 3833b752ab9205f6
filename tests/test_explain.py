# SPDX-License-Identifier: BSD-3-Clause
"""Explanations of failed tests (calls, rules, pictures, hints, the diff) and the memory checks."""

import re
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import small_suite
from tests.harness import build, compare, memcheck, suite
from tests.harness.feedback import explain, hints, suspects
from tests.harness.spec import history, mistakes, oracle, rules
from tests.harness.spec.model import Model
from tests.harness.feedback.report import printable
from tests.harness.tracing.runner import Run
from tests.harness.spec.symbols import step_text
from tests.harness.tracing.trace import Trace
from tests.small_suite import library, part_suite, run, run_part

REFERENCES = suite.read_references(suite.load_suite())


def explained(mistake, name):
    """The explanation of one program on a library with one mistake, with single spaces."""
    return " ".join(run_part(mistake, name).stdout.split())


def sentence(number):
    """A rule of the contract in the format of an explanation."""
    return f"{number}: {rules.text(number)}"


# ---- the explanation ------------------------------------------------------------------------

def test_explanation_is_complete():
    done = run_part("GROWS_BY_PAGES", "malloc-grows-free-last")
    text = " ".join(done.stdout.split())
    assert "First call that differs: event 2, os_malloc(50000)" in text
    assert "! brk(HeapStart + 0x24a30) = HeapStart + 0x24a30 | brk(HeapStart + 0x25000)" in text
    assert "H5: the library rounds the growth of the heap up to whole pages" in text
    assert sentence("H5") in text and sentence("H3") in text
    assert "-  brk(HeapStart + 0x24a30) = HeapStart + 0x24a30\n" in done.stdout
    assert "+  brk(HeapStart + 0x25000) = HeapStart + 0x25000\n" in done.stdout


def test_pictures_of_the_heap_before_and_after():
    text = run_part("GROWS_BY_PAGES", "malloc-grows-free-last").stdout
    found = re.search("The heap before(.*?)and after it, as the contract has it:(.*?)"
                      "and as your library has it(.*?)\n\n", text, re.DOTALL)
    before, after, theirs = found.groups()
    assert "100000" in before and "31008 free" in before and "break" in before
    assert "50000" in after and "0x24a30" in after and "free," in after
    assert "+0x25000" in theirs


def test_headers_that_say_otherwise_are_quoted():
    text = run("--library", library("WRONG_STATUS"), "malloc-header-is-true").stdout
    assert "the program's own check failed" in text and "crashed" not in text
    assert re.search(r"Headers in your library's heap after os_malloc\(\d+\):\n"
                     r"  HeapStart \+ 0x20: size (\d+), status \d+; "
                     r"the contract has size \1, status 1\n", text)


def test_the_librarys_own_heap_is_drawn_only_where_it_differs():
    text = run_part("GROWS_BY_PAGES", "malloc-grows-free-last").stdout
    assert text.count("as your library has it") == 1
    same = run("--library", library("WRONG_STATUS"), "malloc-header-is-true").stdout
    assert "as the contract has it" in same and "as your library has it" not in same


def test_rerun_command_works(tmp_path):
    first = run_part("MAPS_PAGES", "free-unmaps", "--timeout", "7", cwd=tmp_path)
    command = first.stdout.rpartition("Run it again:\n")[2]
    again = subprocess.run(shlex.split(command), cwd=tmp_path, capture_output=True, text=True,
                           check=False)
    assert again.stdout == first.stdout
    assert again.returncode == 1 and "--timeout 7" in command


def test_where_the_actual_result_lies():
    """The explanation says whose heap the picture shows."""
    wanted, event = (("os_malloc(8)", f"  = HeapStart + {place:#x}") for place in (0x20, 0x40))
    assert "\n".join(explain.whereabouts(event, wanted, Model())).split() == (
        "In this heap, which is not your library's, the program's result, HeapStart + 0x40, would "
        "lie 64 bytes behind the break.").split()
    assert explain.whereabouts(wanted, wanted, Model()) == []


def test_a_heap_that_a_call_leaves_alone_is_drawn_once():
    lines, _ = explain.before_and_after(Model(), ("os_malloc(0)", "  = NULL"), "as it is")
    assert lines[0] == "The heap before and after os_malloc(0), as it is:" and len(lines) == 2


@pytest.mark.parametrize("address, words", [
    (0x20, "exactly at the live block of 1000 bytes at HeapStart + 0x20"),
    (0x30, "16 bytes into the live block of 1000 bytes"),
    (0x410, "24 bytes before the payload of the free block of 130008 bytes at HeapStart + 0x428"),
    (0x20010, "16 bytes behind the break"),
    (1 << 48, "in a mapping that the contract does not have here"),
])
def test_place(address, words):
    model = Model()
    model.malloc(1000)
    assert words in explain.place(address, model)


def test_a_call_with_very_many_system_calls_is_cut():
    actual = ("os_malloc(0)", *["  brk(0) = HeapStart + 0x0"] * 100000, "  = NULL")
    text = explain.beside(("os_malloc(0)", "  = NULL"), actual)
    assert len(text.splitlines()) == explain.MOST_ACTUAL + 3
    assert "and 99990 more lines" in text


def test_own_check_of_a_program():
    done = run("--library", library("WRONG_STATUS"), "malloc-header-is-true")
    text = " ".join(done.stdout.split())
    assert "status of the heap block (G3) (found 2, expected 1)" in text
    assert "the program's own check failed: test-malloc-header-is-true.c:" in text
    assert "The program printed on stderr: test-malloc-header-is-true.c:" in text
    assert re.search(r"Up to event 2, os_malloc\(\d+\), everything agrees\.", text)
    assert sentence("G3") in text


def test_rules_when_a_program_stopped_itself():
    output = run("--library", library("SPLITS_TOO_SMALL"), "malloc-slack-remainder-32").stdout
    text = " ".join(output.split())
    assert sentence("S1") in text and sentence("S2") in text
    assert f"G5: {rules.first_sentence('G5')} W1:" in text
    assert len(re.findall(r"^ +[A-Z]\d: (?!the library)", output, re.MULTILINE)) == 4


def test_diff_ends_where_a_program_stopped_itself():
    output = run("--library", library("SPLITS_TOO_SMALL"), "malloc-slack-remainder-32").stdout
    diff = output.rpartition("Difference (")[2].split("\n\n")[0].splitlines()[1:]
    assert [line for line in diff if not line.startswith("   ")] == [
        "  @@ -8,3 +8,4 @@", "  +killed(SIGILL)",
        "  (the program stopped itself there; the reference has 3 more events)"]


def test_diff_ends_with_the_call_of_a_crash():
    output = run_part("CRASHES", "-d", "free-unmaps").stdout
    assert re.search(r"\n-  munmap\(.*\n-  = <void>\n\+killed\(SIGILL\)\n"
                     r"\(the program ended there; the reference has \d+ more events\)\n", output)


def test_only_the_first_three_are_explained_in_full():
    everything = run_part("NO_PREALLOCATION", "-d").stdout
    assert everything.count("\n" + "-" * 96 + "\n") == 3
    assert "1 more failed; run one by name to see its explanation:" in everything
    assert f"--library {library('NO_PREALLOCATION')}" in everything.splitlines()[-1]
    named = run_part("NO_PREALLOCATION", "malloc-*", "calloc-*", "realloc-*", "free-*").stdout
    assert named.count("Run it again:") == 4


def test_crash_is_explained_with_the_call_it_happened_in():
    text = explained("CRASHES", "free-unmaps")
    assert "crashed with SIGILL inside os_free(<mapped-addr 1> + 0x20)" in text
    assert sentence("R2") in text


# ---- hints ----------------------------------------------------------------------------------

@pytest.mark.parametrize("mistake, name, rule", [
    ("NO_PREALLOCATION", "malloc-first-use-preallocates", "F1"),
    ("GROWS_BY_PAGES", "malloc-growth-is-exact", "H5"),
    ("MERGES_AT_FREE", "realloc-absorbs-one-at-a-time", "H1"),
    ("MERGES_AT_FREE", "free-does-not-merge", "H1"),
    ("SPLITS_TOO_SMALL", "malloc-slack-remainder-32", "S1"),
    ("SPLITS_TOO_SMALL", "realloc-shrink-by-40", "S1"),
    ("CALLOC_NOT_ZERO", "calloc-zeroes-reused-block", "H6"),
    ("COPIES_HALF", "realloc-moves-when-blocked", "X9"),
    ("WRONG_STATUS", "malloc-header-is-true", None),
    ("NEVER_MERGES", "malloc-merges-a-run", "H1"),
    ("THRESHOLD_WITHOUT_HEADER", "malloc-smallest-mapping", "W1"),
    ("SPLITS_TOO_SMALL", "mixed-random-small", "S1"),
    ("MAPS_PAGES", "free-unmaps", "M1"),
    ("NEVER_UNMAPS", "free-unmaps", "R2"),
    ("USES_MREMAP", "realloc-mapping-resizes", "M2"),
    ("ASKS_BREAK", "malloc-growth-is-exact", "F3"),
    ("PRINTS_BINARY", "free-unmaps", "Y1"),
])
def test_mistakes_in_c_are_recognised(mistake, name, rule):
    output = run("--library", library(mistake), name).stdout
    assert "failed ...   0" in output
    found = re.findall(r"^ *(?:1\. )?([A-Z]\d): the library ", output, re.MULTILINE)
    assert found[:1] == ([rule] if rule else [])


def test_the_report_on_the_pages_is_real():
    """docs/students.md shows the whole report on a library that takes the first fit, README.md the
    mistake in it."""
    output = run("--library", library("FIRST_FIT"), "malloc-best-fit").stdout
    students, front = (re.search(rf"```\n({start}.*?)```", (build.ROOT / page).read_text(), re.S)[1]
                       for page, start in (("docs/students.md", r"test-\S+ [^\n]*0\n\n"),
                                           ("README.md", "1. H2: the library takes the first")))
    assert output.replace(f" --library {library('FIRST_FIT')}", "") == students + "\n"
    assert front in students


def difference_of(mistake, events):
    """The first difference between a reference and an allocator with a mistake, or None."""
    model = mistake()
    for index, event in enumerate(events):
        step = history.make(model, event)
        if step is not None and step_text(step) != event:
            return compare.Difference(index, event, step_text(step))
    return None


@pytest.mark.parametrize("mistake", mistakes.MISTAKES, ids=lambda mistake: mistake.__name__)
def test_every_mistake_fails_a_program_and_is_recognised(mistake):
    found = [(difference, events) for events in REFERENCES.values()
             if (difference := difference_of(mistake, events))]
    assert found, "no program of the suite notices it"
    hint = mistake.rule, mistake.__doc__
    failed = [SimpleNamespace(expected=events) for _, events in found]
    passed = [SimpleNamespace(expected=events) for events in REFERENCES.values()
              if not difference_of(mistake, events)]
    assert all(hint in hints.from_mistakes(*case, passed) for case in found)
    assert all(hint not in hints.from_mistakes(*case, failed) for case in found)
    assert mistake.rule in rules.all_rules()


def test_what_a_passed_test_contradicts_is_not_said(tmp_path):
    """8 bytes too few go on the heap, which is not what confusing the two thresholds leads to."""
    names = ["test-malloc-largest-on-heap", "test-malloc-grows-free-last"]
    place = small_suite.make_suite(tmp_path / "suite", dict.fromkeys(names, 1))
    source = (build.ROOT / "tests/naive_library.c").read_text()
    made = source.replace("HEADER) < limit;", "HEADER) < limit - 8;")
    assert made != source
    (tmp_path / "near.c").write_text(made)
    build.compile_to(str(tmp_path / "libosmem.so"), ["-shared", "-fPIC", "-DMISTAKE=NONE",
                     f"-I{build.UTILS}", str(tmp_path / "near.c")], "it", "mend it")
    both = run("--suite", place, "--library", tmp_path).stdout
    alone = run("--suite", place, "--library", tmp_path, names[0]).stdout
    assert "Total: 1/2" in both and "the library" not in both
    assert "the library" in alone


@pytest.mark.parametrize("kind", suspects.CONTENTS, ids=lambda kind: kind.__name__)
def test_every_mistake_in_memory_is_recognised(kind):
    place = Path(suspects.stand_in().name)
    seen = []
    for test in suite.load_suite():
        program = oracle.build_snippet(test.c_file, place, build.BUILD)
        stopped = kind.rule in rules.of_program(test.name) and suspects.stops(program, place, kind)
        if not stopped:
            continue
        events, said = stopped
        outcome = compare.Outcome(
            test, REFERENCES[test.name], [*events, ("killed(SIGILL)",)],
            Run(Trace(signal="SIGILL"), b"", said.encode(), "killed", 4, "", True), 0.0,
            compare.Difference(len(events), (), ("killed(SIGILL)",)), said)
        assert outcome.stopped_itself
        seen.append((kind.rule, kind.__doc__) in suspects.found(outcome))
    assert seen and all(seen)


@pytest.mark.parametrize("actual, rule", [
    (("os_malloc(1)", "  brk(0) = HeapStart + 0x0",
      "  brk(HeapStart + 0x20000) = HeapStart + 0x20000", "  = HeapStart + 0x18"), "G4"),
    (("os_malloc(1)", "  brk(0) = HeapStart + 0x0", "  brk(0) = HeapStart + 0x0",
      "  brk(HeapStart + 0x20000) = HeapStart + 0x20000", "  = HeapStart + 0x20"), "F3"),
    (("os_malloc(1)", "  write(...)", "  brk(0) = HeapStart + 0x0",
      "  brk(HeapStart + 0x20000) = HeapStart + 0x20000", "  = HeapStart + 0x20"), "Y1"),
])
def test_signs_at_the_first_use(actual, rule):
    difference = compare.Difference(0, step_text(Model().malloc(1)), actual)
    assert [found for found, _ in hints.from_signs(difference, [difference.expected],
                                                   ["F1"])] == [rule]


def test_a_model_of_the_mistake_comes_before_a_sign():
    first = step_text(Model().malloc(1))
    difference = compare.Difference(0, first, (*first[:-1], "  = HeapStart + 0x18"))
    assert hints.hints(difference, [first], ["F1"]) == [
        ("G1", f"the library {mistakes.HeaderOf24Bytes.__doc__}")]


@pytest.mark.parametrize("call, actual, denying", [
    (1, ["  brk(0) = HeapStart + 0x0", "  brk(HeapStart + 0x20000) = HeapStart + 0x20000",
         "  = HeapStart + 0x18"], 1000),
    (200001, ["  mmap(NULL, 200033, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = "
              "<mapped-addr 1> + 0x0", "  = <mapped-addr 1> + 0x20"], 150001)])
def test_a_sign_that_a_passed_program_contradicts_is_not_given(call, actual, denying):
    step = Model().malloc(call)
    difference = compare.Difference(0, step_text(step), (step_text(step)[0], *actual))
    passed = [SimpleNamespace(expected=[step_text(Model().malloc(denying))])]
    assert hints.from_signs(difference, [difference.expected], step.rules)
    assert not hints.from_signs(difference, [difference.expected], step.rules, passed)


def one_call_differs(call, actual, model):
    """Rules of the hints when a model's next call shows `actual` instead."""
    step = model.step(*call)
    difference = compare.Difference(0, step_text(step), (step_text(step)[0], *actual))
    return [rule for rule, _ in hints.from_signs(difference, [difference.expected], step.rules)]


@pytest.mark.parametrize("call, actual, rule", [
    (("os_malloc", (0,)), ["  = HeapStart + 0x20"], "W4"),
    (("os_malloc", (200001,)),
     ["  mmap(NULL, 200033, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = "
      "<mapped-addr 1> + 0x0", "  = <mapped-addr 1> + 0x20"], "M1"),
    (("os_malloc", (200000,)),
     ["  mmap(NULL, 200032, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) = "
      "<mapped-addr 1> + 0x0", "  = <mapped-addr 1> + 0x20"], "M1"),
    (("os_malloc", (200000,)), ["  = <mapped-addr 1> + 0x20"], None),
])
def test_signs_of_single_calls(call, actual, rule):
    assert one_call_differs(call, actual, Model())[:1] == [rule][:bool(rule)]


def test_signs_after_other_calls():
    model = Model()
    payload = model.malloc(100).result
    assert one_call_differs(("os_free", (payload,)), ["  brk(HeapStart + 0x0) = HeapStart + 0x0",
                                                      "  = <void>"], model) == ["R1"]
    assert one_call_differs(("os_realloc", (payload, 5)), ["  = HeapStart + 0x20"],
                            model) == ["X2"]


# ---- comparison -----------------------------------------------------------------------------

@pytest.mark.parametrize("expected, actual, index, words", [
    ([("a", "  = 1")], [("a", "  = 2")], 0, "event 1, a: the result differs"),
    ([("a", "  s", "  = 1")], [("a", "  t", "  = 1")], 0, "the system calls differ"),
    ([("a",), ("b",)], [("a",)], 1, "ended before event 2, b"),
    ([("a",)], [("a",), ("b",)], 1, "continues after event 1"),
    ([("a",)], [("b",)], 0, "in place of event 1, a: b"),
    ([("a", "  = 1")], [("a",)], 0, "event 1, a: did not return"),
])
def test_first_difference(expected, actual, index, words):
    difference = compare.first_difference(expected, actual)
    assert difference.index == index and words in difference.sentence()


def test_no_difference():
    assert compare.first_difference([("a", "  = 1")], [("a", "  = 1")]) is None


def test_a_run_that_cannot_be_compared_fails_although_it_agrees():
    ended = Run(Trace(), b"", b"", "exited", 0, "started a thread", False)
    assert compare.why_failed(ended, None) == "started a thread"


def test_diff_of_a_huge_trace_is_short():
    calls = [(f"os_malloc({size})", "  = NULL") for size in range(1, 5000)]
    outcome = compare.Outcome(None, calls, [("os_malloc(7)", "  = NULL")] * 30000, None, 0.0,
                              compare.Difference(0, calls[0], ("os_malloc(7)", "  = NULL")), "x")
    assert len(explain.unified(outcome).splitlines()) == explain.MOST_DIFF + 1


def test_diff_counts_lines_from_the_beginning():
    expected = [(f"call {number}", "  = 1") for number in range(20)]
    actual = [*expected[:10], ("call 10", "  = 2"), *expected[11:]]
    outcome = compare.Outcome(None, expected, actual, None, 0.0,
                              compare.first_difference(expected, actual), "x")
    assert explain.unified(outcome).splitlines()[0] == "@@ -19,7 +19,7 @@"


@pytest.mark.parametrize("data, text", [
    (b"plain", "plain"), (b"\x1b[2J", "\\x1b[2J"), (b"\xff\xc3\xa9", "\\xff\u00e9"),
    ("a\rb\u202e", "a\\x0db\\x202e"), ("\U0001f600\ud800", "\U0001f600\\xd800"),
])
def test_printable(data, text):
    assert printable(data) == text


# ---- memory checks --------------------------------------------------------------------------

def memory_run(tmp_path, body, reference, *args, mistake="NONE", **properties):
    """The output of `-m` on one program of our own."""
    place = small_suite.make_suite(tmp_path / "suite", {})
    small_suite.add_program(place, "test-own", body, reference, **properties)
    return run("--suite", place, "--library", library(mistake), "-m", *args)


LEAK = "".join(f"{line}\n" for line in (*step_text(Model().malloc(200000)), "exit(0)"))


def test_leak_names_the_call(tmp_path):
    done = memory_run(tmp_path, "\tos_malloc(200000);", LEAK)
    assert "memory error: 200000 bytes at <mapped-addr 1> + 0x20 are never freed: call 1, " \
        "os_malloc(200000)\n" in done.stdout
    assert "passed ...   1\n" in done.stdout and "Total: 1/1\n" in done.stdout
    assert "Memory: errors in 1 of 1 tests (they cost no points)\n" in done.stdout
    assert done.returncode == 1


def test_leak_that_is_allowed(tmp_path):
    done = memory_run(tmp_path, "\tos_malloc(200000);", LEAK, memory="keeps its block on purpose")
    assert "memory: not checked: the program keeps its block on purpose\n" in done.stdout
    assert done.returncode == 0


def test_valgrind_leaves_no_pipe_behind(tmp_path):
    """Its pipes for vgdb are named after the process: one that is left would stop a later run."""
    done = memory_run(tmp_path, """\
\textern int access(const char *path, int mode), getpid(void);
\textern int sprintf(char *to, const char *format, ...);
\tchar path[99];

\tsprintf(path, "/tmp/vgdb-pipe-from-vgdb-to-%d-by-%s-on-%s", getpid(), "?" "??", "?" "??");
\tif (access(path, 0) == 0)
\t\t*(volatile char *)(path + (1UL << 40)) = 1;""", "exit(0)\n")
    assert done.stdout.endswith("Memory: errors in 0 of 1 tests (they cost no points)\n")


def test_no_memory_error_in_good_programs():
    done = run_part("NONE", "-m")
    assert done.returncode == 0
    assert done.stdout.endswith("Memory: errors in 0 of 6 tests (they cost no points)\n")


def test_leaks_follow_realloc_and_failures():
    model = Model(fail=lambda call: call == 3)
    steps = [model.malloc(10), model.realloc(0x20, 5000), model.realloc(0x20, 0),
             model.malloc(200000), model.malloc(300000), model.free(0)]
    leaks = memcheck.leaks([step_text(step) for step in steps])
    assert leaks == ["200000 bytes at <mapped-addr 1> + 0x20 are never freed: call 4, "
                     "os_malloc(200000)"]


def test_mapping_that_nobody_owns():
    output = run_part("NEVER_UNMAPS", "-m", "free-unmaps").stdout
    assert "140032 bytes at <mapped-addr 1> + 0x0 are never unmapped although" in output


def test_invalid_access(tmp_path):
    done = memory_run(tmp_path, "\tos_free(NULL);", "os_free(NULL)\n  = <void>\nexit(0)\n",
                      mistake="READS_BELOW_STACK")
    assert re.search(r"memory error: Invalid read of size 1 in os_free \(naive_library.c:\d+\), "
                     r"called from main \(test-own.c:4\)", done.stdout), done.stdout
    assert done.returncode == 1


def test_access_to_freed_memory_is_seen_with_the_real_library(tmp_path):
    place = small_suite.make_suite(tmp_path / "suite", {})
    body = "\tchar *p = os_malloc(1);\n\tp[0] = 0;\n\tos_free(p);\n\treturn p[0];"
    steps = [(model := Model()).malloc(1), model.free(0x20)]
    small_suite.add_program(place, "test-own", body, "".join(
        f"{line}\n" for step in steps for line in step_text(step)) + "exit(0)\n")
    done = run("--suite", place, "-m")
    assert "memory error: Invalid read of size 1 in main (test-own.c:7)" in done.stdout


def test_without_valgrind_leaks_are_still_found(tmp_path):
    path = small_suite.path_without("valgrind", tmp_path / "bin")
    done = run_part("NEVER_UNMAPS", "-m", "free-unmaps", PATH=path)
    assert done.stdout.count("valgrind is missing") == 1
    assert "apt-get install valgrind" in done.stdout
    assert "are never unmapped" in done.stdout


def test_damaged_report_of_valgrind():
    assert memcheck.errors(b"<valgrindoutput>") == ["valgrind's report is damaged"]
    assert memcheck.errors(b"") == ["valgrind could not run it"]
    assert memcheck.errors(b"<valgrindoutput/>") == []


def test_part_suite_is_the_committed_one():
    assert suite.read_references(suite.load_suite(part_suite())).items() <= REFERENCES.items()
