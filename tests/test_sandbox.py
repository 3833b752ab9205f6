# SPDX-License-Identifier: BSD-3-Clause
"""The sandbox: what a program can access with each set of layers, and what is reported."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import submit
from tests.harness import build
from tests.harness.tracing import runner
from tests.harness.sandbox import sandbox
from tests.small_programs import library, program, scratch
from tests.test_hostile import SYSTEM

SANDBOXES = {"all": (), "bubblewrap alone": ("landlock",), "landlock alone": ("bubblewrap",)}
# A line of C for each thing that must not be possible: it has to be 0.
ATTEMPTS = {
    "read a reference": 'open("%(root)s/tests/ref/test-free-null.ref", O_RDONLY) >= 0',
    "list the repository": 'opendir("%(root)s") != NULL',
    "read a submission": 'open("%(other)s/src/osmem.c", O_RDONLY) >= 0',
    "write a submission": 'open("%(other)s/src/osmem.c", O_WRONLY) >= 0',
    "read the users": 'open("/etc/passwd", O_RDONLY) >= 0 && access("%(root)s", F_OK) == 0',
    "read the shadow file": 'open("/etc/shadow", O_RDONLY) >= 0',
    "list /tmp": 'access("%(other)s", F_OK) == 0 && opendir("/tmp") != NULL',
    "write in /tmp": 'open("/tmp/osmem-evil", O_CREAT | O_RDWR, 0600) >= 0',
    "write in /dev/shm": 'open("/dev/shm/osmem-evil", O_CREAT | O_RDWR, 0600) >= 0',
    "write where it runs": 'open("evil", O_CREAT | O_RDWR, 0600) >= 0',
    "write in the system": 'open("/usr/lib/evil", O_CREAT | O_RDWR, 0600) >= 0',
    "open a socket": "syscall(SYS_socket, 2, 1, 0) >= 0",
    "open a local socket": "syscall(SYS_socket, 1, 1, 0) >= 0",
    "trace its parent": "syscall(SYS_ptrace, 16, getppid(), 0, 0) == 0",
    "signal its parent": "kill(getppid(), 0) == 0",
    "signal everybody": "kill(-1, 0) == 0",
    "read its tracer's descriptors": "opendir(parent_file(\"fd\")) != NULL",
    "read its tracer's memory": "open(parent_file(\"mem\"), O_RDONLY) >= 0",
    "become root": "setuid(0) == 0 && geteuid() == 0 && %(is_root)d",
    "raise a limit": "raised_limit()",
    "make a namespace": "syscall(SYS_unshare, 0x10000000) == 0",
    "mount": 'syscall(SYS_mount, "x", "/tmp", "tmpfs", 0, 0) == 0',
    "change its own code": "mprotect((void *)((long)main & -4096), 4096, 7) == 0",
    "change its own code by another call":
        "syscall(SYS_pkey_mprotect, (long)main & -4096, 4096, 7, -1) == 0",
    "change its own code as a file": 'open("/proc/self/mem", O_RDWR) >= 0',
    "run what it can read": "syscall(SYS_personality, 0x400000) >= 0",
    "run a handler at a time of its choice": "syscall(SYS_timer_create, 0, 0, HELD) == 0",
    "run a handler in place of system calls": "prctl(59, 1, 0, 1L << 46, HELD) == 0",
    "make new code": "mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED",
    "move memory over other memory": "moved_over()",
    "watch files": "syscall(SYS_inotify_init1, 0) >= 0",
    "set an alarm": "syscall(SYS_setitimer, 0, (long[4]){ 0, 0, 9, 0 }, 0) == 0",
    "run a handler when memory is used": "syscall(SYS_userfaultfd, 1) >= 0",
    "have the kernel work for it": "syscall(SYS_io_uring_setup, 1, (long[32]){ 0 }) >= 0",
    "read memory as another process": "read_by_number()",
    "know whose locks are held": "syscall(SYS_get_robust_list, 0, HELD, HELD) == 0",
    "hold memory that is a file": 'syscall(SYS_memfd_create, "x", 0) >= 0',
    "see its name": "strstr(program_invocation_name, \"secret-name\") != NULL",
    "wake others with a page of a file":
        "syscall(SYS_futex, mmap(0, 4096, PROT_READ, MAP_SHARED, SOME_FILE, 0), 1, 1, 0, 0, 0)"
        " >= 0",
}
# What would show others at once that a program does it, and so is refused to compilers as well.
LOCKS = {
    "lock a file": "fcntl(SOME_FILE, F_SETLK, &(struct flock){ .l_type = F_RDLCK }) == 0",
    "lock a file, and wait":
        "fcntl(SOME_FILE, F_SETLKW, &(struct flock){ .l_type = F_RDLCK }) == 0",
    "ask for locks": "fcntl(SOME_FILE, F_GETLK, &(struct flock){ .l_type = F_WRLCK }) == 0",
    "lock a file by its descriptor":
        "fcntl(SOME_FILE, F_OFD_SETLK, &(struct flock){ .l_type = F_RDLCK }) == 0",
    "ask for such locks":
        "fcntl(SOME_FILE, F_OFD_GETLK, &(struct flock){ .l_type = F_WRLCK }) == 0",
    "lock a file (flock)": "flock(SOME_FILE, LOCK_SH) == 0",
    "ask for a lease": "fcntl(SOME_FILE, F_GETLEASE) >= 0",
    "be told when a directory changes":
        'fcntl(open("/usr/lib", O_RDONLY), F_NOTIFY, 1L) == 0',
}
HELPERS = """
#include <sys/file.h>

#define SOME_FILE open("/usr/bin/env", O_RDONLY)

static char HELD[16];

static int moved_over(void)
{
    char *pages = mmap(0, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mremap(pages, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, pages + 4096) != MAP_FAILED;
}

static int read_by_number(void)
{
    char copy[4] = "";
    struct { void *base; size_t length; } to = { copy, 4 }, from = { HELD, 4 };

    return syscall(SYS_process_vm_readv, getpid(), &to, 1L, &from, 1L, 0L) == 4;
}

static const char *parent_file(const char *name)
{
    static char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", getppid(), name);
    return path;
}

static int raised_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = limit.rlim_max = 100000;
    return setrlimit(RLIMIT_NPROC, &limit) == 0;
}
"""


def usable(*without):
    """The sandbox without some layers; skips if the others leave something unprotected."""
    box = submit.box(*without)
    if box.missing():
        pytest.skip("not protected here: " + "; ".join(box.report()))
    return box


def program_that(attempts, other):
    """The path of a program that prints the name of each attempt which succeeds; `other`: the
    folder of somebody's submission."""
    place = {"root": submit.ROOT, "other": other, "is_root": os.geteuid() == 0}
    body = "".join(f'if ({attempt % place})\nputs("{name}");\n'
                   for name, attempt in attempts.items())
    return program(body + 'unlink("/dev/shm/osmem-evil");\nputs("end");', SYSTEM + HELPERS,
                   "secret-name")


def traced(path, box):
    """What a program prints when it is traced."""
    result = runner.run_traced(path, library(), timeout=20, box=box)
    return (result.reason + result.stdout.decode()).split("\n")


def in_second_run(path, box):
    """The output of a program in the second run of a failed one (rerun.py)."""
    with build.stage(library(), {"program": path}) as place:
        done = box.run(["../program"], os.path.join(place, "cwd.d"), [place], sandbox.new_user(),
                       20, sandbox.PROGRAM_LIMITS, program=["-e", "LD_LIBRARY_PATH=.."])
    return done.output.split("\n")


@pytest.mark.parametrize("run", [traced, in_second_run])
@pytest.mark.parametrize("layers", SANDBOXES)
def test_what_a_test_program_cannot_do(tmp_path, layers, run):
    path = program_that({**ATTEMPTS, **LOCKS}, submit.submission(tmp_path / "other"))
    assert run(path, usable(*SANDBOXES[layers])) == ["end", ""]


@pytest.mark.parametrize("layers", SANDBOXES)
def test_a_compiler_cannot_speak_to_others_by_locks(tmp_path, layers):
    path = program_that(LOCKS, tmp_path)
    readable = [Path(path).parent, Path(library()).parent]
    work = Path(tempfile.mkdtemp(dir=scratch()))
    done = usable(*SANDBOXES[layers]).run(
        ["env", f"LD_LIBRARY_PATH={readable[1]}", path], work, readable)
    assert done.output.split("\n") == ["end", ""]


def test_the_attempts_would_be_noticed(tmp_path):
    """Without a sandbox, most of the attempts succeed."""
    names = ("read a reference", "list the repository", "read a submission", "write in /dev/shm",
             "open a socket", "signal its parent", "see its name",
             "wake others with a page of a file")
    attempts = {**{name: ATTEMPTS[name] for name in names}, **LOCKS}
    path = program_that(attempts, submit.submission(tmp_path / "other"))
    done = subprocess.run([path], capture_output=True, check=True, text=True,
                          env={"LD_LIBRARY_PATH": str(Path(library()).parent)})
    assert done.stdout.split("\n") == [*attempts, "end", ""]


@pytest.mark.parametrize("layers", SANDBOXES)
def test_what_a_confined_compiler_cannot_do(layers):
    box = usable(*SANDBOXES[layers])
    place = Path(tempfile.mkdtemp(dir=scratch()))
    place.chmod(0o755)
    work, inputs = place / "work", place / "inputs"
    for folder in (work, inputs):
        folder.mkdir()
    (inputs / "x").write_text("given\n")
    user = sandbox.new_user()
    if box.has("user"):
        os.chown(work, user, user)
    script = (f"cat {inputs}/x; echo made > made; cat made; cat {submit.ROOT}/Makefile;"
              f"echo no > {inputs}/x; ls {submit.ROOT}; (echo > /dev/tcp/127.0.0.1/22) 2>&1;"
              "echo no > /dev/shm/no; echo no > /tmp/no")
    done = box.run(["bash", "-c", script], work, [inputs], user)
    assert done.output.startswith("given\nmade\n")
    assert "COMMANDS" not in done.output and "checker" not in done.output.replace(
        str(submit.ROOT), "")
    assert (work / "made").read_text() == "made\n"
    assert (inputs / "x").read_text() == "given\n"
    assert not os.path.exists("/tmp/no") and not os.path.exists("/dev/shm/no")


@pytest.mark.parametrize("script, why", [
    ("sleep 100", "time"), ("yes", "output"), ("sleep 100 & exec sleep 100", "time")])
def test_a_command_that_does_not_end_is_stopped_with_all_its_processes(tmp_path, script, why):
    tmp_path.chmod(0o777)
    for without in SANDBOXES.values():
        done = usable(*without).run(["bash", "-c", script], tmp_path, seconds=1)
        assert done.stopped == why
        assert len(done.output) <= sandbox.OUTPUT_MOST


@pytest.mark.parametrize("script", [
    "while :; do :; done", "ulimit -v unlimited && echo more", "head -c 3000000 /dev/zero > big"])
def test_limits(tmp_path, script):
    tmp_path.chmod(0o777)
    for without in SANDBOXES.values():
        done = usable(*without).run(["bash", "-c", script], tmp_path, seconds=20,
                                    limits={"cpu": 1, "fsize": 1 << 20})
        assert done.status != 0 and done.stopped == ""
        assert "more" not in done.output.split()


def test_what_is_left_open_is_said():
    box = sandbox.Sandbox(["bubblewrap", "landlock", "seccomp"])
    assert box.missing() == ["files", "network"] + ["processes"] * (os.geteuid() != 0)
    report = "\n".join(box.report())
    assert "files       NOT PROTECTED: needs bubblewrap or landlock" in report
    assert "landlock    does not work: switched off" in report


def test_grading_refuses_to_run_unprotected_unless_told_so(tmp_path):
    words = ["--no-files", "--no-style", "--without", "bubblewrap", "--without", "landlock",
             "--suite", submit.small_suite.part_suite(), submit.submission(tmp_path / "anna")]
    done = submit.grade(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("grade: not protected here: files")
    assert done.stderr.count("\n") == 1 and "--unprotected" in done.stderr
    done = submit.grade("--unprotected", *words)
    assert done.returncode == 0
    assert "Total: 0/90" in done.stdout and "Note: graded without protection" in done.stdout
    assert "NOT PROTECTED: files" in done.stderr


def test_the_probe_names_every_layer_and_need():
    done = submit.grade("--probe")
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        *sandbox.LAYERS, *sandbox.NEEDS]
    assert done.returncode == (0 if "NOT PROTECTED" not in done.stdout else 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else for a test")
def test_somebody_who_is_not_root_is_told_what_does_not_work(tmp_path):
    tmp_path.chmod(0o777)
    code = ("import os\nos.setgid(65534)\nos.setuid(65534)\n"
            "from harness.sandbox import sandbox\nprint('\\n'.join(sandbox.Sandbox().report()))\n")
    submit.box()        # builds what the sandbox needs
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                          check=False, cwd=submit.ROOT / "tests")
    if done.returncode and any(why in done.stderr for why in ("ermission denied", "No module")):
        pytest.skip("the repository lies where only root can read")
    assert "user        does not work: only root can change the user; run as root" in done.stdout
