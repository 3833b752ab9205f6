# SPDX-License-Identifier: BSD-3-Clause
"""The quoted line of a build's output is the error that stopped gcc, clang, the linker or make."""

import os
import shutil
import subprocess

import pytest

from tests import submit
from tests.harness import build, diagnostics

# Sources that do not build: name -> ({file: text}, what the quoted line holds for gcc, for clang).
# The word "error" stands in every one of them where it means nothing.
UNDECLARED = ("'nope' undeclared", "undeclared identifier 'nope'")
BROKEN = {
    "a function whose name has the word": (
        {"a.c": "int print_error(int x) { retrun x; }\n"},
        ("a.c:1:26: error: unknown type name 'retrun'", "a.c:1:26: error: use of undeclared")),
    "warnings before the error": (
        {"a.c": "static int print_error(void) { return 1; }\n#warning x.c:1:2: error: none\n"
                "char f(void) { }\nint g(void) { return nope; }\n"},
        [f"a.c:4:22: error: {text}" for text in (UNDECLARED[0], "use of " + UNDECLARED[1])]),
    "an error in a header": (
        {"a.c": '#include "error.h"\n', "error.h": "int f(void) { return nope; }\n"},
        [f"error.h:1:22: error: {text}" for text in (UNDECLARED[0], "use of " + UNDECLARED[1])]),
    "a header that is not there": (
        {"a.c": "#include <nowhere/error.h>\n"},
        ("a.c:1:10: fatal error: nowhere/error.h", "a.c:1:10: fatal error: 'nowhere/error.h'")),
    "a label": (
        {"a.c": "int f(int x)\n{\n\tif (x)\n\t\tgoto error;\nerror: return nope;\n}\n"},
        [f"a.c:5:15: error: {text}" for text in (UNDECLARED[0], "use of " + UNDECLARED[1])]),
    "a macro": (
        {"a.c": "#define error_if(x) do { if (x) return nope; } while (0)\n"
                "int f(int a) { error_if(a); return 0; }\n"},
        UNDECLARED),
    "a conflict that a note explains": (
        {"a.c": "int print_error(int);\nchar *print_error(int a) { return 0; }\n"},
        ("a.c:2:7: error: conflicting types", "a.c:2:7: error: conflicting types")),
    "an #error": ({"a.c": "#error meant so\n"}, ("#error meant so", "error: meant so")),
    "an assembler's error": (
        {"a.c": 'void error(void) { __asm__("bogus %rax"); }\n'},
        ("Error: no such instruction: `bogus %rax'", "error: invalid instruction mnemonic")),
    "a name that is defined nowhere": (
        {"a.c": "void error_of(void);\nvoid f(void)\n{\n\terror_of();\n}\n"},
        ["undefined reference to `error_of'"] * 2),
    "a name that is defined twice": (
        {"a.c": "int error_count(void) { return 1; }\n",
         "b.c": "int error_count(void) { return 2; }\n"},
        ["multiple definition of `error_count'"] * 2),
    "a folder whose name has the word": (
        {"print error: x/a.c": "int f(void) { return nope; }\n"},
        [f"print error: x/a.c:1:22: error: {text}" for text in (UNDECLARED[0],
                                                                "use of " + UNDECLARED[1])]),
}
# Output of other tools whose last line says least: output -> what is quoted.
OUTPUTS = {
    "make: nogcc: No such file or directory\nmake: *** [Makefile:4: x.o] Error 127\n":
        "make: nogcc: No such file or directory",
    "gcc -c x.c\n/bin/sh: 1: gcc: not found\nmake[1]: *** [Makefile:3: x.o] Error 127\n"
    "make: *** [Makefile:9: all] Error 2\n": "/bin/sh: 1: gcc: not found",
    "Makefile:3: *** missing separator.  Stop.\n": "Makefile:3: *** missing separator.  Stop.",
    "make: *** No rule to make target 'a.o', needed by 'all'.  Stop.\n":
        "make: *** No rule to make target 'a.o', needed by 'all'.  Stop.",
    "/usr/bin/ld: cannot find -lnope: No such file or directory\n"
    "collect2: error: ld returned 1 exit status\n":
        "cannot find -lnope: No such file or directory",
    "/usr/bin/ld: warning: a.o: missing .note.GNU-stack section implies executable stack\n"
    "/usr/bin/ld: NOTE: This behaviour is deprecated\n"
    "/usr/bin/ld: objects/ccAb12Cd.o: relocation R_X86_64_PC32 against symbol `heap' can not be "
    "used when making a shared object; recompile with -fPIC\n"
    "collect2: error: ld returned 1 exit status\n":
        "objects/ccAb12Cd.o: relocation R_X86_64_PC32 against symbol `heap' can not be "
        "used when making a shared object; recompile with -fPIC",
    "gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\n":
        "gcc: fatal error: Killed signal terminated program cc1",
    "\x1b[01m\x1b[Kosmem.c:3:1:\x1b[m\x1b[K \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kunknown type\n":
        "osmem.c:3:1: error: unknown type",
    "osmem.c:1:2: error: a bell \x07\n": "osmem.c:1:2: error: a bell \\x07",
    "gcc: internal compiler error: Segmentation fault signal terminated program cc1\n"
    "Please submit a full bug report, with preprocessed source.\n"
    "See <file:///usr/share/doc/README.Bugs> for instructions.\n":
        "gcc: internal compiler error: Segmentation fault signal terminated program cc1",
    "x.c: In function 'f':\nx.c:3:1: internal compiler error: in g, at h.cc:1\n"
    "Please submit a full bug report.\n": "x.c:3:1: internal compiler error: in g, at h.cc:1",
    "linking failed\nmake: *** [Makefile:3: x] Error 1\n": "linking failed",
    "make: *** [Makefile:3: x] Error 1\n": "make: *** [Makefile:3: x] Error 1",
    "\n \n": "no message",
}


def built(compiler, files, place):
    """The output of a compiler that makes a shared library from the files in a directory."""
    for name, text in files.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(text)
    done = subprocess.run(
        [compiler, "-Wall", "-g", "-shared", "-fPIC", "-Wl,-z,defs", "-o", "it.so",
         *(name for name in files if name.endswith(".c"))], cwd=place, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "LC_ALL": "C"})
    assert done.returncode
    return done.stdout


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("name", BROKEN)
def test_the_first_error_is_quoted(name, compiler, tmp_path):
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    files, expected = BROKEN[name]
    found = diagnostics.first_error(built(compiler, files, tmp_path), tmp_path)
    assert expected[compiler == "clang"] in found
    assert "\n" not in found and str(tmp_path) not in found


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_other_tools_print(output):
    assert diagnostics.first_error(output) == OUTPUTS[output]


def test_names_that_gcc_makes_up_are_left_out(tmp_path):
    output = built("gcc", BROKEN["a name that is defined twice"][0], tmp_path)
    assert diagnostics.first_error(output, tmp_path) == (
        "b.c:1: multiple definition of `error_count'; a.c:1: first defined here")
    output = output.replace("/tmp/cc", "./cc")
    assert diagnostics.first_error(output, tmp_path) == (
        "b.c:1: multiple definition of `error_count'; a.c:1: first defined here")


def test_an_overlong_line_is_cut():
    found = diagnostics.first_error("osmem.c:1:2: error: " + "x" * 400000)
    assert (len(found), found[-4:]) == (diagnostics.LINE_MOST, "x...")
    assert diagnostics.first_error("/" * 1000000 + "\n").endswith("...")


def test_a_log_is_bounded_and_says_what_is_cut():
    line = "osmem.c:1:2: warning: unused\n"
    assert diagnostics.log(f"/there/{line}", "/there") == line
    assert diagnostics.log("\n") == ""
    kept = diagnostics.log(line * 10000)
    *lines, last = kept.splitlines()
    assert len(kept) <= diagnostics.LOG_MOST + 100 and set(lines) == {line[:-1]}
    left_out = 10000 * len(line) - 1 - len(line) * len(lines)
    assert last == f"({left_out} more characters are left out)"


def test_messages_are_english_whatever_the_locale(tmp_path, monkeypatch):
    """A translated "error" would not be recognised."""
    fake = tmp_path / "cc"
    fake.write_text('#!/bin/sh\necho "a.c:1:2: error: locale $LC_ALL"\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(build.HarnessError, match="error: locale C;"):
        build.run_tool([str(fake)], "it", "mend it")


def test_reports_hold_the_log(tmp_path):
    """The log of a refused submission, and the warnings of a graded one."""
    from checker import formats
    broken = submit.STUB.replace("return size", "retrun size")
    made = submit.result_of(tmp_path / "broken", f"#warning <first>\n{broken}")
    assert made.reason.startswith("it does not compile: src/osmem.c:8:9: error: ")
    assert "src/osmem.c:1:2: warning: #warning <first>" in made.log
    assert str(tmp_path) not in made.log
    forms = {name: write(made) for name, write in formats.FILES.items()}
    for name in ("report.txt", "gradescope.json", "vpl.txt", "result.json"):
        assert "warning: #warning <first>" in forms[name], name
    assert "<details open><summary>What the compiler" in forms["report.html"]
    assert "#warning &lt;first&gt;" in forms["report.html"]
    warned = submit.result_of(tmp_path / "warned", "#warning second\n" + submit.STUB)
    assert (warned.status, "warning: #warning second" in warned.log) == ("graded", True)
    assert "<details><summary>What the compiler" in formats.FILES["report.html"](warned)
    assert "#warning second" in formats.FILES["report.txt"](warned)
    assert "#warning second" not in formats.text.terminal(warned)
