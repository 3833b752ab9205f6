# SPDX-License-Identifier: BSD-3-Clause
"""B1 to B3 under pressure, contents verified: plain, sanitized and under valgrind.

STRESS=N in the environment multiplies every program's number of steps (make stress).
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FACTOR = int(os.environ.get("STRESS", "1"))

SANITIZERS = {
    "plain": ["-O2"],
    "address": ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-O1", "-fsanitize=thread"],
}

# Program, steps in `make check`, under what. AddressSanitizer and ThreadSanitizer have a malloc of
# their own, off the break, so what neighbours.c is about is run without them; limits.c takes
# the memory that sanitizers and valgrind need for themselves.
RUNS = [
    ("churn", 20000, "plain"), ("churn", 5000, "address"), ("churn", 2000, "valgrind"),
    ("threads", 20000, "plain"), ("threads", 2000, "address"), ("threads", 2000, "thread"),
    ("forks", 50, "plain"),
    ("neighbours", 50000, "plain"), ("neighbours", 3000, "valgrind"),
    ("limits", 5, "plain"),
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A function: program, sanitizer -> executable, with a library built the same way."""
    built = {}

    def build(program, sanitizer):
        flags = ["-g", *SANITIZERS[sanitizer]]
        if sanitizer not in built:
            built[sanitizer] = tmp_path_factory.mktemp(sanitizer)
            subprocess.run(["make", "-s", "-C", ROOT / "src", f"O={built[sanitizer]}",
                            "CC=gcc", f"CFLAGS={' '.join(flags)}"], check=True)
        target = built[sanitizer] / program
        subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", *flags, f"-I{ROOT / 'utils'}",
                        ROOT / "tests" / "stress" / f"{program}.c",
                        built[sanitizer] / "libosmem.a", "-pthread", "-o", target], check=True)
        return target
    return build


@pytest.mark.parametrize("program, steps, under", RUNS, ids=[f"{r[0]}-{r[2]}" for r in RUNS])
def test_stress(program, steps, under, programs):
    """The program finds nothing wrong, and neither does what it runs under."""
    valgrind = ["valgrind", "-q", "--error-exitcode=9"] if under == "valgrind" else []
    target = programs(program, "plain" if valgrind else under)
    done = subprocess.run([*valgrind, target, str(steps * FACTOR)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
