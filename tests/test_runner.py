# SPDX-License-Identifier: BSD-3-Clause
"""The trace parser on literal output of ltrace, and traced runs of well-behaved programs."""

import concurrent.futures
import os
import random
import signal

import pytest

from tests.harness import build, doctor
from tests.harness.tracing import runner, trace
from tests.small_programs import compiled, library, lines, program, run

HEAP = 0x55d0a1b2c000
START = f"""\
700 SYS_brk(0)                                  = {HEAP:#x}
700 SYS_mmap(0, 8192, 3, 34, -1, 0)             = 0x7f1000000000
700 SYS_openat(0xffffff9c, 0x7ffc50492260, 0x80000, 0) = 3
700 SYS_mmap(0, 16448, 1, 2050, 3, 0)           = 0x7f1000010000
700 SYS_arch_prctl(4098, 0x7ff600f1e740, 0, 34) = 0
700 SYS_set_tid_address(0x7ff600f1ea10, 0x7ff600f1e740, 0x7ff6011510d8, 34) = 700
700 SYS_set_robust_list(0x7ff600f1ea20, 24, 0x7ff6011510d8, 34) = 0
700 SYS_334(0x7ff600f1f060, 32, 0, 0x53053053)  = 0
700 SYS_mprotect(0x7ff6010f0000, 0x4000, 1, 0x7ff600f46258) = 0
700 SYS_prlimit64(0, 3, 0, 0x7ffc50492e60)      = 0
700 SYS_munmap(0x7ff601103000, 41491)           = 0
"""
MAIN = "700 main( <unfinished ...>\n"
END = """\
700 <... main resumed> )                        = <void>
700 SYS_exit_group(0, 231, 60, 0x7ffc50492f60 <no return ...>
700 +++ exited (status 0) +++
"""
MMAP = "PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0"


def parsed(body, end=END):
    """The trace of a program whose main did `body`: lines without the process id."""
    return trace.parse(START + MAIN + "".join(f"700 {line}\n" for line in body) + end)


def told(body, end=END):
    """All symbolic lines of such a trace, which must be undamaged."""
    found = parsed(body, end)
    assert found.problem == ""
    return [line for event in trace.events_text(found) for line in event]


def inside(*body):
    """A call of os_malloc(1) with system calls in it, returning the first heap payload."""
    return ["os_malloc@libosmem.so(1 <unfinished ...>", *body,
            f"<... os_malloc resumed> )                   = {HEAP + 0x20:#x}"]


def shown_inside(*body):
    """The text of the system calls inside a call."""
    assert told(inside(*body))[0] == "os_malloc(1)"
    return told(inside(*body))[1:-2]


def test_a_crash_that_a_handler_catches_is_a_fault():
    """Otherwise a handler could skip each failed check of a program."""
    for line, caught in (("--- SIGILL (Illegal instruction) ---", "SIGILL"),
                         ("--- SIGCHLD (Child exited) ---", "")):
        found = trace.parse(f"{START}{MAIN}700 {line}\n{END}")
        assert (found.caught, found.exit_status) == (caught, 0)
        assert runner.strayed(found).startswith("caught SIGILL") == bool(caught)


def test_start_and_end_are_no_events():
    found = trace.parse(START + MAIN + END)
    assert (found.events, found.heap_start, found.exit_status) == ([], HEAP, 0)
    assert (found.pids, found.problem, found.main_seen, found.started) == (1, "", True, "")
    assert trace.events_text(found) == [("exit(0)",)]


def test_a_call_with_system_calls():
    body = inside(f"SYS_brk(0)                                  = {HEAP:#x}",
                  f"SYS_brk({HEAP + 0x20000:#x})    = {HEAP + 0x20000:#x}")
    assert trace.events_text(parsed(body)) == [
        ("os_malloc(1)", "  brk(0) = HeapStart + 0x0",
         "  brk(HeapStart + 0x20000) = HeapStart + 0x20000", "  = HeapStart + 0x20"),
        ("exit(0)",)]
    call = parsed(body).events[0]
    assert call == trace.Call("os_malloc", [1], HEAP + 0x20, [
        trace.Sys("brk", [0], HEAP), trace.Sys("brk", [HEAP + 0x20000], HEAP + 0x20000)], True)


def test_nested_calls_of_the_api_are_flattened():
    body = ["os_realloc@libosmem.so(0, 3 <unfinished ...>",
            "os_malloc@libosmem.so(3 <unfinished ...>",
            f"SYS_brk({HEAP + 8:#x})    = {HEAP + 8:#x}",
            f"<... os_malloc resumed> )  = {HEAP:#x}",
            "os_free@libosmem.so(0)  = <void>",
            f"SYS_brk({HEAP + 16:#x})    = {HEAP + 16:#x}",
            f"<... os_realloc resumed> )  = {HEAP + 0x20:#x}"]
    assert told(body) == [
        "os_realloc(NULL, 3)", "  brk(HeapStart + 0x8) = HeapStart + 0x8",
        "  brk(HeapStart + 0x10) = HeapStart + 0x10", "  = HeapStart + 0x20", "exit(0)"]


def test_mappings_are_numbered_and_purged_at_munmap():
    first, second = 0x7f2000000000, 0x7f2000100000
    body = ["os_malloc@libosmem.so(200000 <unfinished ...>",
            f"SYS_mmap(0, 200032, 3, 34, -1, 0)  = {first:#x}",
            f"<... os_malloc resumed> )  = {first + 32:#x}",
            f"os_free@libosmem.so({first + 32:#x} <unfinished ...>",
            f"SYS_munmap({first:#x}, 200032)          = 0",
            "<... os_free resumed> )  = <void>",
            f"os_free@libosmem.so({first + 32:#x})  = <void>",
            "os_malloc@libosmem.so(200000 <unfinished ...>",
            f"SYS_mmap(0, 200032, 3, 34, -1, 0)  = {second:#x}",
            f"<... os_malloc resumed> )  = {second + 32:#x}"]
    assert told(body) == [
        "os_malloc(200000)", f"  mmap(NULL, 200032, {MMAP}) = <mapped-addr 1> + 0x0",
        "  = <mapped-addr 1> + 0x20",
        "os_free(<mapped-addr 1> + 0x20)", "  munmap(<mapped-addr 1> + 0x0, 200032) = 0",
        "  = <void>",
        "os_free(<unknown>)", "  = <void>",
        "os_malloc(200000)", f"  mmap(NULL, 200032, {MMAP}) = <mapped-addr 2> + 0x0",
        "  = <mapped-addr 2> + 0x20", "exit(0)"]


def test_a_part_of_a_mapping_can_go():
    base = 0x7f2000000000
    body = [f"SYS_mmap(0, 12288, 3, 34, -1, 0)  = {base:#x}",
            f"SYS_munmap({base + 4096:#x}, 4000)  = 0",
            f"os_free@libosmem.so({base + 8:#x})  = <void>",
            f"os_free@libosmem.so({base + 4096:#x})  = <void>",
            f"os_free@libosmem.so({base + 8192:#x})  = <void>"]
    assert [line for line in told(body) if line.startswith("os_free")] == [
        "os_free(<mapped-addr 1> + 0x8)", "os_free(<unknown>)", "os_free(<mapped-addr 1> + 0x2000)"]


@pytest.mark.parametrize("printed, shown", [
    ("SYS_mmap(0, 8, 3, 34, -1, 0)  = 0xfffffffffffffff4", f"mmap(NULL, 8, {MMAP}) = -1 ENOMEM"),
    ("SYS_mmap(0, 0, 3, 34, -1, 0)  = 0xffffffffffffffea", f"mmap(NULL, 0, {MMAP}) = -1 EINVAL"),
    ("SYS_munmap(0x1, 5)  = -22", "munmap(<unknown>, 5) = -1 EINVAL"),
    ("SYS_munmap(0, 5)  = -4000", "munmap(NULL, 5) = -1"),
    (f"SYS_brk(0x1000000000000000)  = {HEAP:#x}", "brk(<unknown>) = HeapStart + 0x0"),
    ("SYS_mmap(0, 8, 7, 268468258, 3, 4096)  = 0x7f2000000000",
     "mmap(NULL, 8, PROT_READ | PROT_WRITE | PROT_EXEC, "
     "MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | 0x10000000, 3, 4096) = <mapped-addr 1> + 0x0"),
    ("SYS_mmap(0, 8, 0, 0, -1, 0)  = 0x7f2000000000",
     "mmap(NULL, 8, PROT_NONE, 0, -1, 0) = <mapped-addr 1> + 0x0"),
    ("SYS_mmap(0, 8, 67, 34, -1, 0)  = 0x7f2000000000",
     "mmap(NULL, 8, PROT_READ | PROT_WRITE | 0x40, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)"
     " = <mapped-addr 1> + 0x0"),
    ("SYS_318(0x7ffc50492e60, 8, 1, 0)  = 8", "getrandom(...)"),
    ("SYS_999(0x7ffc50492e60, 8, 1, 0)  = -38", "syscall_999(...)"),
    ("SYS_write(2, 0x7ffc50492e60, 8, 0)  = 8", "write(...)"),
    ("SYS_mremap(4096, 4096, 8192, 1)  = -14", "mremap(...)"),
])
def test_system_calls_inside_a_call(printed, shown):
    """Y1: the trace shows all of them, with the arguments of the three that are allowed."""
    assert shown_inside(printed) == ["  " + shown]


def test_outside_calls_only_memory_is_told():
    body = ["SYS_write(1, 0x7ffc50492e60, 8, 0)  = 8", f"SYS_brk(0)  = {HEAP:#x}",
            "SYS_mremap(4096, 4096, 8192, 1)  = -14", "SYS_getpid(0, 1, 2, 3)  = 700"]
    assert told(body) == ["brk(0) = HeapStart + 0x0", "mremap(...)", "exit(0)"]


@pytest.mark.parametrize("printed, shown", [
    (f"SYS_brk(0)  = {HEAP:#x}", "brk(0) = HeapStart + 0x0"),
    ("SYS_getrandom(0x7ffc50492e60, 8, 1, 0)  = 8", "getrandom(...)"),
    ("SYS_mprotect(0x7ffc50492000, 4096, 7, 0)  = 0", "mprotect(...)"),
])
def test_what_a_constructor_does_is_an_event(printed, shown):
    """Y2: between loading and main, only the loader may make system calls."""
    found = trace.parse(START + f"700 {printed}\n" + MAIN + END)
    assert trace.events_text(found) == [(shown,), ("exit(0)",)]


def test_a_pointer_reads_as_heap_up_to_64_gib():
    reach = 64 << 30
    body = [f"os_free@libosmem.so({HEAP + offset:#x})  = <void>"
            for offset in (0, reach - 1, reach, -1)]
    assert told(body)[::2] == ["os_free(HeapStart + 0x0)", "os_free(HeapStart + 0xfffffffff)",
                               "os_free(<unknown>)", "os_free(<unknown>)", "exit(0)"]


def test_sizes_are_decimal():
    body = ["os_calloc@libosmem.so(18446744073709551615, 2)  = 0"]
    assert told(body) == ["os_calloc(18446744073709551615, 2)", "  = NULL", "exit(0)"]


def test_a_signal_inside_a_call():
    end = "700 --- SIGSEGV (Segmentation fault) ---\n700 +++ killed by SIGSEGV +++\n"
    body = ["os_free@libosmem.so(0x8 <unfinished ...>"]
    assert told(body, end) == ["os_free(<unknown>)", "killed(SIGSEGV)"]
    assert parsed(body, end).open_call == trace.Call("os_free", [8])


def test_a_misuse_report_and_abort_are_not_told():
    """B4: the report is the only system call outside Y1; the others belong to abort()."""
    body = ["os_free@libosmem.so(0x8 <unfinished ...>", "SYS_write(2, 0x7ffc, 8, 0)  = 8",
            "SYS_rt_sigprocmask(1, 0x7ffc, 0, 8)  = 0", "SYS_gettid(0x7f0, 6, 0, 8)  = 700",
            "SYS_getpid(0x7f0, 6, 0, 8)  = 700", "SYS_tgkill(700, 700, 6, 8)  = 0",
            "--- SIGABRT (Aborted) ---"]
    assert told(body, "700 +++ killed by SIGABRT +++\n") == ["os_free(<unknown>)",
                                                             "killed(SIGABRT)"]


def test_an_interrupted_system_call_gets_its_result():
    body = inside(f"SYS_brk({HEAP + 8:#x} <unfinished ...>", "--- SIGCHLD (Child exited) ---",
                  f"<... SYS_brk resumed> )  = {HEAP + 8:#x}")
    assert told(body)[1] == "  brk(HeapStart + 0x8) = HeapStart + 0x8"


@pytest.mark.parametrize("body, shown", [
    ([f"SYS_brk({HEAP:#x})  = "], ["brk(HeapStart + 0x0) = <no return>"]),
    (["os_malloc@libosmem.so(1)  = "], ["os_malloc(1)"]),
    (inside("SYS_brk(0)  = ")[:-1],
     ["os_malloc(1)", "  brk(0) = <no return>"]),
    (["os_malloc@libosmem.so(1 <unfinished ...>", "<... os_malloc resumed> )  = "],
     ["os_malloc(1)"]),
    ([f"SYS_brk({HEAP:#x} <unfinished ...>", "<... SYS_brk resumed> )  = "],
     ["brk(HeapStart + 0x0) = <no return>"]),
])
def test_a_process_that_is_killed_has_no_last_result(body, shown):
    """The harness kills it at the time-out; ltrace then prints nothing but the end."""
    assert told(body, "700 +++ killed by SIGKILL +++\n") == [*shown, "killed(SIGKILL)"]
    assert parsed([*body, "SYS_getpid(1)  = 700"]).problem == \
        "not a line of ltrace: '700 SYS_getpid(1)  = 700'"
    assert parsed(body).problem.startswith("not a line of ltrace")


def test_other_processes_do_not_speak():
    other = "701 os_malloc@libosmem.so(5)  = 0\n"
    found = trace.parse(START + MAIN + "700 SYS_clone(0x1200011, 0, 0, 0x7f0)  = 701\n"
                        + other + END + other)
    assert (found.pids, found.started, found.events) == (2, "process", [])
    thread = parsed(["SYS_clone(0x3d0f00, 0x7f0, 0x7f1, 0x7f2)  = 701"])
    assert thread.started == "thread"
    assert parsed(["SYS_435(0x7f0, 88, 0x7f1, 8)  = -38"]).started == ""


@pytest.mark.parametrize("line", [
    "700 os_malloc(5)  = 0",
    "700 os_malloc@libother.so(5)  = 0",
    "700 os_malloc@libosmem.so(5, 6)  = 0",
    "700 os_malloc@libosmem.so(\"x\")  = 0",
    "700 os_memory@libosmem.so(5)  = 0",
    "700 <... os_free resumed> )  = <void>",
    "700 <... SYS_brk resumed> )  = 0",
    "700 +++ exited (status 0) +++ ",
    "700  SYS_brk(0)  = 1",
    "SYS_brk(0)  = 1",
    "700 SYS_brk(0) = 1 = 2",
    "",
    "hello",
])
def test_what_ltrace_does_not_print_is_a_problem(line):
    found = trace.parse(START + MAIN + line + "\n" + END)
    assert found.problem.startswith("not a line of ltrace")
    assert "\n" not in found.problem


def test_nothing_comes_after_the_end():
    assert trace.parse(START + MAIN + END + "700 SYS_brk(0)  = 1\n").problem


def test_a_trace_that_is_cut_or_binary_is_a_problem():
    assert trace.parse(START + MAIN + END[:-3]).problem
    assert trace.parse(b"\xff\0\n" * 3).problem
    assert trace.parse("").problem


def test_no_damage_stops_the_reader():
    """Lines of a good trace, cut, joined and changed at random (seeded): a trace or a problem."""
    good = (START + MAIN + "\n".join("700 " + line for line in inside(
        "SYS_mmap(0, 8192, 3, 34, -1, 0)  = 0x7f1000000000", "SYS_munmap(0x7f1000000000, 9)  = 0",
        f"SYS_brk({HEAP:#x})  = {HEAP:#x}", "--- SIGCHLD (Child exited) ---")) + "\n" + END)
    draw = random.Random(17)
    problems = 0
    for _ in range(300):
        text = list(good)
        for _ in range(draw.randrange(1, 6)):
            start = draw.randrange(len(text))
            text[start:start + draw.randrange(40)] = draw.choice(["", "9" * 5000, "\n", "x", "0x"])
        found = trace.parse("".join(text))
        problems += bool(found.problem)
        assert trace.events_text(found)[-1][0].split("(")[0] in ("exit", "killed", "<no end>")
    assert problems > 250


def test_a_program_is_run_and_traced():
    result = run("void *p = os_malloc(1000);\nvoid *q = os_malloc(200000);\n"
                 "os_free(q);\nos_free(p);\np = os_realloc(p, 8);\nreturn argc + argv[1][0];",
                 args=("A",))
    assert lines(result) == [
        "os_malloc(1000)", "  brk(0) = HeapStart + 0x0",
        "  brk(HeapStart + 0x408) = HeapStart + 0x408", "  = HeapStart + 0x20",
        "os_malloc(200000)", f"  mmap(NULL, 200032, {MMAP}) = <mapped-addr 1> + 0x0",
        "  = <mapped-addr 1> + 0x20",
        "os_free(<mapped-addr 1> + 0x20)", "  munmap(<mapped-addr 1> + 0x0, 200032) = 0",
        "  = <void>", "os_free(HeapStart + 0x20)", "  = <void>",
        "os_realloc(HeapStart + 0x20, 8)",
        "  brk(HeapStart + 0x430) = HeapStart + 0x430", "  = HeapStart + 0x428",
        f"exit({2 + ord('A')})"]
    assert (result.status, result.code, result.reason) == ("exited", 2 + ord("A"), "")
    assert result.comparable


def test_output_and_input():
    echo = ("char text[100];\nfor (ssize_t n; (n = read(0, text, 100)) > 0;) {\n"
            "write(1, text, n);\nwrite(2, text, n);\n}")
    include = "#include <unistd.h>\n"
    given = run(echo, include, stdin=b"some\0bytes")
    assert (given.stdout, given.stderr) == (b"some\0bytes", b"some\0bytes")
    assert run(echo, include).stdout == b""


def test_the_environment_is_fixed(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "xyzzy")
    result = run("for (char **one = environ; *one; one++)\nputs(*one);",
                 "#define _GNU_SOURCE\n#include <stdio.h>\n#include <unistd.h>\n")
    names = [line.split(b"=")[0] for line in result.stdout.splitlines()]
    assert sorted(names) == [b"HOME", b"LANG", b"LD_LIBRARY_PATH"]


def test_limits_and_working_directory():
    result = run(
        "struct rlimit now;\nchar here[1000];\nint what[] = {RLIMIT_CORE, RLIMIT_FSIZE, RLIMIT_AS};"
        "\nfor (int i = 0; i < 3; i++) {\ngetrlimit(what[i], &now);\n"
        'printf("%lu ", now.rlim_max);\n}\nDIR *d = opendir(".");\nint files = 0;\n'
        'while (readdir(d))\nfiles++;\nprintf("%d", files);',
        "#include <dirent.h>\n#include <stdio.h>\n#include <sys/resource.h>\n")
    assert result.stdout.split() == [b"0", b"%d" % (16 << 20), b"%d" % (2 << 30), b"2"]


def test_a_signal_is_told():
    result = run("abort();", "#include <stdlib.h>\n")
    assert (result.status, result.code) == ("killed", signal.SIGABRT)
    assert result.reason == "crashed with SIGABRT"
    assert result.comparable


def test_signals_that_are_handled_are_not_reported():
    """Except those of a crash: test_a_crash_that_a_handler_catches_is_a_fault()."""
    crashes = "".join(f"s != {name} && " for name in trace.CRASHES)
    result = run("for (int s = 1; s <= SIGRTMAX; s++)\n"
                 f"if ({crashes}signal(s, nothing) != SIG_ERR)\nraise(s);\nos_malloc(7);",
                 "#include <signal.h>\nstatic void nothing(int s) {}\n")
    assert (result.reason, lines(result)[0]) == ("", "os_malloc(7)")


def test_what_the_c_library_does_to_the_break_is_told():
    result = run('printf("%s", "x");', "#include <stdio.h>\n")
    assert lines(result)[:2] == ["brk(0) = HeapStart + 0x0",
                                 "brk(HeapStart + 0x21000) = HeapStart + 0x21000"]


def test_runs_do_not_disturb_each_other():
    path, lib = program("for (int i = 0; i < 50; i++)\nos_free(os_malloc(argc));"), library()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(
            lambda count: runner.run_traced(path, lib, ["x"] * (count % 3)), range(12)))
    assert [result.reason for result in results] == [""] * 12
    assert [lines(result)[0] for result in results] == ["os_malloc(1)", "os_malloc(2)",
                                                        "os_malloc(3)"] * 4


def test_staging_is_readable_and_goes_away(tmp_path):
    source = tmp_path / "some"
    source.write_text("x")
    with build.stage(library(), [source]) as place:
        assert sorted(os.listdir(place)) == ["cwd.d", "libosmem.so", "some"]
        assert os.stat(place).st_mode & 0o777 == 0o755
        assert os.stat(os.path.join(place, "some")).st_mode & 0o777 == 0o555
    assert not os.path.exists(place)


def test_programs_are_built_when_outdated(tmp_path):
    source, header = tmp_path / "one.c", tmp_path / "one.h"
    header.write_text("#define STATUS 3\n")
    source.write_text('#include "one.h"\nint main(void) { return STATUS; }\n')
    lib_dir, out = os.path.dirname(library()), tmp_path / "out"
    path = build.build_program(source, lib_dir, out)
    made = os.stat(path).st_mtime_ns
    assert build.build_program(source, lib_dir, out) == path
    assert os.stat(path).st_mtime_ns == made
    os.utime(header, ns=(made + 1, made + 1))
    assert build.build_programs([source], lib_dir, out) == [path]
    assert os.stat(path).st_mtime_ns != made
    assert os.listdir(out) == ["one"]


def refusal(call, *args):
    """The one line of the HarnessError that a call raises."""
    with pytest.raises(build.HarnessError) as caught:
        call(*args)
    text = str(caught.value)
    assert "\n" not in text and "; " in text
    return text


def test_refusals_say_cause_and_remedy(tmp_path, monkeypatch):
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return x; }\n")
    assert "broken.c does not build" in refusal(build.build_program, broken, tmp_path, tmp_path)
    assert "no libosmem.so" in refusal(build.check_library, tmp_path)
    assert "there is no directory" in refusal(build.build_library, tmp_path / "none")
    none = compiled("libosmem.so", "static void os_malloc(void) {}", "-shared", "-fPIC")
    assert "does not export os_malloc, os_calloc, os_realloc, os_free" in refusal(
        build.check_library, os.path.dirname(none))
    path, lib = program("return 0;"), library()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install ltrace" in refusal(runner.run_traced, path, lib)
    assert "apt-get install gcc" in refusal(build.build_program, broken, tmp_path, tmp_path)
    assert "apt-get install make" in refusal(build.build_library, tmp_path)


def test_ltrace_that_cannot_trace_is_the_harness_failing(tmp_path, monkeypatch):
    fake = tmp_path / "ltrace"
    fake.write_text("#!/bin/sh\necho PTRACE_TRACEME: Operation not permitted >&2\nexit 1\n")
    fake.chmod(0o755)
    path, lib = program("return 0;"), library()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "PTRACE_TRACEME: Operation not permitted" in refusal(runner.run_traced, path, lib)
    found = {name: (good, detail) for name, good, detail, _ in doctor.doctor()}
    assert found["ptrace"][0] is False and "not permitted" in found["ptrace"][1]
    assert found["trace channel"][0] is False


def test_the_doctor_finds_this_machine_well():
    found = doctor.doctor()
    assert [(name, detail, remedy) for name, good, detail, remedy in found if not good] == []
    assert {"compiler", "ltrace", "ptrace", "trace channel"} <= {name for name, *_ in found}


def test_the_doctor_tells_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    missing = {name: remedy for name, good, _, remedy in doctor.doctor() if not good}
    assert "apt-get install gcc" in missing["compiler"]
    assert "apt-get install ltrace" in missing["ltrace"]
    assert "apt-get install make" in missing["make"]
