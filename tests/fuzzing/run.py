#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Fuzzes both allocators: seeded inputs, then libFuzzer from the corpus on, as long as wanted.

A third of the time each goes to seeded inputs, to those of which every system call is refused in
turn, and to libFuzzer, if clang has it. All on -j cores.

Exit status: 0 no finding, 1 a finding, 2 cannot run, 130 interrupted.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fuzzing import build  # noqa: E402

OUT = build.ROOT / "tests/build/fuzzing"
CORPUS = build.HERE / "corpus"


def read_arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="in all (60)")
    parser.add_argument("--seed", type=int, help="default: another every time")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args(argv)
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().getrandbits(31)
    return arguments


def seeded(program, arguments, seconds, *options):
    """Run seeded inputs on all cores; whether nothing was found."""
    command = [program, "--out", OUT, f"--seconds={seconds}", *options]
    running = [subprocess.Popen([*command, f"--seed={arguments.seed + number}"])
               for number in range(arguments.jobs)]
    try:
        return all([process.wait() == 0 for process in running])
    finally:
        for process in running:
            process.kill()


def guided(program, arguments, seconds):
    """Run libFuzzer on all cores, in a copy of the corpus; whether nothing was found."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(CORPUS, Path(place) / "corpus")
        done = subprocess.run([
            program, f"-max_total_time={max(1, int(seconds))}", f"-jobs={arguments.jobs}",
            f"-workers={arguments.jobs}", f"-seed={arguments.seed}", "-max_len=1601",
            "-timeout=60", "-len_control=0", f"-artifact_prefix={OUT}/",
            "-print_final_stats=1", "corpus"],
            cwd=place, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        logs = [path.read_text(errors="replace") for path in Path(place).glob("fuzz-*.log")]
    counts = [line.split()[-1] for log in logs for line in log.splitlines()
              if line.startswith("stat::number_of_executed_units")]
    if done.returncode:
        print("\n".join(line for log in logs for line in log.splitlines()
                        if "fuzz:" in line or "Test unit" in line or "ERROR" in line))
        print(f"again: {OUT / 'debug/fuzz'} -v FILE, with the file that was written")
    else:
        print(f"no finding: {sum(map(int, counts))} inputs by libFuzzer")
    return done.returncode == 0


def hunt(arguments):
    """Everything that can be run; whether nothing was found."""
    debug = build.build("debug", OUT / "debug")
    steps = [lambda seconds: seeded(debug, arguments, seconds),
             lambda seconds: seeded(debug, arguments, seconds, "--refuse-each")]
    try:
        guide = build.build("libfuzzer", OUT / "libfuzzer")
        steps.append(lambda seconds: guided(guide, arguments, seconds))
    except build.BuildError as error:
        print(f"without libFuzzer: {error}")
    print(f"seed {arguments.seed}", flush=True)
    return all(step(arguments.seconds / len(steps)) for step in steps)


def main(argv):
    """Exit status of the command."""
    try:
        return 0 if hunt(read_arguments(argv)) else 1
    except build.BuildError as error:
        print(f"fuzzing/run.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
