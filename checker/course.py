# SPDX-License-Identifier: BSD-3-Clause
"""What all submissions of a run share: settings, tests, references, built programs."""

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.harness import build, suite
from tests.harness.generated import generated
from tests.harness.session import build_directory
from .tree import ROOT

BUILD_SECONDS = 60              # wall time of one compiler or linter run


class CannotGrade(Exception):
    """The grader cannot work. str(e) is one line with cause and remedy."""


@dataclass(frozen=True)
class Settings:
    """The settings of a run; with equal settings, a submission gets the same mark.

    seed  seed of the random sequences and the perturbed variants; unused if `seeds` is 0
    """

    suite: str = ""             # directory of the suite, "" for this repository's
    seeds: int = 0
    seed: int = 0
    faults: bool = False
    style: bool = True
    build_seconds: int = BUILD_SECONDS
    wall_seconds: int = 0       # for a whole submission; 0: by the number of runs (worker.py)
    cpu_seconds: int = 0


@contextlib.contextmanager
def alone():
    """Hold the lock for building the grader's own programs: many commands may start at once."""
    build.make_directory(build.BUILD)
    with open(build.BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Course:
    """What all submissions of a run share.

    built  whether another process has just built this repository's library
    """

    def __init__(self, settings, built=False):
        root = Path(settings.suite or suite.DEFAULT_ROOT)
        self.settings = settings
        self.tests = suite.load_suite(root)
        self.scheme = suite.load_scheme(root)
        self.references = suite.read_references(self.tests)
        with alone():
            # Programs are linked with this library; a submission's takes its place when they run.
            library = str(build.SOURCES) if built else build.build_library()
            programs = build.build_programs([test.c_file for test in self.tests], library,
                                            build_directory(root))
            self.player = generated.program()
            build.build_guard()
        self.programs = dict(zip((test.name for test in self.tests), programs))
        made = self.make_generated() if settings.seeds else {"seed": [], "variant": {}}
        self.seeds, self.variants = made["seed"], made["variant"]
        self.faults = generated.refusals() if settings.faults else []

    def make_generated(self):
        """The random sequences and the perturbed variants, cached by seed and suite."""
        key = json.dumps([self.settings.seeds, self.settings.seed, self.references,
                          generated.VERSION])
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        path = build.BUILD / f"generated-{name}.json"
        try:
            made = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            variants = generated.variants(self.references, self.settings.seed)
            seeds = generated.random_tests(self.settings.seeds, self.settings.seed)
            made = {"seed": [asdict(one) for one in seeds],
                    "variant": {name: asdict(one) for name, one in variants.items()}}
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(json.dumps(made), encoding="utf-8")
            part.replace(path)
        return {"seed": [generated.from_record(record) for record in made["seed"]],
                "variant": {name: generated.from_record(record)
                            for name, record in made["variant"].items()}}

    def fingerprint(self):
        """A hash of everything that can change a mark: the settings, the suite and the grader."""
        names = ("course", "workspace", "worker", "submission", "feedback", "marks", "intake",
                 "style", "lint")
        sources = [ROOT / f"checker/{name}.py" for name in names]
        sources += sorted(path for path in (ROOT / "tests/harness").rglob("*.[cph]*")
                          if path.suffix != ".pyc") + [ROOT / ".checkpatch.conf"]
        sources += [path for test in self.tests for path in (test.c_file, test.ref_file)]
        sources += sorted(path for path in (ROOT / "utils").glob("*.[ch]"))
        sources.append(Path(self.settings.suite or suite.DEFAULT_ROOT) / "suite.json")
        sha = hashlib.sha256(json.dumps(asdict(self.settings)).encode())
        for path in sources:
            sha.update(path.read_bytes())
        return sha.hexdigest()

    def control_name(self, box):
        """The name of the control run (submission.py); a change of the name makes a new run due."""
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
        """All tests except style, in order: (name, group, needs, hidden, weight)."""
        scheme = self.scheme
        plan = [(test.name, test.group, (*scheme.needs(test.group), *test.needs),
                 test.hidden or scheme.hidden(test.group), test.points) for test in self.tests]
        for group, chosen in (("seeds", self.seeds), ("faults", self.faults)):
            plan += [(sequence.name, group, scheme.needs(group), scheme.hidden(group),
                      scheme.points(group) / len(chosen)) for sequence in chosen]
        return plan
