# SPDX-License-Identifier: BSD-3-Clause
"""B1 to B3 under pressure, contents verified: plain, sanitized and under valgrind.

STRESS=N in the environment multiplies every program's number of steps (make stress).
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import CC, EMULATOR

ROOT = Path(__file__).resolve().parent.parent
FACTOR = int(os.environ.get("STRESS", "1"))

SANITIZERS = {
    "plain": ["-O2"],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-O1", "-fsanitize=thread"],
}

# A program's exit status if it cannot test here, and the reasons.
IMPOSSIBLE = 77
REASONS = {
    "maps": "vm.max_map_count sets no limit that a process can reach here",
    "lowered": "the C library's sbrk() moves nothing",
    "neighbours": "the C library's sbrk() moves nothing",
    "reach": "the kernel does not let a process's break go 32 GiB far",
}

# The production allocator's sources; prefix.h has the names that osmalloc.c has it under. The
# questions of malloc(3) that stats.c answers stay away.
FOLDER = ROOT / "osmalloc"
FAMILY = ["malloc", "realloc", "alloc", "audit", "trim", "fork", "thread", "idle", "heap", "large",
          "remote", "slab", "span", "purge", "meta", "pagemap", "secret", "os", "lock", "check"]

# Program, steps in `make check`, sanitizer or valgrind. AddressSanitizer and ThreadSanitizer have a
# malloc of their own that does not use the break, so neighbours.c, reach.c and lowered.c run
# without them; limits.c and maps.c use up the memory and the mappings that sanitizers and valgrind
# need.
RUNS = [
    ("churn", 20000, "plain"), ("churn", 5000, "address"), ("churn", 2000, "valgrind"),
    ("threads", 50000, "plain"), ("threads", 2000, "address"), ("threads", 2000, "thread"),
    ("forks", 50, "plain"), ("forks", 20, "address"), ("forks", 5, "thread"),
    ("neighbours", 50000, "plain"), ("neighbours", 3000, "valgrind"),
    ("limits", 5, "plain"), ("maps", 1, "plain"), ("reach", 2, "plain"), ("lowered", 3, "plain"),
    ("headers", 3, "plain"),
    ("osmalloc", 200000, "plain"), ("osmalloc", 20000, "address"), ("osmalloc", 10000, "thread"),
    ("hardened", 20000, "plain"), ("hardened", 2000, "thread"),
]
# Programs that contain the production allocator; hardened contains its hardened build.
OSMALLOC = {"osmalloc": False, "hardened": True}


def family_arguments(hardened=False):
    """The arguments that compile the production allocator, under other names, into a program."""
    more = ["-DOSMALLOC_HARDENED", FOLDER / "harden.c"] if hardened else []
    return ["-fno-builtin", f"-I{FOLDER}", "-include", FOLDER / "prefix.h", *more,
            *(FOLDER / f"{name}.c" for name in FAMILY)]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A function: program, sanitizer -> executable, with a library built the same way."""
    built = {}

    def build(program, sanitizer):
        flags = ["-g", *SANITIZERS[sanitizer]]
        if sanitizer not in built:
            built[sanitizer] = tmp_path_factory.mktemp(sanitizer)
            subprocess.run(["make", "-s", "-C", ROOT / "src", f"O={built[sanitizer]}",
                            f"CC={' '.join(CC)}", f"CFLAGS={' '.join(flags)}"], check=True)
        target = built[sanitizer] / program
        more = family_arguments(OSMALLOC[program]) if program in OSMALLOC else []
        source = "osmalloc" if program in OSMALLOC else program
        subprocess.run([*CC, "-Wall", "-Wextra", "-Werror", *flags, f"-I{ROOT / 'utils'}", *more,
                        ROOT / "tests" / "stress" / f"{source}.c",
                        built[sanitizer] / "libosmem.a", "-pthread", "-o", target], check=True)
        return target
    return build


def test_bytes_that_were_never_set(osmalloc, tmp_path):
    """A live block is never taken for a free one, whatever was copied into it: a thousand million
    steps of realloc() and memmove() in `make stress`."""
    program = tmp_path / "stale-bytes"
    subprocess.run(["gcc", "-O1", "-fno-builtin", ROOT / "tests/family/stale-bytes.c", "-o",
                    program], check=True)
    steps = 50_000_000 * FACTOR if FACTOR > 1 else 1_000_000
    done = subprocess.run([program, str(steps)], capture_output=True, text=True,
                          env={**os.environ, "LD_PRELOAD": str(osmalloc / "libosmalloc.so")})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("program, steps, under", RUNS, ids=[f"{r[0]}-{r[2]}" for r in RUNS])
def test_stress(program, steps, under, programs):
    """Neither the program nor its sanitizer or valgrind finds a mistake."""
    valgrind = ["valgrind", "-q", "--vgdb=no", "--error-exitcode=9"] if under == "valgrind" else []
    target = programs(program, "plain" if valgrind else under)
    done = subprocess.run([*EMULATOR, *valgrind, target, str(steps * FACTOR)], capture_output=True,
                          text=True)
    if done.returncode == IMPOSSIBLE and program in REASONS:
        pytest.skip(REASONS[program])
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
