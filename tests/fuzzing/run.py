# SPDX-License-Identifier: BSD-3-Clause
"""Fuzzes both allocators: seeded inputs, then libFuzzer and AFL++ from the corpus on.

The time is divided evenly: seeded inputs, inputs whose system calls are refused one after the
other, the same two with osmalloc's hardened build, libFuzzer with either build, if clang has
it, and AFL++, if it is installed. All run on -j cores.

Exit status: 0 no finding, 1 a finding, 2 cannot run, 130 interrupted.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.fuzzing import build

OUT = build.ROOT / "tests/build/fuzzing"
CORPUS = build.HERE / "corpus"
# Nothing but the fuzzing itself depends on how cores are dumped, and their speed is chosen.
AFL_ENVIRONMENT = os.environ | {"AFL_NO_UI": "1", "AFL_NO_AFFINITY": "1", "AFL_SKIP_CPUFREQ": "1",
                                "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1"}


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


def seeded(program, arguments, seconds, options):
    """Run seeded inputs on all cores; whether nothing was found."""
    command = [program, "--out", OUT, f"--seconds={seconds}", *options]
    running = [subprocess.Popen([*command, f"--seed={arguments.seed + number}"])
               for number in range(arguments.jobs)]
    try:
        return all([process.wait() == 0 for process in running])
    finally:
        for process in running:
            process.kill()


def guided(again, program, arguments, seconds):
    """Run libFuzzer on all cores, in a copy of the corpus; whether nothing was found.

    again  the driver that runs a finding in the terminal
    """
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
        print(f"again: {again} -v FILE, with the file that was written")
    else:
        print(f"no finding: {sum(map(int, counts))} inputs by {program.parent.name}")
    return done.returncode == 0


def evolved(again, program, arguments, seconds):
    """Run AFL++ on all cores, from the corpus on; whether nothing was found."""
    with tempfile.TemporaryDirectory() as place:
        command = ["afl-fuzz", "-V", f"{max(1, int(seconds))}", "-s", f"{arguments.seed}", "-i",
                   CORPUS, "-o", place, "-t", "20000"]
        said = Path(place) / "said"
        with open(said, "w", encoding="utf-8") as file:
            running = [subprocess.Popen([*command, *who, "--", program, "@@"], stdout=file,
                                        stderr=subprocess.STDOUT, env=AFL_ENVIRONMENT)
                       for who in [["-M", "0"], *(["-S", f"{n}"]
                                                  for n in range(1, arguments.jobs))]]
        try:
            failed = any([process.wait() for process in running])
        finally:
            for process in running:
                process.kill()
        if failed:
            raise build.BuildError("afl-fuzz: " + tail(said))
        found = [shutil.copy(path, OUT / f"afl-{path.parent.name}-{path.name.split(',')[0]}")
                 for path in Path(place).glob("*/[ch]*s/id:*")]
        counts = [int(line.split(":")[1]) for path in Path(place).glob("*/fuzzer_stats")
                  for line in path.read_text().splitlines() if line.startswith("execs_done")]
    for path in found:
        print(f"AFL++: again: {again} -v {path}")
    if not found:
        print(f"no finding: {sum(counts)} inputs by AFL++")
    return not found


def tail(said):
    """The last line with words in the file of what programs said."""
    lines = [line for line in said.read_text(errors="replace").splitlines()
             if re.search("[a-z]", line)]
    return lines[-1] if lines else "no message"


# A build that runs seeded inputs -> those made by other compilers, and what they are run by.
TARGETS = {
    "debug": {"libfuzzer": guided, "afl": evolved},
    "debug-hardened": {"libfuzzer-hardened": guided},
}


def hunt(arguments):
    """Everything that can be run; whether nothing was found."""
    steps = []
    for name, fuzzers in TARGETS.items():
        debug = build.build(name, OUT / name)
        steps += [partial(seeded, debug, arguments, options=options)
                  for options in ([], ["--refuse-each"])]
        for fuzzer, run in fuzzers.items():
            try:
                steps.append(partial(run, debug, build.build(fuzzer, OUT / fuzzer), arguments))
            except build.BuildError as error:
                print(f"without {fuzzer}: {error}")
    print(f"seed {arguments.seed}", flush=True)
    return all(step(arguments.seconds / len(steps)) for step in steps)


def main(argv):
    """Exit status of the command."""
    try:
        return 0 if hunt(read_arguments(argv)) else 1
    except build.BuildError as error:
        print(f"fuzzing: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
