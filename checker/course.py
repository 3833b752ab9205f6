# SPDX-License-Identifier: BSD-3-Clause
"""What all submissions of a run are graded with: settings, tests, references, built programs."""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import tree

ROOT = tree.ROOT
tree.add_harness()
from harness import build, suite, trials  # noqa: E402
from harness.session import build_directory  # noqa: E402

BUILD_SECONDS = 60              # wall time of one compiler or linter run


class CannotGrade(Exception):
    """The grader itself cannot work: str(e) is cause and remedy in one line."""


@dataclass(frozen=True)
class Settings:
    """What is asked for; equal settings give the same submission the same mark.

    seed  the random sequences are made from it; no part of the mark if `seeds` is 0
    """

    suite: str = ""             # directory of the suite, "" for this repository's
    seeds: int = 0
    seed: int = 0
    faults: bool = False
    style: bool = True
    build_seconds: int = BUILD_SECONDS
    wall_seconds: int = 0       # for all of a submission; 0: by the number of runs (worker.py)
    cpu_seconds: int = 0


@contextlib.contextmanager
def alone():
    """Held while the grader's own programs are built: many commands may begin at once."""
    build.make_directory(build.BUILD)
    with open(build.BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Course:
    """What all submissions of a run are graded with.

    built  whether another process has just brought this repository's library up to date
    """

    def __init__(self, settings, built=False):
        root = Path(settings.suite or suite.DEFAULT_ROOT)
        self.settings = settings
        self.tests = suite.load_suite(root)
        self.scheme = suite.load_scheme(root)
        self.references = suite.read_references(self.tests)
        with alone():
            # Programs are linked with it by name only.
            library = str(build.SOURCES) if built else build.build_library()
            programs = build.build_programs([test.c_file for test in self.tests], library,
                                            build_directory(root))
            self.player = trials.program()
            build.build_guard()
        self.programs = dict(zip((test.name for test in self.tests), programs))
        made = self.make_trials() if settings.seeds else {"seed": [], "twin": {}}
        self.seeds, self.twins = made["seed"], made["twin"]
        self.faults = trials.fault_trials() if settings.faults else []

    def make_trials(self):
        """The random sequences and twins; made once for a seed and a suite."""
        key = json.dumps([self.settings.seeds, self.settings.seed, self.references, trials.VERSION])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = build.BUILD / f"trials-{name}.json"
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            twins = trials.twin_trials(self.references, self.settings.seed)
            seeds = trials.seed_trials(self.settings.seeds, self.settings.seed)
            made = {"seed": [asdict(trial) for trial in seeds],
                    "twin": {name: asdict(trial) for name, trial in twins.items()}}
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(made), encoding="utf-8")
            part.replace(path)
        return {"seed": [trials.from_record(record) for record in made["seed"]],
                "twin": {name: trials.from_record(record)
                         for name, record in made["twin"].items()}}

    def fingerprint(self):
        """A number that changes when the settings or the suite do: marks could change as well."""
        names = ("course", "workspace", "worker", "grader", "feedback", "marks", "intake", "style",
                 "lint")
        sources = [ROOT / f"checker/{name}.py" for name in names]
        sources += sorted((ROOT / "tests/harness").glob("*.[cph]*")) + [ROOT / ".checkpatch.conf"]
        sources += [path for test in self.tests for path in (test.c_file, test.ref_file)]
        sources += sorted(path for path in (ROOT / "utils").glob("*.[ch]"))
        sources.append(Path(self.settings.suite or suite.DEFAULT_ROOT) / "suite.json")
        sha = hashlib.sha256(json.dumps(asdict(self.settings)).encode())
        for path in sources:
            sha.update(path.read_bytes())
        return sha.hexdigest()

    def control_name(self, box):
        """What names a control run (grader.py): another one is due when this changes."""
        tracer = shutil.which("ltrace") or ""
        made = [self.fingerprint(), tracer, os.stat(tracer).st_mtime if tracer else 0, box.report()]
        for path in ("/proc/version", "/proc/sys/kernel/random/boot_id"):
            with contextlib.suppress(OSError):
                made.append(Path(path).read_text(encoding="ascii"))
        library = Path(build.SOURCES) / build.OSMEM.file
        made.append(hashlib.sha256(library.read_bytes()).hexdigest())
        made.append([resource.getrlimit(number) for name, number in sorted(vars(resource).items())
                     if name.startswith("RLIMIT_")])
        return hashlib.sha256(json.dumps(made).encode()).hexdigest()[:16]

    def planned(self):
        """All tests but style, in order: (name, group, needs, hidden, weight)."""
        scheme = self.scheme
        plan = [(test.name, test.group, (*scheme.needs(test.group), *test.needs),
                 test.hidden or scheme.hidden(test.group), test.points) for test in self.tests]
        for group, chosen in (("seeds", self.seeds), ("faults", self.faults)):
            plan += [(trial.name, group, scheme.needs(group), scheme.hidden(group),
                      scheme.points(group) / len(chosen)) for trial in chosen]
        return plan
