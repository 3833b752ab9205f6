# SPDX-License-Identifier: BSD-3-Clause
"""Libraries and programs that forge, hang, crash or attack spoil only their own run.

Each case states the harness's report, and checks that no process is left running.
"""

import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.harness.tracing import runner, trace
from tests.small_programs import compiled, library, library_with, lines, program, run, scratch

SYSTEM = """\
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
"""
FORGED = SYSTEM + (Path(__file__).parent / "forge.h").read_text(encoding="ascii")
NOTHING = """
#include <stddef.h>
void *os_malloc(size_t n) { return 0; }
void *os_calloc(size_t k, size_t n) { return 0; }
void *os_realloc(void *p, size_t n) { return 0; }
void os_free(void *p) { }
"""
CONSTRUCTOR = "__attribute__((constructor)) static void first(void)\n{\n%s\n}\n"
ONE_CALL = "os_malloc(1000);"


def running(name):
    """The processes whose program file is called `name`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(os.path.basename(word) == name.encode() for word in words):
                found.append(int(entry.name))
    return found


def wait_until_gone(name):
    """The processes of a program that remain after the kernel has had time to kill them."""
    end = time.monotonic() + 60
    while running(name) and time.monotonic() < end:
        time.sleep(0.01)
    return running(name)


@pytest.fixture(name="attack")
def attack_fixture(request):
    """run() a hostile program under a unique name, and check that no process of it remains."""
    name = f"hostile-{os.getpid()}-{abs(hash(request.node.name))}"

    def attack(body=ONE_CALL, lib=None, **options):
        return run(body, SYSTEM, lib, name, **options)

    yield attack
    assert wait_until_gone(name) == []


def honest():
    """Check that a well-behaved program still gets the right result."""
    result = run(ONE_CALL)
    assert (result.reason, lines(result)[0], result.comparable) == ("", "os_malloc(1000)", True)


def test_forged_lines_on_every_descriptor_do_not_reach_the_trace(attack):
    """A library that implements nothing and writes a perfect trace to every descriptor it finds."""
    lib = library(FORGED + CONSTRUCTOR % "" + NOTHING.replace("{ return 0; }", "{ "
                  "forge_everywhere(); return 0; }", 1))
    result = attack(lib=lib, timeout=20.0)
    assert b"424242" in result.stdout and b"424242" in result.stderr
    assert result.trace.problem == ""
    assert [call.args for call in result.trace.events if isinstance(call, trace.Call)] == [[1000]]
    assert lines(result)[0] == "os_malloc(1000)"
    assert "  write(...)" in lines(result)
    assert lines(result)[-2:] == ["  = NULL", "exit(0)"]


def test_a_constructor_that_forges_and_exits(attack):
    lib = library(FORGED + CONSTRUCTOR % "forge_everywhere();\n_exit(0);" + NOTHING)
    result = attack(lib=lib, timeout=20.0)
    assert result.reason == "exited with status 0 before main began"
    assert not result.comparable
    assert "os_malloc(424242)" not in lines(result)


def test_forged_lines_in_a_library_name_do_not_reach_the_trace(attack):
    """ltrace prints library names: the program loads a library with newlines in its name."""
    soname = ("libosmem.so(5)  = 0\\n1 os_malloc@libosmem.so(424242)  = 0\\n1 libosmem.so")
    second = compiled("second.so", NOTHING, "-shared", "-fPIC",
                      "-Wl,-soname," + soname.replace("\\n", "\n"))
    result = attack('void *l = dlopen(argv[1], RTLD_NOW);\nif (!l)\nreturn 1;\n'
                    'void *(*f)(size_t) = dlsym(l, "os_malloc");\nf(5);\n' + ONE_CALL,
                    args=(second,))
    assert result.code == 0
    assert result.trace.problem == ""
    calls = [event.args for event in result.trace.events if isinstance(event, trace.Call)]
    assert calls == [[1000]]


def test_calls_before_main_are_not_taken_for_the_programs(attack):
    """ltrace does not see the calls of a constructor, but their system calls are events (Y2)."""
    result = attack(lib=library_with('#include "osmem.h"\n' + CONSTRUCTOR % "os_malloc(8);"))
    assert lines(result)[:3] == ["brk(0) = HeapStart + 0x0",
                                 "brk(HeapStart + 0x28) = HeapStart + 0x28", "os_malloc(1000)"]


def test_calls_after_main_are_not_taken_for_the_programs(attack):
    after = "__attribute__((destructor)) static void last(void)\n{\nos_free(0);\n}\n"
    result = attack(lib=library_with('#include "osmem.h"\n' + after))
    assert result.reason == "os_free was called before main or after it"


def test_functions_of_the_c_library_are_not_replaced(attack):
    """Neither the functions with which a test program checks and reports, nor the entry to main."""
    fakes = ("long write(int fd, void *p, unsigned long n) { return n; }\n"
             "int memcmp(void *a, void *b, unsigned long n) { return 0; }\n"
             "void _exit(int);\nint __libc_start_main(void) { _exit(0); }\n")
    result = attack('write(1, "seen", 4);\nreturn memcmp(argv[0], "x", argc) ? 9 : 0;',
                    lib=library(fakes + NOTHING))
    assert (result.stdout, result.code, result.reason) == (b"seen", 9, "")


def test_what_a_constructor_does_is_seen(attack):
    """Y2: system calls for the break, and those for changing the program's code."""
    lib = library_with(SYSTEM + CONSTRUCTOR % (
        "sbrk(0);\nmprotect((void *)((long)first & -4096), 4096, PROT_READ | PROT_WRITE"
        " | PROT_EXEC);\nopen(\"/proc/self/mem\", O_RDWR);"))
    assert lines(attack(lib=lib))[:3] == ["brk(0) = HeapStart + 0x0", "mprotect(...)",
                                          "openat(...)"]


def test_a_library_that_is_none(attack, tmp_path):
    (tmp_path / "libosmem.so").write_text("not a library")
    result = attack(lib=str(tmp_path))
    assert result.reason == "exited with status 127 before main began"
    assert b"libosmem.so" in result.stderr


def test_the_tracer_cannot_be_killed(attack):
    """The signals are refused; the program continues and is traced to its end."""
    result = attack("int left = 0;\nleft += kill(getppid(), SIGKILL);\n"
                    "left += kill(-1, SIGKILL);\nleft += kill(0, SIGKILL);\n"
                    "left += kill(-getppid(), SIGKILL);\nleft += kill(getppid(), SIGSTOP);\n"
                    "left += syscall(SYS_tkill, getppid(), SIGKILL);\n"
                    "left += syscall(SYS_tgkill, getppid(), getppid(), SIGKILL);\n"
                    "struct rlimit no = {0, 0};\n"
                    "left += prlimit(getppid(), RLIMIT_CPU, &no, 0);\nos_malloc(7);\n"
                    "return -left;")
    assert (result.status, result.code) == ("exited", 8)
    assert lines(result)[0] == "os_malloc(7)"
    honest()


def test_a_constructor_that_kills_all_around_it():
    """It cannot reach programs that run at the same time, the harness or its threads."""
    bad = library_with("#include <signal.h>\n#include <unistd.h>\n" + CONSTRUCTOR % (
        "for (int round = 0; round < 100; round++)\n"
        "for (int pid = getpid() - 40; pid < getpid() + 80; pid++)\n"
        "if (pid != getpid())\nkill(pid, SIGKILL);"))
    good, tests = library(), program(ONE_CALL)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda lib: runner.run_traced(tests, lib, timeout=20.0),
                                [bad, good, bad, good, good, bad, good, good]))
    assert [result.reason for result in results] == [""] * len(results)
    assert [lines(result)[0] == "os_malloc(1000)" for result in results] == [
        False, True, False, True, True, False, True, True]


def test_a_killed_tracer_takes_the_program_with_it(attack):
    """Whatever killed the tracer, the run reports it, and the program ends with its tracer."""
    results = []
    thread = threading.Thread(
        target=lambda: results.append(attack("os_malloc(7);\nfor (;;)\npause();", timeout=60)))
    thread.start()
    tracer = None
    while tracer is None and thread.is_alive():
        tracer = next((pid for pid in children("self")
                       if any(has_loaded(child) for child in children(pid))), None)
    os.kill(tracer, signal.SIGKILL)
    thread.join()
    assert (results[0].status, results[0].comparable) == ("tracer", False)
    assert results[0].reason.startswith("the tracer was killed or failed")
    honest()


def test_a_killed_harness_takes_everything_with_it():
    name = f"hostile-alone-{os.getpid()}"
    path = program("os_malloc(7);\nfor (;;)\npause();", SYSTEM, name)
    harness = subprocess.Popen(
        [sys.executable, "-c", "import sys; from harness.tracing import runner\n"
         "runner.run_traced(*sys.argv[1:], timeout=60)", path, library()],
        cwd=Path(__file__).parent, env={**os.environ, "TMPDIR": scratch()})
    while not any(has_loaded(pid) for tracer in children(harness.pid) for pid in children(tracer)):
        assert harness.poll() is None
    harness.kill()
    harness.wait()
    assert wait_until_gone(name) == []


def children(pid):
    """The processes that all threads of a process have started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    except OSError:
        return []


def has_loaded(pid):
    """Whether a program, and its trace, have reached the library."""
    try:
        return "libosmem.so" in Path(f"/proc/{pid}/maps").read_text(encoding="ascii")
    except OSError:
        return False


@pytest.mark.parametrize("how, what", [
    ("if (!fork())\n_exit(0);", "process"),
    ("if (!vfork())\n_exit(0);", "process"),
    ("system(\"true\");", "process"),
    ("pthread_t t;\npthread_create(&t, 0, (void *(*)(void *))sleep, (void *)100);", "thread"),
    ("if (!fork()) {\nsetsid();\nif (!fork())\nfor (;;)\npause();\n_exit(0);\n}\nsleep(100);",
     "process"),
    ("for (;;)\nfork();", "process"),
])
def test_processes_and_threads(attack, how, what):
    """None is left, not even a daemon in its own session or a swarm of processes."""
    result = attack("os_malloc(7);\n" + how)
    assert result.reason.startswith(f"started a {what}")
    assert not result.comparable
    assert lines(result)[0] == "os_malloc(7)"


def test_a_process_that_escapes_tracing_is_not_started(attack):
    result = attack(
        "long got = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, 0, 0, 0, 0);\n"
        "if (got == 0)\nfor (;;)\npause();\nreturn got == -1 && errno == EPERM ? 9 : 1;")
    assert (result.status, result.code, result.reason) == ("exited", 9, "")


def test_a_library_that_forks_inside_a_call(attack):
    lib = library(SYSTEM + NOTHING.replace("{ return 0; }", "{ fork(); return 0; }", 1))
    assert attack(lib=lib).reason.startswith("started a process inside os_malloc:")


@pytest.mark.parametrize("body", [
    "for (;;)\n;",
    "for (;;)\nusleep(100);",
    "sigset_t all;\nsigfillset(&all);\nsigprocmask(SIG_BLOCK, &all, 0);\nfor (;;)\npause();",
    "for (int s = 1; s < 32; s++)\nsignal(s, SIG_IGN);\nfor (;;)\nsleep(100);",
])
def test_a_program_that_hangs(attack, body):
    result = attack("os_malloc(7);\n" + body, timeout=3.0)
    assert (result.status, result.comparable) == ("timeout", False)
    assert result.reason == "hung: did not end within 3 s"
    assert lines(result)[0] == "os_malloc(7)"


def test_a_library_that_hangs_crashes_or_exits_in_a_call(attack):
    """The reason names the call."""
    lib = library("#include <unistd.h>\n" + NOTHING.replace(
        "{ return 0; }", "{ if (n == 1) for (;;); if (n == 2) *(volatile int *)8 = 0;\n"
        "if (n == 3) _exit(0);\nif (n == 4) __builtin_trap(); return 0; }", 1))
    found = {count: attack("os_malloc(argv[1][0] - '0');", lib=lib, args=(str(count),),
                           timeout=3.0 if count == 1 else 60.0) for count in range(1, 5)}
    assert {count: result.reason for count, result in found.items()} == {
        1: "hung: did not end within 3 s inside os_malloc(1)",
        2: "crashed with SIGSEGV inside os_malloc(2)",
        3: f"called exit(0) inside os_malloc(3): {runner.NO_EXIT}",
        4: "crashed with SIGILL inside os_malloc(4)"}
    assert [result.comparable for result in found.values()] == [False, True, False, True]
    assert [result.status for result in found.values()] == ["timeout", "killed", "exited",
                                                            "killed"]


# Ubuntu's gcc begins each function with endbr64 where it is not told otherwise.
NO_ENDBR = "-fcf-protection=none"


def test_a_crash_on_a_functions_first_instruction(attack):
    """ltrace cannot report a crash at its own breakpoint; the harness does not call that a hang."""
    lib = library(NOTHING.replace("void os_free(void *p) { }",
                                  "void os_free(volatile int *p) { *p = 0; }"), "-O2", NO_ENDBR)
    result = attack("os_free(NULL);", lib=lib, timeout=4.0)
    assert result.reason == "crashed on the first instruction of a function inside os_free(NULL)"
    assert result.stalled and not result.comparable


@pytest.mark.parametrize("body, names", [
    ("for (;;);", "os_free"),
    ("os_free(p); count++;", "os_free"),
    ("os_realloc(p, 1); count++;", "os_free and os_realloc"),
])
def test_a_function_that_never_stops_beginning(body, names, attack):
    """ltrace gives up; the reason names the library's mistake, not an attack on ltrace."""
    text = NOTHING.replace("{ return 0; }\nvoid os_free(void *p) { }",
                           "{ void os_free(void *); os_free(p); return p; }\n"
                           f"volatile int count;\nvoid os_free(void *p) {{ {body} }}")
    result = attack("os_free(NULL);", lib=library(text, NO_ENDBR))
    assert re.fullmatch(r"looped endlessly inside os_free\(NULL\): 6\d nested calls of "
                        rf"{names} have not returned; it calls itself, or loops back to its "
                        r"first instruction", result.reason), result.reason
    assert not result.comparable
    assert result.stderr == b"", "what ltrace says of it is not the program's"


def test_a_function_that_is_defined_nowhere(attack):
    """The loader searches for the function when it is called, and exits inside that call."""
    lib = library(NOTHING.replace("{ return 0; }", "{ void coalesce_al(void); coalesce_al(); "
                                  "return 0; }", 1))
    result = attack("os_free(NULL);\nos_malloc(7);", lib=lib)
    assert result.reason == ("needs coalesce_al inside os_malloc(7), which is defined nowhere: "
                             "is its name misspelt, or its file not linked?")
    assert not result.comparable


def test_a_program_that_stops_itself_is_continued(attack):
    result = attack("raise(SIGSTOP);\nos_malloc(7);")
    assert (result.reason, lines(result)[0]) == ("", "os_malloc(7)")


def test_another_program_in_its_place(attack):
    result = attack('os_malloc(7);\nexecl("/bin/true", "true", (char *)0);')
    assert result.reason == "replaced itself with another program (exec)"
    assert not result.comparable


def test_binary_output_of_megabytes(attack):
    result = attack("char text[65536];\nfor (int i = 0; i < 65536; i++)\ntext[i] = i * 7;\n"
                    "for (int i = 0; i < 100; i++) {\nwrite(1, text, sizeof(text));\n"
                    "write(2, text, sizeof(text));\n}\nos_malloc(7);", timeout=20.0)
    assert (len(result.stdout), len(result.stderr)) == (runner.OUTPUT_KEPT, runner.OUTPUT_KEPT)
    assert (lines(result)[0], result.reason) == ("os_malloc(7)", "")


def test_a_trace_that_does_not_end(attack):
    result = attack("for (;;)\nos_free(0);", timeout=60.0, trace_most=50000)
    assert result.reason.startswith("made a trace over 0.0476837 MB")
    assert not result.comparable
    assert lines(result)[0] == "os_free(NULL)"


def test_descriptors_may_be_closed(attack):
    result = attack("for (int fd = 0; fd < 300; fd++)\nclose(fd);\nos_malloc(7);")
    assert (lines(result)[0], result.reason) == ("os_malloc(7)", "")


def test_memory_has_an_end(attack):
    result = attack("void *p = mmap(0, 3ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | "
                    "MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);\nreturn p == MAP_FAILED ? 9 : 1;")
    assert result.code == 9


def test_files_have_an_end(attack):
    result = attack("int fd = memfd_create(\"x\", 0);\nftruncate(fd, 1l << 30);")
    assert result.reason == "crashed with SIGXFSZ"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's programs run as another user")
def test_the_staged_files_cannot_be_changed(attack):
    """Nor the tracer's memory, because the program runs as another user."""
    result = attack(
        'char path[64];\nint ways = 0;\nways += open(argv[0], O_RDWR) >= 0;\n'
        'ways += unlink(argv[0]) == 0;\nways += chmod(argv[0], 0777) == 0;\n'
        'ways += open("new", O_CREAT | O_RDWR, 0600) >= 0;\n'
        'ways += open("../new", O_CREAT | O_RDWR, 0600) >= 0;\n'
        'ways += rename("../libosmem.so", "../other") == 0;\n'
        'snprintf(path, sizeof(path), "/proc/%d/mem", getppid());\n'
        'ways += open(path, O_RDWR) >= 0;\nways += setuid(0) == 0;\nreturn ways;')
    assert (result.status, result.code) == ("exited", 0)


def test_hostile_and_honest_programs_side_by_side():
    """The pool of workers that runs a suite is not disturbed by one bad test."""
    bad = program("for (;;)\nkill(-1, SIGKILL), fork();", SYSTEM, f"bad-{os.getpid()}")
    good, lib = program(ONE_CALL), library()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = list(pool.map(
            lambda path: runner.run_traced(path, lib), [bad, good, good, bad, good, good]))
    assert [result.comparable for result in results] == [False, True, True, False, True, True]
    assert wait_until_gone(os.path.basename(bad)) == []
