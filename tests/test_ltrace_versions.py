# SPDX-License-Identifier: BSD-3-Clause
"""ltrace 0.7.3 (Debian 12, Ubuntu 22.04) and 0.7.91 (Debian 13, Ubuntu 24.04) give equal traces.

tests/traces/ has the output of each version for four programs: calls of every kind, with a failed
mmap and a file name that looks like a line of a trace; a crash; a program that hangs and is killed;
a handled signal and a misuse.
"""

from pathlib import Path

import pytest

from tests.harness.tracing import trace

TRACES = Path(__file__).resolve().parent / "traces"
ENDS = {"calls": (7, None), "crash": (None, "SIGSEGV"), "hang": (None, "SIGKILL"),
        "signal": (None, "SIGABRT")}


def read(name, version):
    """The Trace of a program, from the output of one version."""
    return trace.parse((TRACES / f"{name}-{version}.trace").read_bytes())


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("version", ["0.7.3", "0.7.91"])
def test_each_version_is_read(name, version):
    found = read(name, version)
    assert found.problem == ""
    assert (found.exit_status, found.signal) == ENDS[name]
    assert found.main_seen and found.heap_start and found.pids == 1


@pytest.mark.parametrize("name", ENDS)
def test_both_versions_have_the_same_events(name):
    texts = [trace.events_text(read(name, version)) for version in ("0.7.3", "0.7.91")]
    if name == "signal":        # abort() of a newer C library blocks no signal first
        texts = [[line for line in text if line != "  rt_sigprocmask(...)"]
                 for events in texts for text in [sum(map(list, events), [])]]
    assert texts[0] == texts[1]


def test_a_string_in_a_system_call_is_no_line_of_its_own():
    """The file name in `calls` looks like a whole call of os_free()."""
    text = (TRACES / "calls-0.7.91.trace").read_text(encoding="ascii")
    assert '"/dev/null " <unfinished ...>' in text
    calls = [event for event in read("calls", "0.7.91").events if isinstance(event, trace.Call)]
    assert [call.name for call in calls] == ["os_calloc", *["os_realloc"] * 3]


START = {"0.7.3": "7 SYS_brk(0) = 0x5000\n", "0.7.91": "7 brk@SYS(nil) = 0x5000\n"}
IN_A_CALL = "7 main( <unfinished ...>\n7 os_free@libosmem.so(0 <unfinished ...>\n"


@pytest.mark.parametrize("older, newer, shown", [
    ("SYS_460(1, -136)", "SYS_460@SYS(1, -104)", "lsm_set_self_attr(...)"),
    ("SYS_323(1)", "userfaultfd@SYS(1)", "userfaultfd(...)"),
    ("SYS_999(1)", "SYS_999@SYS(1)", "syscall_999(...)"),
])
def test_a_new_system_call_has_one_name(older, newer, shown):
    for version, line in (("0.7.3", older), ("0.7.91", newer)):
        found = trace.parse(f"{START[version]}{IN_A_CALL}7 {line} = -38\n7 <... os_free resumed> ) "
                            "= <void>\n7 +++ exited (status 0) +++\n",
                            trace.Parser("x86_64"))
        assert found.problem == ""
        assert trace.events_text(found)[0] == ("os_free(NULL)", "  " + shown, "  = <void>")


@pytest.mark.parametrize("machine, line, shown", [
    ("x86_64", "SYS_334@SYS(1)", "rseq(...)"), ("x86_64", "SYS_293@SYS(1)", "syscall_293(...)"),
    ("aarch64", "293@SYS(1)", "rseq(...)"), ("aarch64", "282@SYS(1)", "userfaultfd(...)"),
    ("aarch64", "294@SYS(1)", "kexec_file_load(...)"), ("aarch64", "435@SYS(1)", "clone3(...)"),
    ("riscv64", "293@SYS(1)", "syscall_293(...)"),
])
def test_a_number_is_that_of_the_processor(machine, line, shown):
    """On arm64, 0.7.91 knows few names and prints numbers without SYS_."""
    found = trace.parse(f"{START['0.7.91']}{IN_A_CALL}7 {line} = 0\n7 <... os_free resumed> ) "
                        "= <void>\n7 +++ exited (status 0) +++\n", trace.Parser(machine))
    assert trace.events_text(found)[0] == ("os_free(NULL)", "  " + shown, "  = <void>")


@pytest.mark.parametrize("version, call, name", [("0.7.3", "SYS_wait4(-1, 0)", "SYS_wait4"),
                                                 ("0.7.91", "wait4@SYS(-1, nil)", "wait4")])
def test_a_system_call_goes_on_after_another_process(version, call, name):
    """In the line `resumed`, 0.7.91 omits the @SYS."""
    call = call.removesuffix(")")
    text = (f"{START[version]}7 main( <unfinished ...>\n7 {call} <unfinished ...>\n"
            f"8 +++ exited (status 0) +++\n7 <... {name} resumed> ) = 8\n"
            "7 <... main resumed> ) = <void>\n7 +++ exited (status 0) +++\n")
    found = trace.parse(text)
    assert (found.problem, found.exit_status, found.pids) == ("", 0, 2)


@pytest.mark.parametrize("line", ["1 brk@SYS(nil)", "1 brk@SYSnil) = 0", "1 brk@LIB(nil) = 0",
                                  "1 os_free@SYS.so(nil) = <void>"])
def test_what_neither_version_prints_is_damage(line):
    assert trace.parse(line + "\n").problem.startswith("not a line of ltrace")
