# SPDX-License-Identifier: BSD-3-Clause
"""The example programs compared with Python, and show_trace.py with results worked out by hand."""

import json
import random
import re
import resource
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.harness.tracing import stats
from tests.harness.build import build_program

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
SHOW_TRACE = ROOT / "tests" / "show_trace.py"
LICENSES = Path("/usr/share/common-licenses")
GROWTH = ("  brk(0) = HeapStart + 0x0", "  brk(HeapStart + 0x20000) = HeapStart + 0x20000")
PAGE = 4096


@pytest.fixture(scope="module")
def programs():
    """The directory with the example programs, up to date."""
    subprocess.run(["make", "-s", "-C", EXAMPLES], check=True)
    return EXAMPLES / "build"


def run(*command, **more):
    """What a command did, output captured."""
    return subprocess.run([str(word) for word in command], capture_output=True, check=False,
                          timeout=600, **more)


def show_trace(*args):
    """What show_trace.py did."""
    return run(sys.executable, SHOW_TRACE, *args)


def trace_numbers(*args):
    """The numbers that show_trace.py prints for a run without errors."""
    done = show_trace("--json", *args)
    assert (done.returncode, done.stderr) == (0, b"")
    return json.loads(done.stdout)


def licences():
    """The licence texts of the system: more than 100 KB of English."""
    texts = sorted(path for path in LICENSES.iterdir() if not path.is_symlink())
    assert sum(path.stat().st_size for path in texts) > 100_000
    return texts


def random_text(seed, size):
    """Words, lines and bytes of every kind, much of it repeated."""
    rng = random.Random(seed)
    pieces = [b"the", b"The", b"don't", b"'tis", b"dogs'", b"a''b", b" ", b"\n", b"\0", b"\xff\x80",
              b"x" * 300, bytes(rng.randrange(256) for _ in range(40))]
    return b"".join(rng.choice(pieces) for _ in range(size))


INPUTS = {
    "empty": b"",
    "newlines": b"\n\n\n",
    "no newline at the end": b"b\na",
    "prefixes": b"ab\na\n\nabc\nab\n",
    "zero and high bytes": b"a\0b\na\0a\n\xe9t\xe9\n\0\na\n",
    "one word of 300 KB": b"w" * 300_000,
    "random 1": random_text(1, 20_000),
    "random 2": random_text(2, 3_000),
}


@pytest.fixture(params=["", "-static"], ids=["dynamic", "static"])
def suffix(request):
    """Both ways to link."""
    return request.param


# ---- wordfreq -------------------------------------------------------------------------------

def word_table(data):
    """What wordfreq must print, counted by Python."""
    words = Counter(re.findall(rb"[a-z]+(?:'[a-z]+)*", data.lower()))
    order = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    return (b"%d words, %d different\n" % (sum(words.values()), len(words))
            + b"".join(b"%8d  %s\n" % (count, word) for word, count in order))


@pytest.mark.parametrize("name", INPUTS)
def test_wordfreq_counts_as_python_does(programs, suffix, name):
    done = run(programs / f"wordfreq{suffix}", "-n", "999999", input=INPUTS[name])
    assert (done.returncode, done.stderr) == (0, b"")
    expected = word_table(INPUTS[name])
    if name.startswith("one word"):         # longer than one write of the library's printf
        assert len(expected) > 300_000
    assert done.stdout == expected


def test_wordfreq_counts_the_licences_together(programs, suffix):
    done = run(programs / f"wordfreq{suffix}", "-n", "999999", *licences())
    # a word does not go on in the next file
    assert done.stdout == word_table(b"\n".join(path.read_bytes() for path in licences()))


def test_wordfreq_prints_ten_words_unless_told_otherwise(programs):
    text = b" ".join(b"w" + bytes([97 + i]) for i in range(20))
    assert run(programs / "wordfreq", input=text).stdout.count(b"\n") == 11
    assert run(programs / "wordfreq", "-n", "0", "-", input=text).stdout == (
        b"20 words, 20 different\n")


# ---- linesort -------------------------------------------------------------------------------

def sorted_lines(data, unique):
    """What linesort must print, sorted by Python."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return b"".join(line + b"\n" for line in sorted(set(lines) if unique else lines))


@pytest.mark.parametrize("options", [[], ["-u"]], ids=["all", "unique"])
@pytest.mark.parametrize("name", INPUTS)
def test_linesort_sorts_as_python_does(programs, suffix, name, options):
    done = run(programs / f"linesort{suffix}", *options, input=INPUTS[name])
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == sorted_lines(INPUTS[name], bool(options))


def test_linesort_sorts_the_licences_together(programs, suffix):
    whole = b"".join(path.read_bytes() for path in licences())
    assert run(programs / f"linesort{suffix}", *licences()).stdout == sorted_lines(whole, False)


# ---- errors of both -------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["wordfreq", "linesort"])
@pytest.mark.parametrize("args, reason", [
    (["/nonexistent"], "/nonexistent: No such file or directory"),
    (["/"], "/: Is a directory"),
])
def test_a_file_that_cannot_be_read_is_one_line(programs, suffix, name, args, reason):
    done = run(programs / (name + suffix), *args)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", f"{name}: {reason}\n")


@pytest.mark.parametrize("name", ["wordfreq", "linesort"])
def test_output_that_cannot_be_written_is_one_line(programs, name):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([programs / name], input=b"a\nb\n", stdout=full,
                              stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"%s: cannot write the result: No space left on device\n" % name.encode()


@pytest.mark.parametrize("name", ["wordfreq", "linesort"])
def test_out_of_memory_is_one_line(programs, suffix, name):
    limit = 16 << 20
    done = run(programs / (name + suffix), "/dev/zero",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert (done.returncode, done.stderr.decode()) == (
        1, f"{name}: /dev/zero: Cannot allocate memory\n")


@pytest.mark.parametrize("args", [["wordfreq", "-x"], ["wordfreq", "-n", "3x"],
                                  ["wordfreq", "-n", "-1"], ["wordfreq", "-n"],
                                  ["wordfreq", "-n", "99999999999999999999"], ["linesort", "-n"]])
def test_wrong_usage_is_one_line(programs, args):
    done = run(programs / args[0], *args[1:])
    assert done.returncode == 2
    assert re.fullmatch(rb"usage: %s \[.*\]\n" % args[0].encode(), done.stderr)


# ---- their traces ---------------------------------------------------------------------------

@pytest.mark.parametrize("command, status", [
    (["wordfreq"], 0), (["linesort"], 0), (["linesort", "-u"], 0),
    (["wordfreq", "-", "/nonexistent"], 1), (["linesort", "-", "/nonexistent"], 1),
])
def test_programs_free_all_they_allocate(programs, tmp_path, command, status):
    text = tmp_path / "text"
    text.write_bytes(random_text(3, 300))
    done = show_trace("--json", "--stdin", text, programs / command[0], *command[1:])
    numbers = json.loads(done.stdout)
    assert (done.returncode, numbers["leaks"]) == (status, [])
    assert numbers["calls"] > 50


def test_linesort_crosses_the_threshold_both_ways(programs, tmp_path):
    text = tmp_path / "text"
    text.write_bytes(b"\n" * 4097)          # 8192 lines of 24 bytes is beyond T; one line is not
    numbers = trace_numbers("--check", "100", "--stdin", text, programs / "linesort", "-u")
    assert (numbers["largest_mapped"], numbers["leaks"]) == (8192 * 24 + 32, [])
    assert numbers["system_calls"]["mmap"] == numbers["system_calls"]["munmap"] == 1


# ---- show_trace -----------------------------------------------------------------------------

TINY = """
#include "osmem.h"
int main(void)
{
    void *a = os_malloc(100), *b = os_malloc(200000);

    a = os_realloc(a, 1000);
    os_calloc(10, 30);
    os_free(b);
    os_free(a);
    return 0;
}
"""


@pytest.fixture
def tiny(library, tmp_path):
    """A program of six calls, one of which leaks."""
    source = tmp_path / "tiny.c"
    source.write_text(TINY)
    return build_program(source, library, tmp_path)


def test_numbers_of_a_tiny_program(tiny):
    assert trace_numbers(tiny) == {
        "calls": 6,
        "calls_by_name": {"os_malloc": 2, "os_realloc": 1, "os_calloc": 1, "os_free": 2},
        "system_calls": {"brk": 2, "mmap": 1, "munmap": 1},
        "largest_heap": 131072,             # F1
        "largest_mapped": 200032,           # M1: 200000 is a multiple of 8
        "fullest": {
            "call": 4,
            "held": 131072 + 200032,
            "heap": 131072,
            "mapped": 200032,
            "blocks": 3,
            "payload": 200000 + 1000 + 300,
            "headers": 3 * 32,
            "free_and_slack": 131072 + 200032 - 201300 - 96,
        },
        "leaks": [{"call": 4, "name": "os_calloc", "payload": 300}],
    }


def test_report_of_a_tiny_program(tiny):
    done = show_trace("--all", tiny)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "  os_malloc(100)\n" + "".join(f"  {line}\n" for line in GROWTH) in text
    assert "heap when it was fullest, after call 4:" in text
    assert "<mapped-addr 1> +0x20: |#### 200000 ####|" in text
    assert re.search(r"^ +300  bytes from call 4, os_calloc$", text, re.M)
    assert re.search(r"^as model says +6  calls compared, which are all$", text, re.M)


def test_report_leaves_out_the_middle_and_says_so(tiny):
    lines = show_trace("-n", "1", "--check", "2", tiny).stdout.decode().splitlines()
    assert "  ... 4 more (--all prints them) ..." in lines
    assert [line for line in lines if line.startswith("  os_")] == [
        "  os_malloc(100)", "  os_free(HeapStart + 0x20)"]
    assert lines[-1].split(maxsplit=3)[3] == "2  calls compared, of 6: --check 0 compares all"


@pytest.mark.parametrize("args, words", [
    (["/nonexistent"], "is no program"),
    (["/usr"], "is no program"),
    (["--stdin", "/nonexistent", "/bin/true"], "No such file"),
    (["--lib", "/nonexistent", "/bin/true"], "no directory"),
    (["/bin/true"], "called no os_"),
])
def test_show_trace_errors_are_one_line(args, words):
    done = show_trace(*args)
    assert (done.returncode, done.stdout) == (2, b"")
    assert re.fullmatch(rb"show_trace: [^\n]*\n", done.stderr) and words.encode() in done.stderr


def test_static_programs_cannot_be_traced_and_are_told_why(programs):
    done = show_trace(programs / "wordfreq-static")
    assert done.returncode == 2 and b"not with libosmem.a" in done.stderr


def test_the_demo_runs_and_the_model_agrees(programs):
    done = run("make", "-s", "-C", EXAMPLES, "demo", f"TEXTS={LICENSES / 'BSD'}",
               f"PYTHON={sys.executable}")
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.count("calls compared, which are all") == 2
    assert text.count("heap when it was fullest") == 2


# ---- the numbers behind it, from traces written by hand --------------------------------------

def event(text):
    """An event from its lines."""
    return tuple(text.splitlines())


FIRST = ("os_malloc(8)", *GROWTH, "  = HeapStart + 0x20")
# H3: 131040 - 8 - 32 = 131000 bytes are left at the end
REFUSED_BRK = event("os_malloc(131032)\n  brk(HeapStart + 0x20020) = HeapStart + 0x20000\n  = NULL")
MAPPED = event("os_malloc(131072)\n  mmap(NULL, 131104, PROT_READ | PROT_WRITE, MAP_PRIVATE | "
               "MAP_ANONYMOUS, -1, 0) = <mapped-addr 1> + 0x0\n  = <mapped-addr 1> + 0x20")
KEPT = event("os_free(<mapped-addr 1> + 0x20)\n"
             "  munmap(<mapped-addr 1> + 0x0, 131104) = -1 ENOMEM\n  = <void>")
FREED = event("os_free(HeapStart + 0x20)\n  = <void>")


def test_refused_system_calls_change_no_number():
    numbers = stats.numbers([FIRST, REFUSED_BRK, MAPPED, KEPT, ("exit(0)",)])
    assert (numbers["largest_heap"], numbers["largest_mapped"]) == (131072, 131104)
    assert [leak["call"] for leak in numbers["leaks"]] == [1, 3]


def test_refused_system_calls_are_refused_to_the_model_too():
    seen = stats.compare_with_model([FIRST, REFUSED_BRK, MAPPED, KEPT, ("exit(0)",)], None, PAGE)
    assert (seen.calls, seen.difference, seen.stopped) == (4, None, "")


@pytest.mark.parametrize("call, gone", [
    ("os_realloc(HeapStart + 0x20, 0)\n  = NULL", True),        # X1
    ("os_realloc(HeapStart + 0x20, 64)\n  = NULL", False),      # B1
    ("os_realloc(HeapStart + 0x20, 64)", False),                # never returned
])
def test_which_reallocs_give_a_block_back(call, gone):
    assert (stats.numbers([FIRST, event(call)])["leaks"] == []) == gone


def test_a_difference_is_found_and_ends_the_comparison():
    wrong = event("os_malloc(8)\n  = HeapStart + 0x50")
    seen = stats.compare_with_model([FIRST, wrong, FREED], None, PAGE)
    assert seen.difference == (2, event("os_malloc(8)\n  = HeapStart + 0x48"), wrong)
    assert seen.calls == 2


def test_the_break_moved_by_the_program_itself_is_followed():
    moved = ("brk(HeapStart + 0x20100) = HeapStart + 0x20100",)
    beyond = event("os_malloc(131032)\n  brk(HeapStart + 0x400f8) = HeapStart + 0x400f8\n"
                   "  = HeapStart + 0x20120")        # B2: 0x20100 + 131032 + 32
    assert stats.compare_with_model([FIRST, moved, beyond], None, PAGE).difference is None
    # the 0x100 bytes in between are the program's own: not held, not drawn
    assert stats.numbers([FIRST, moved, beyond])["largest_heap"] == 0x400f8 - 0x100
    drawn = stats.heap_state(stats.follow([FIRST, moved, beyond])).heap
    assert [(b.addr, b.size, b.status) for b in drawn] == [
        (0, 8, 1), (0x28, 131000, 0), (0x20100, 131032, 1)]


@pytest.mark.parametrize("end", ["exit(0)", "killed(SIGABRT)", "<no end>"])
def test_any_end_of_a_trace_is_understood(end):
    events = [FIRST, ("os_free(HeapStart + 0x20)",), (end,)]
    assert stats.numbers(events)["calls"] == 2
    assert stats.numbers(events)["leaks"] == [{"call": 1, "name": "os_malloc", "payload": 8}]


def test_what_the_model_cannot_follow_stops_it():
    foreign = ("mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) = "
               "<mapped-addr 1> + 0x0",)
    seen = stats.compare_with_model([FIRST, foreign, FREED], None, PAGE)
    assert (seen.calls, seen.stopped) == (1, "the program itself called mmap")


def test_heap_state_has_gaps_as_free_blocks_and_short_ones_as_slack():
    events = [FIRST, event("os_malloc(1)\n  = HeapStart + 0x48"),
              event("os_malloc(16)\n  = HeapStart + 0x80"), FREED]
    model = stats.heap_state(stats.follow(events))
    # freed: 8; then 1 rounded to 8 and 16 of slack up to the header at 0x60; then 16; the rest
    assert [(b.addr, b.size, b.status) for b in model.heap] == [
        (0, 8, 0), (0x28, 0x60 - 0x48, 1), (0x60, 16, 1), (0x90, 0x20000 - 0x90 - 32, 0)]


def test_density_is_the_share_of_live_bytes_headers_included():
    model = stats.heap_state(stats.follow([FIRST]))
    cells = stats.density(model, 16)
    assert cells.size == 8192
    assert cells.shares == [40 / 8192] + [0] * 15
    assert stats.density(model, 131072 // 40 + 1).shares[:2] == [1, 0]
