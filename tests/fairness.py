# SPDX-License-Identifier: BSD-3-Clause
"""What one mistake costs: which programs of the suite fail on a wrong allocator, by prediction.

    python3 tests/fairness.py            a line for each mistake: points, rule, failed programs

A program fails if its trace differs from its reference, or if one of its own checks fails. The
first is known without a run; for the second the program runs on the oracle with the mistake in it.
Without -v only the first programs are named. Exit status: 0.
"""

import argparse
import sys
import tempfile
from multiprocessing.pool import ThreadPool
from pathlib import Path

from harness import build, hints, oracle, suite, suspects
from harness.mistakes import MISTAKES

NAMED = 6       # failed programs in a line without -v


def failures(tests, references, mistakes=(*MISTAKES, *suspects.CONTENTS)):
    """{mistake: names of the programs that fail on a library with it}, in the suite's order.

    `references` is {name: events}.
    """
    with tempfile.TemporaryDirectory() as place:
        oracle.build_stand_in(Path(place))
        programs = dict(zip(references, build.build_programs([test.c_file for test in tests],
                                                             place)))
        with ThreadPool() as pool:
            pairs = [(mistake, test.name) for mistake in mistakes for test in tests]
            failed = pool.starmap(
                lambda mistake, name: fails(mistake, references[name], programs[name], place),
                pairs)
    return {mistake: [name for (one, name), bad in zip(pairs, failed) if bad and one is mistake]
            for mistake in mistakes}


def fails(mistake, events, program, place):
    """Whether a built program fails on an allocator with this mistake."""
    if mistake in MISTAKES:
        if not hints.reproduces(mistake, events, events):
            return True
        if not suspects.looks_the_same(mistake, events[:-1]):
            return False
        mistake = suspects.with_model(mistake)
    return suspects.stops(program, Path(place), mistake) is not None


def costs(mistakes=(*MISTAKES, *suspects.CONTENTS)):
    """{mistake: (points that it costs, names of the programs that fail)} for this tree's suite."""
    tests = suite.load_suite()
    points = {test.name: test.points for test in tests}
    found = failures(tests, suite.read_references(tests), mistakes)
    return {mistake: (sum(points[name] for name in names), names)
            for mistake, names in found.items()}


def main(argv):
    """Print what each mistake costs, the dearest first."""
    parser = argparse.ArgumentParser(prog="fairness.py", description=__doc__.split("\n")[0])
    parser.add_argument("-v", "--verbose", action="store_true", help="name every failed program")
    most = None if parser.parse_args(argv).verbose else NAMED
    for mistake, (points, names) in sorted(costs().items(), key=lambda item: -item[1][0]):
        shown = " ".join(name.removeprefix("test-") for name in names[:most])
        print(f"{points:3} {mistake.rule:3} {mistake.__name__:30} {shown}"
              + " ..." * (len(names) > len(names[:most])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
