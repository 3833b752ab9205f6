# SPDX-License-Identifier: BSD-3-Clause
"""Count instructions inside os_malloc(), os_realloc() and os_free(), operation by operation.

Usage: python3 -m bench.instructions [BLOCKS ...]     scales; 1000 10000 100000 when none is named

Counted by callgrind, so the numbers repeat exactly and say nothing about caches.
"""

import re
import sys
import tempfile
from collections import namedtuple
from pathlib import Path

from . import driver

API = ["os_malloc", "os_calloc", "os_realloc", "os_free"]
SCALES = [1000, 10000, 100000]
STEPS = 1000
TOTALS = re.compile(r"^totals: (\d+)$", re.MULTILINE)

# name: as in states.c; meaning: for the reader; steps: how many operations are counted at most;
# per_block: the numbers are per block; most: the largest scale.
State = namedtuple("State", "name meaning steps per_block most",
                   defaults=[STEPS, False, 10**7])

STATES = [
    State("churn", "random sizes: free one at random, allocate one"),
    State("equal", "all blocks equal, every other one free"),
    State("distinct", "all free blocks of different sizes", most=16000),
    State("alternate", "random sizes, every other block free"),
    State("hostile", "small holes at the low addresses, larger requests"),
    State("neighbours", "a realloc that absorbs 16 small free neighbours"),
    State("freeall", "every other block free; the others freed, one allocated", 1, True),
    State("pending", "of that only the one allocation, which merges all", 1, True),
    State("refused", "a failing allocation: free blocks are not merged yet, none will do", 20),
    State("astray", "a realloc that fails: a pointer into the middle of a block", 20),
]


def plan_for(state, blocks):
    """What the driver is to do for one state at one scale."""
    return driver.Plan(state.name, blocks, 2 * blocks, 1, state.steps)


def count(program, library, plan):
    """Instructions of each operation, in order. library: one with an os_malloc() family."""
    with tempfile.TemporaryDirectory() as scratch:
        dumps = Path(scratch) / "dumps"
        driver.run_tool(["valgrind", "--vgdb=no", "--tool=callgrind", "--instr-atstart=no",
                         "--combine-dumps=yes", f"--callgrind-out-file={dumps}",
                         *(f"--toggle-collect={name}" for name in API), program,
                         *driver.arguments(plan, [f"library={library}"])],
                        f"counting instructions of {plan.state}")
        counts = [int(total) for total in TOTALS.findall(dumps.read_text())]
    # The last dump is written at the end of the program and is of no operation.
    if len(counts) < 2 or not any(counts):
        raise driver.BenchError("callgrind counted nothing; the driver was built without "
                                "valgrind/callgrind.h: run make deps")
    return counts[:-1]


def mean_and_worst(counts, shares=1):
    """(instructions per operation, those of the worst one); each operation is for many shares."""
    return sum(counts) / len(counts) / shares, max(counts) / shares


def measure(program, library, scales, states=None):
    """Rows (state, blocks, mean, worst) for every state at every scale it can have."""
    rows = []
    for state in states or STATES:
        for blocks in (scale for scale in scales if scale <= state.most):
            counts = count(program, library, plan_for(state, blocks))
            shares = blocks if state.per_block else 1
            rows.append((state.name, blocks, *mean_and_worst(counts, shares)))
    return rows


def main(words):
    """Print one line a state and scale."""
    try:
        scales = [int(word) for word in words] or SCALES
        program, library = driver.build_driver_with_arena(), driver.build_library()
        print(f"{'state':<12}{'blocks':>9}{'mean':>12}{'worst':>12}")
        for state in STATES:
            for name, blocks, mean, worst in measure(program, library, scales, [state]):
                print(f"{name:<12}{blocks:>9,}{mean:>12,.0f}{worst:>12,.0f}", flush=True)
    except (driver.BenchError, ValueError) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
