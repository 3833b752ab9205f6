# SPDX-License-Identifier: BSD-3-Clause
"""Outside the heap, the library uses only static memory: less than 2 % of the heap's growth."""

import re
import subprocess

import pytest

from tests.conftest import ROOT, WARNINGS

# Fills the heap with blocks of many sizes, frees every third, and replaces as many as there are.
# Prints how far the break went and waits, so that its memory can be looked at.
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "osmem.h"

static unsigned long state = 88172645463325252;

static size_t next(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state %% below;
}

int main(void)
{
    static void *blocks[%(blocks)d];
    char *start = sbrk(0);

    for (int i = 0; i < %(blocks)d; i++)
        blocks[i] = os_malloc(8 + next(%(most)d));
    for (int i = 0; i < %(blocks)d; i += 3)
        os_free(blocks[i]);
    for (int i = 0; i < %(blocks)d; i++) {
        int chosen = 1 + 3 * (int)next(%(blocks)d / 3);

        os_free(blocks[chosen]);
        blocks[chosen] = os_malloc(8 + next(%(most)d));
    }
    printf("%%ld\\n", (char *)sbrk(0) - start);
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
"""


def static_bytes(pid):
    """Resident bytes of the library's zeroed static memory: the mapping behind its file's last."""
    begin = end = None
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as smaps:
        for line in smaps:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ *(.*)", line)
            if head:
                begin = head.group(1)
                if head.group(3).endswith("/libosmem.so"):
                    end = head.group(2)
            elif line.startswith("Rss:") and end and begin == end:
                return int(line.split()[1]) * 1024
    raise AssertionError("no static memory of the library")


@pytest.fixture
def measure(library, tmp_path):
    """A function: blocks, their largest size -> (bytes of heap, of the library's static memory)."""
    def build_and_measure(blocks, most):
        source, program = tmp_path / "fill.c", tmp_path / "fill"
        source.write_text(PROGRAM % {"blocks": blocks, "most": most})
        subprocess.run(["gcc", "-O1", *WARNINGS, f"-I{ROOT / 'utils'}", source, "-o", program,
                        library / "libosmem.so", f"-Wl,-rpath,{library}"], check=True)
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
            heap = int(running.stdout.readline())
            static = static_bytes(running.pid)
            running.communicate()
        assert running.returncode == 0
        return heap, static
    return build_and_measure


@pytest.mark.parametrize("most", [64, 1024, 8192])
def test_what_grows_with_the_heap_is_under_two_percent(measure, most):
    small_heap, small_static = measure((4 << 20) // most, most)
    large_heap, large_static = measure((64 << 20) // most, most)
    assert large_heap - small_heap > 24 << 20
    assert large_static - small_static < 0.02 * (large_heap - small_heap)
