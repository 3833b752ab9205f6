# SPDX-License-Identifier: BSD-3-Clause
"""Debug builds (make -C src debug) audit everything after each slow step, others do not."""

import signal
import subprocess

import pytest

from tests.conftest import ROOT

# The program makes a free block's link, which no checksum covers, lead to a live block. The call
# after that makes a system call, merges or absorbs; or it does none of these.
PROGRAM = """
#include <stdint.h>
#include "osmem.h"

int main(void)
{
    char *free_block = os_malloc(100), *live = os_malloc(100);
    char *left = os_malloc(200), *right = os_malloc(200);

    os_malloc(8);
    os_free(free_block);
    ((uint32_t *)free_block)[-2] = (uint32_t)((live - free_block) / 8 + 1);
    %s;
    return 0;
}
"""
SLOW = {
    "mapping": "os_malloc(200000)",
    "growth": "os_malloc(131000)",
    "merge": "os_free(left); os_free(right); os_malloc(50000)",
    "absorption": "os_free(right); os_realloc(left, 300)",
}
FAST = {"split": "os_malloc(50000)", "free": "os_free(left)", "shrink": "os_realloc(left, 8)"}


@pytest.fixture(scope="module")
def run(library, debug_library, tmp_path_factory):
    """A function: program, whether with a debug build -> the completed process."""
    place = tmp_path_factory.mktemp("audited")

    def build_and_run(call, debug):
        (place / "program.c").write_text(PROGRAM % call)
        subprocess.run(["gcc", "-w", f"-I{ROOT / 'utils'}", place / "program.c", "-o",
                        place / "program", (debug_library if debug else library) / "libosmem.a",
                        "-pthread"], check=True)
        return subprocess.run([place / "program"], capture_output=True, text=True, check=False)
    return build_and_run


@pytest.mark.parametrize("call", SLOW.values(), ids=list(SLOW))
def test_a_debug_build_names_the_broken_invariant(run, call):
    name = call.rpartition("; ")[2].partition("(")[0]
    done = run(call, debug=True)
    assert done.returncode == -signal.SIGABRT
    assert done.stderr.startswith(f"osmem: {name}(): index 1: bin, cell or path of a run ")


@pytest.mark.parametrize("call", FAST.values(), ids=list(FAST))
def test_a_fast_call_is_not_audited(run, call):
    assert run(call, debug=True).returncode == 0


@pytest.mark.parametrize("call", SLOW.values(), ids=list(SLOW))
def test_other_builds_do_not_audit(run, call):
    assert run(call, debug=False).returncode == 0
