# SPDX-License-Identifier: BSD-3-Clause
"""The production allocator's audit names what is broken; debug builds ask it after slow steps."""

import re
import signal
import subprocess

import pytest

from tests.conftest import ROOT
from tests.test_stress import family_arguments

CASES = {"default": 33, "hardened": 40}

# A free slot loses its cookie; the calls after it are slow ones, or fast.
PROGRAM = """
#include <stdlib.h>
#include <malloc.h>

int main(void)
{
    void *volatile live = malloc(100), *volatile other = malloc(100);
    void **volatile freed = malloc(100);
    void *volatile last = malloc(3000), *volatile large = malloc(1 << 19);
    void *volatile mapping = malloc(1 << 21);

    free(freed);
    ((void **)freed)[1] = NULL;
    %s;
    return 0;
}
"""
SLOW = {
    "another class": "live = malloc(1000)",
    "emptied": "free(last)",
    "span": "live = malloc(600000)",
    "mapping": "live = malloc(1 << 22)",
    "large": "free(large)",
    "resize": "mapping = realloc(mapping, 1 << 23)",
    "trim": "malloc_trim(0)",
    "aligned": "live = aligned_alloc(1 << 16, 10)",
}
# Children of a fork in the middle of what two threads do, whose heaps they take over.
FORKS = """
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void churn(unsigned int state, int steps)
{
    void *slots[60] = { 0 };

    for (int step = 0; step < steps; step++) {
        int i = (state = state * 1103515245 + 12345) / 65536 % 60;

        free(slots[i]);
        slots[i] = malloc(10 + state / 7 % 3 * 700);
    }
    for (int i = 0; i < 60; i++)
        free(slots[i]);
}

static void *work(void *arg)
{
    for (;;)
        churn((unsigned int)(size_t)&arg, 5000);
}

int main(void)
{
    pthread_t thread;
    int status;

    for (int i = 0; i < 2; i++)
        pthread_create(&thread, NULL, work, NULL);
    for (int i = 0; i < 25; i++) {
        usleep(1000);
        if (fork() == 0) {
            churn(i, 150);
            pthread_create(&thread, NULL, work, NULL);
            churn(i, 150);
            malloc_trim(0);
            churn(i, 150);
            _exit(0);
        }
        wait(&status);
        if (status)
            return 1;
    }
    return 0;
}
"""
FAST = {"same class": "free(other), other = malloc(100)", "free": "free(live)"}


@pytest.fixture(scope="module", params=CASES)
def faults(request, tmp_path_factory):
    """Build; returns (name, invariant, the audit's answer) of each case of audit_faults.c."""
    program = tmp_path_factory.mktemp("audit") / "audit_faults"
    subprocess.run(["gcc", "-O1", "-g", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'utils'}",
                    *family_arguments(request.param == "hardened"), ROOT / "tests/audit_faults.c",
                    ROOT / "utils/printf.c", "-pthread", "-o", program], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=True)
    return request.param, [line.split("\t") for line in done.stdout.splitlines()]


def test_every_fault_is_named(faults):
    build, found = faults
    wrong = [fault for fault in found if not fault[2].startswith(fault[1] + ": ")]
    assert wrong == []
    assert len(found) == CASES[build]


def invariants(header):
    """The numbered invariants of a header that the audit verifies, such as "span 1"."""
    text = (ROOT / f"osmalloc/{header}.h").read_text().split("Invariants", 1)[1].split("*/")[0]
    # Some are for the model alone (test_remote_model.py).
    text = text.split("tests/model/remote.pml")[0]
    return {f"{header} {number}" for number in re.findall(r"^ \*  (\d+)\. ", text, re.M)}


def test_every_invariant_of_the_headers_is_broken_once(faults):
    """And the audit has no number that is missing in the headers."""
    build, found = faults
    default = invariants("span") | invariants("slab") | invariants("heap")
    hardened = default | invariants("harden")
    audits = (ROOT / "osmalloc/audit.c").read_text() + (ROOT / "osmalloc/span.c").read_text()
    assert {fault[1] for fault in found} == (hardened if build == "hardened" else default)
    assert set(re.findall(r'"((?:span|slab|heap|harden) \d+): ', audits)) == hardened


@pytest.fixture(scope="module")
def debug_osmalloc(tmp_path_factory):
    """The folder with the libosmalloc that audits itself."""
    place = tmp_path_factory.mktemp("debug")
    subprocess.run(["make", "-s", "-C", ROOT / "osmalloc", "debug", f"DEBUG={place}"], check=True)
    return place


@pytest.fixture(scope="module")
def run(osmalloc, debug_osmalloc, tmp_path_factory):
    """A function: call, whether with a debug build -> the completed process."""
    place = tmp_path_factory.mktemp("audited")

    def build_and_run(call, debug):
        (place / "program.c").write_text(PROGRAM % call)
        subprocess.run(["gcc", "-w", "-fno-builtin", place / "program.c", "-o", place / "program",
                        (debug_osmalloc if debug else osmalloc) / "libosmalloc.a", "-pthread"],
                       check=True)
        return subprocess.run([place / "program"], capture_output=True, text=True, check=False)
    return build_and_run


@pytest.mark.parametrize("call", SLOW.values(), ids=list(SLOW))
def test_a_debug_build_names_the_broken_invariant(run, call):
    done = run(call, debug=True)
    assert done.returncode == -signal.SIGABRT
    assert re.fullmatch(r"osmalloc: audit\(\): slab 2: not a free slot in a list 0x\w+\n",
                        done.stderr)


def test_the_heaps_that_a_child_takes_over_are_sound(debug_osmalloc, tmp_path):
    """At every place where a thread may be at a fork, the audit finds no fault in the child."""
    source = tmp_path / "forks.c"
    source.write_text(FORKS)
    subprocess.run(["gcc", "-w", "-O1", "-fno-builtin", source, "-o", tmp_path / "forks",
                    debug_osmalloc / "libosmalloc.a", "-pthread"], check=True)
    done = subprocess.run([tmp_path / "forks"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("call", FAST.values(), ids=list(FAST))
def test_a_fast_call_is_not_audited(run, call):
    assert run(call, debug=True).returncode == 0


@pytest.mark.parametrize("call", [SLOW["span"], SLOW["trim"]], ids=["span", "trim"])
def test_other_builds_do_not_audit(run, call):
    assert run(call, debug=False).returncode == 0
