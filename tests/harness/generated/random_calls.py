# SPDX-License-Identifier: BSD-3-Clause
"""Random sequences of calls, the library against the model, for as long as wanted.

Sequences come from a seed and a chunk number alone: the same --seed runs the same ones, whatever
-j is. A divergence is shrunk, shown with the command that replays it, and ends the run.

Exit status: 0 no divergence, 1 a divergence, 2 cannot run, 130 interrupted.
"""

import argparse
import itertools
import multiprocessing
import os
import random
import signal
import sys
import time

from .. import version
from . import replay
from ..spec import sequences

CHUNK = 200             # sequences a worker does before it reports
LONG_EVERY = 97         # one sequence in so many has several hundred operations
worker = {}             # this process's driver and settings, set by start_worker


def make(rng, number):
    """(operations, the player that played them, its lines) of a new random sequence."""
    profile = rng.choice(list(sequences.PROFILES))
    if number % LONG_EVERY == 0:
        length, wave = rng.randrange(200, 600), rng.randrange(50, 300)
    else:
        length, wave = rng.randrange(4, 50), None
    player = sequences.Player()
    operations, lines = [], []
    for action in sequences.random_actions(rng, profile, length, wave):
        operation = sequences.operation_for(player, profile, action)
        if operation is None:
            continue
        operations.append(operation)
        lines.append(player.play(operation))
        if player.ended:
            break
    return operations, player, lines


def start_worker(program, library, seed):
    """Give this process a driver of its own; Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker["replay"] = replay.Replay(program, library)
    worker["seed"] = seed


def run_chunk(chunk):
    """Run one chunk of sequences; (sequences, calls, operations that diverged or None)."""
    rng = random.Random(f"{worker['seed']}/{chunk}")
    driver = worker["replay"]
    waiting, calls = [], 0
    for number in range(CHUNK):
        operations, player, lines = make(rng, number)
        text = sequences.text_of(operations)
        while not driver.has_room(text):
            if not _agrees(driver, waiting):
                return number, calls, waiting[0][0]
        driver.send(text)
        calls += len(operations)
        waiting.append((operations, replay.finish(lines, player, driver.can_walk)))
    while waiting:
        if not _agrees(driver, waiting):
            return CHUNK, calls, waiting[0][0]
    return CHUNK, calls, None


def _agrees(driver, waiting):
    """Whether the oldest waiting sequence was answered as expected; if so it waits no longer."""
    if driver.answer() != waiting[0][1]:
        return False
    waiting.pop(0)
    return True


class Progress:
    """How much was done, shown in place on a terminal and now and then elsewhere."""

    def __init__(self, out=sys.stderr):
        self.out = out
        self.begin = self.shown = time.monotonic()
        self.sequences = self.calls = 0

    def seconds(self):
        """Since the beginning."""
        return time.monotonic() - self.begin

    def line(self):
        """Counts and rate in words."""
        rate = self.sequences / max(self.seconds(), 0.001)
        return (f"{self.sequences} sequences, {self.calls} operations, "
                f"{self.seconds():.0f} s, {rate:.0f} sequences/s")

    def add(self, count, calls):
        """Count a chunk and show where things stand, if it is time to."""
        self.sequences += count
        self.calls += calls
        now = time.monotonic()
        if now - self.shown >= (0.5 if self.out.isatty() else 30):
            self.shown = now
            self.out.write("\r\033[K" + self.line() if self.out.isatty() else self.line() + "\n")
            self.out.flush()

    def end(self):
        """Leave the terminal's line clean."""
        if self.out.isatty():
            self.out.write("\r\033[K")


def chunks(arguments, progress):
    """Chunk numbers until enough sequences are under way or the time is over."""
    number = 0
    while arguments.sequences is None or number * CHUNK < arguments.sequences:
        if arguments.seconds is not None and progress.seconds() >= arguments.seconds:
            return
        yield number
        number += 1


def hunt(arguments, built):
    """Run chunks in parallel; the operations of the first divergence, or None."""
    progress = Progress()
    settings = (*built, arguments.seed)
    try:
        with multiprocessing.Pool(arguments.jobs, start_worker, settings) as pool:
            diverged = run_chunks(pool, chunks(arguments, progress), arguments.jobs, progress)
    except KeyboardInterrupt:
        print(f"\ninterrupted, no divergence so far: {progress.line()}, seed {arguments.seed}")
        raise
    progress.end()
    if not diverged:
        print(f"no divergence: {progress.line()}, seed {arguments.seed}")
    return diverged


def run_chunks(pool, source, jobs, progress):
    """Keep the pool busy with the chunks of source; what diverged first, or None."""
    running = []
    while True:
        for number in itertools.islice(source, 2 * jobs - len(running)):
            running.append(pool.apply_async(run_chunk, (number,)))
        if not running:
            return None
        count, calls, diverged = running.pop(0).get()
        progress.add(count, calls)
        if diverged:
            return diverged


def report(built, operations):
    """Print a divergence, shrunk."""
    with replay.Replay(*built) as driver:
        def fails(candidate):
            return replay.diverges(driver, candidate)
        if not fails(operations):
            print("diverged once, agrees when run again:\n" + replay.replay_command(operations))
            return
        operations = sequences.shrink(operations, fails)
        try:
            replay.check(driver, operations)
        except replay.Divergence as divergence:
            print(divergence)


def show(built, text):
    """--replay: print each step of one sequence; whether it agrees with the model."""
    with replay.Replay(*built) as driver:
        operations = sequences.parse(text)
        for line in replay.trace(driver, operations):
            print(line)
        try:
            replay.check(driver, operations)
        except replay.Divergence as divergence:
            print(divergence)
            return False
    return True


def read_arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--version", action="version", version=version.line("random_calls.py"))
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after N seconds")
    parser.add_argument("--sequences", type=int, metavar="N",
                        help="stop after N sequences, rounded up to a multiple of 200")
    parser.add_argument("--seed", type=int, default=None, help="default: another every time")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--library", metavar="DIR", help="where libosmem.so is; default: "
                        "this repository's, built first")
    parser.add_argument("--replay", metavar="OPERATIONS",
                        help="run one sequence, such as 'm 100; c 3 40; r 0 500; f 1'")
    arguments = parser.parse_args(argv)
    if arguments.seconds is None and arguments.sequences is None:
        arguments.seconds = 60.0
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().getrandbits(31)
    return arguments


def main(argv=None):
    """Exit status of the command."""
    arguments = read_arguments(argv)
    try:
        built = replay.build(arguments.library)
        if arguments.replay is not None:
            return 0 if show(built, arguments.replay) else 1
        replay.Replay(*built).close()       # what no driver can do, no worker has to try
        diverged = hunt(arguments, built)
        if diverged:
            report(built, diverged)
        return 1 if diverged else 0
    except replay.Divergence as divergence:
        print(divergence)
        return 1
    except KeyboardInterrupt:
        return 130
    except (replay.ReplayError, ValueError) as error:
        print(f"random_calls: {error}", file=sys.stderr)
        return 2
