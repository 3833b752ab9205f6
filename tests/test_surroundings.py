# SPDX-License-Identifier: BSD-3-Clause
"""Commands in odd environments work as usual, or end with one line and exit status 2."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import lru_cache

import pytest

from tests import small_suite, submit
from tests.harness import build, entry
from tests.small_suite import ROOT, library, part_suite

PART = ["--suite", part_suite(), "--library", library()]
COMMANDS = {
    "run_tests": [sys.executable, "tests/run_tests.py", *PART],
    "run_tests -v": [sys.executable, "tests/run_tests.py", *PART, "-v"],
    "run_tests -m": [sys.executable, "tests/run_tests.py", *PART, "-m", "free-null"],
    "run_tests --list": [sys.executable, "tests/run_tests.py", "--list"],
    "run_tests --doctor": [sys.executable, "tests/run_tests.py", "--doctor"],
    "run_tests --update-refs": [sys.executable, "tests/run_tests.py", "--update-refs", "free-null"],
    "show_trace": [sys.executable, "tests/show_trace.py"],
    "grade": [sys.executable, ".", "--no-files", "--no-style", "--unprotected",
              "--suite", part_suite()],
    "grade --probe": [sys.executable, ".", "--probe"],
}


def shell(words, around, **environment):
    """Run a command with the shell's words around it, `{}`: the CompletedProcess."""
    line = around.replace("{}", shlex.join(map(str, words)))
    return subprocess.run(["bash", "-c", line], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, **environment}, check=False, timeout=200)


@pytest.fixture(scope="module")
def commands(library, tmp_path_factory):
    """The commands, those that take a program or a submission with one."""
    build.build_guard()     # a compiler needs more than some of these surroundings have
    place = tmp_path_factory.mktemp("program")
    program = build.build_program(ROOT / "tests/snippets/test-free-unmaps.c", library, place)
    more = {"show_trace": [program], "grade": [submit.submission(place / "anna")]}
    return {name: [*words, *more.get(name, [])] for name, words in COMMANDS.items()}


def one_line(done, *said):
    """Check that a command ended with status 2 and one line that names cause and remedy."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "; " in done.stderr, done.stderr
    assert all(part in done.stderr for part in said), done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_closed_output(commands, name):
    one_line(shell(commands[name], "{} >&-"), "standard output is closed")


@pytest.mark.parametrize("name", COMMANDS)
def test_full_output(commands, name):
    one_line(shell(commands[name], "{} >/dev/full"), "cannot write standard output")


@pytest.mark.parametrize("name", ["run_tests -v", "show_trace", "grade"])
def test_reader_that_goes_away(commands, name):
    assert shell(commands[name], "{} | true").stderr == ""


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
@pytest.mark.parametrize("limit", ["-f 0", "-n 10"])
def test_limits(commands, name, limit):
    one_line(shell(commands[name], f"ulimit {limit}; {{}}"), "ulimit")


# What a user's environment may hold, or where and how a command is started: several at once.
HARMLESS = {
    "loader": "LD_PRELOAD=libm.so.6 LD_LIBRARY_PATH=$ODD LD_BIND_NOW=1 MALLOC_PERTURB_=165 "
              "MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.check=3:glibc.pthread.rseq=1 {}",
    "python": "PYTHONPATH=$ODD/modules PYTHONOPTIMIZE=2 PYTHONWARNINGS=error "
              "PYTHONIOENCODING=latin-1 HOME=$ODD/home COLUMNS=5 TERM= CDPATH=/tmp {}",
    "make": "MAKEFLAGS=-n CFLAGS=-O0 CC=clang LC_ALL=tr_TR.UTF-8 {}",
    "open": "umask 000; ulimit -n 64; ulimit -s 256; MAKEFLAGS=kB LC_ALL=ja_JP.eucJP {}",
    "closed": "umask 777; TMPDIR=$RELATIVE {} <&-",
    "path": "env -u HOME TMPDIR=\"$ODD/a b:c;\" {} 2>&-",
    "plain": "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 HOME=/no/such TMPDIR= {}",
}


@pytest.fixture(scope="module", name="odd")
def fixture_odd(tmp_path_factory):
    """The directory $ODD: a home with prototypes for ltrace, modules of Python's names, ..."""
    place = tmp_path_factory.mktemp("odd")
    for name in ("home", "modules", "a b:c;"):
        (place / name).mkdir()
    (place / "home/.ltrace.conf").write_text("void os_malloc(string);\nint main(string);\n")
    for name in ("json", "random", "re", "enum", "suite", "tree", "tempfile"):
        (place / f"modules/{name}.py").write_text("raise ImportError('not this one')\n")
    return place


@pytest.mark.parametrize("around", HARMLESS)
@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
def test_other_surroundings_change_nothing(commands, odd, name, around):
    done = shell(commands[name], HARMLESS[around], ODD=str(odd),
                 RELATIVE=os.path.relpath("/tmp", ROOT))
    assert (done.returncode, done.stderr) == (0, ""), around
    assert done.stdout == usual(tuple(commands[name])), around


@lru_cache(maxsize=None)
def usual(words):
    """The output of a command in a normal environment."""
    return shell(words, "{}").stdout


def test_from_another_directory(commands):
    for name in ("run_tests", "show_trace"):
        words = [commands[name][0], ROOT / commands[name][1], *commands[name][2:]]
        done = shell(["env", "-C", "/", *words], "{}")
        assert (done.returncode, done.stdout) == (0, usual(tuple(commands[name]))), done.stderr


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
def test_nothing_is_imported_from_the_current_directory(commands, tmp_path, name):
    """It may be a submission, whose files must not run outside the sandbox."""
    for module in ("json", "checker", "harness", "tests", "runpy"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('not this one')\n")
    words = [commands[name][0], ROOT / commands[name][1], *commands[name][2:]]
    done = shell(["env", "-C", tmp_path, *words], "{}")
    assert (done.returncode, done.stderr) == (0, "")


# ---- what makes it impossible ----------------------------------------------------------------

@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
def test_missing_temporary_directory(commands, name):
    one_line(shell(commands[name], "TMPDIR=/no/such {}"), "/no/such: No such file or directory",
             "set TMPDIR")


def test_demo_without_temporary_directory():
    done = shell(["make", "-s", "-C", "examples", "demo"], "TMPDIR=/no/such {}")
    assert done.returncode == 2
    # make 4.4 says something about TMPDIR itself, and goes on.
    said = re.search("^show_trace: cannot write temporary .*; set TMPDIR", done.stderr, re.M)
    assert said, done.stderr


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
@pytest.mark.parametrize("kilobytes", [25_000, 60_000, 160_000])
def test_little_memory(commands, name, kilobytes):
    """The needed amount depends on the version of Python; enough gives the usual result."""
    done = shell(commands[name], f"ulimit -v {kilobytes}; {{}}")
    if done.returncode == 0:
        assert (done.stdout, done.stderr) == (usual(tuple(commands[name])), "")
    else:
        one_line(done, "ulimit -v")


def mounted(words, mounts, **environment):
    """Run a command with other file systems mounted; skip if that is impossible."""
    inside = f"set -e; {mounts}; set +e; {shlex.join(map(str, words))}"
    probe = shell(["unshare", "-m", "bash", "-c", f"set -e; {mounts}"], "{}", **environment)
    if probe.returncode:
        pytest.skip(f"nothing can be mounted here: {probe.stderr.strip()}")
    return shell(["unshare", "-m", "bash", "-c", inside], "{}", **environment)


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
def test_without_proc(commands, name):
    one_line(mounted(commands[name], "mount -t tmpfs none /proc"), "/proc", "mount -t proc")


@pytest.mark.parametrize("name", ["run_tests", "show_trace"])
def test_read_only_tree(commands, name, tmp_path):
    tree = shlex.quote(str(ROOT))
    done = mounted(commands[name],
                   f"mount --bind {tree} {tree}; mount -o remount,bind,ro {tree}; cd {tree}")
    assert (done.returncode, done.stdout) == (0, usual(tuple(commands[name]))), done.stderr


def test_grading_in_a_read_only_tree(commands):
    tree = shlex.quote(str(ROOT))
    one_line(mounted(commands["grade"], f"mount --bind {tree} {tree}; "
                     f"mount -o remount,bind,ro {tree}; cd {tree}"), "Read-only file system")


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
@pytest.mark.parametrize("size", ["4k", "64k"])
def test_full_temporary_directory(commands, name, size, tmp_path):
    one_line(mounted(commands[name], f"mount -t tmpfs -o size={size} none {tmp_path}",
                     TMPDIR=str(tmp_path)), f"{tmp_path}", "No space left on device",
             "set TMPDIR")


def test_the_homes_prototypes_are_not_read(commands, odd):
    """Even if ltrace looks up the user's home directory itself."""
    home = shlex.quote(os.path.expanduser("~"))
    done = mounted(commands["run_tests"], f"mount --bind $ODD/home {home}", ODD=str(odd))
    if done.returncode and "python" in done.stderr:
        pytest.skip(f"Python is in {home}")
    assert (done.returncode, done.stdout) == (0, usual(tuple(commands["run_tests"]))), done.stderr


@pytest.mark.parametrize("name", ["run_tests", "show_trace", "grade"])
def test_under_a_tracer(commands, name):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed: apt-get install strace")
    one_line(shell(commands[name], "strace -f -o /dev/null {}"), "without strace or gdb")


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(entry, "OLDEST_PYTHON", (4, 0))
    with pytest.raises(entry.Unsuitable, match="is Python 3.*; run it with Python 4.0 or later"):
        entry.check_python()


@pytest.mark.parametrize("role, without, missing", [
    ("student", "ltrace", ["ltrace"]), ("student", "clang", []), ("staff", "clang", ["clang"]),
    ("staff", "shellcheck", []), ("developer", "shellcheck", ["shellcheck"]),
])
def test_who_needs_which_package(tmp_path, role, without, missing):
    path = small_suite.path_without(without, tmp_path / "bin")
    done = shell(["checker/deps.sh", "--list", role], "{}", PATH=path)
    assert (done.returncode, done.stdout.split()) == (0, missing)


def test_that_nothing_is_missing_is_said(tmp_path):
    """The role distros needs only commands, which stand-ins can replace."""
    for tool in ("debootstrap", "bwrap", "git"):
        (tmp_path / tool).write_text("#!/bin/sh\n", encoding="ascii")
        (tmp_path / tool).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = shell(["checker/deps.sh", "distros"], "{}", PATH=path)
    assert (done.returncode, done.stdout) == (0, "osmem: everything for the role distros is "
                                              "installed\n")


def test_an_unknown_role():
    one_line(shell(["checker/deps.sh", "nobody"], "{}"), "there is no 'nobody'")


def test_grading_installs_nothing(tmp_path):
    path = small_suite.path_without("bwrap", tmp_path / "bin")
    fake = tmp_path / "bin/apt-get"
    fake.unlink(missing_ok=True)
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/called\n", encoding="ascii")
    fake.chmod(0o755)
    one_line(shell(["checker/grade", "--probe"], "{}", PATH=path),
             "grade: missing: bubblewrap; install it: checker/deps.sh staff")
    assert not (tmp_path / "called").exists()


@pytest.mark.parametrize("name", ["a b:c;d $i%j'k\"l\u00fc \u8a9e", "-l"])
def test_any_checkout_path(tmp_path, name):
    """The loader and ltrace split paths at spaces and colons; $ and % mean something to others."""
    tmp_path.chmod(0o755)
    place = tmp_path / name
    submit.copy_tree(place)
    small_suite.make_suite(place / "few", {"test-free-unmaps": 1, "test-free-null": 1})
    done = shell(["python3", "tests/run_tests.py", "--suite", "few"],
                 f"cd -- {shlex.quote(str(place))} && make -s CFLAGS=-O0 && {{}}")
    assert done.stdout.endswith("\nTotal: 2/2\n") and done.returncode == 0, done.stderr
    shown = shell([place / "tests/show_trace.py", place / "few/build/test-free-unmaps"], "{}")
    assert (shown.returncode, shown.stderr) == (0, ""), shown.stdout
    fuzz = ["python3", place / "tests/random_calls.py", "--sequences", "1", "--seed", "1"]
    done = shell(["env", "-C", "/", *fuzz], "{}")
    assert done.returncode == 0, done.stdout + done.stderr
    done = shell([place / "checker/grade", "--no-style", "--unprotected", "--suite", place / "few",
                  "--out", place / "out", "--name", "it", place], "{}")
    assert "Total: 90/90" in done.stdout, done.stdout + done.stderr
