# SPDX-License-Identifier: BSD-3-Clause
"""Run all stages of `make check`. A stage that fails does not stop the next.

Every failure is shown as the command that repeats just that check. The last line,
`N passed, N failed`, counts the build, the linters, the pytest tests and the traced programs.
Exit status: 0 nothing failed, 1 otherwise.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from pathlib import Path

from . import lint, tree

ROOT = tree.ROOT

# outcome: 'passed', 'failed' or 'skipped'; again: the command that repeats just this check
Result = namedtuple("Result", "outcome again why", defaults=[""])


def build(_scratch):
    """Build the library, shared and static."""
    done = subprocess.run(["make", "-C", str(ROOT)], check=False)
    return [Result("failed" if done.returncode else "passed", "make build")]


def linters(_scratch):
    """Every linter over the whole repository."""
    return [Result(outcome, f"make lint LINTER={name}", why)
            for name, (outcome, why) in zip(lint.LINTERS, lint.run(lint.LINTERS))]


def pytest(scratch):
    """Run the tests of the library and of the harness."""
    report = scratch / "pytest.xml"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist=loadfile",
                           f"--junitxml={report}"], cwd=ROOT, check=False)
    results = pytest_results(report.read_text()) if report.exists() else []
    return results + unexplained(done.returncode, results, "make test")


def pytest_results(xml):
    """The results in a JUnit document that pytest wrote."""
    return [pytest_result(case) for case in ElementTree.fromstring(xml).iter("testcase")]


def pytest_result(case):
    """The result of one <testcase>. `classname` is the dotted path of the file, then the class."""
    parts = case.get("classname", "").split(".")
    known = next((count for count in range(len(parts), 0, -1)
                  if (ROOT / "/".join(parts[:count])).with_suffix(".py").is_file()), 0)
    test = case.get("name")
    if known:
        test = "::".join(["/".join(parts[:known]) + ".py", *parts[known:], test])
    again = f"{sys.executable} -m pytest {shlex.quote(test)}"
    if case.find("failure") is not None or case.find("error") is not None:
        return Result("failed", again)
    skipped = case.find("skipped")
    if skipped is not None:
        return Result("skipped", again, skipped.get("message", ""))
    return Result("passed", again)


def traced(scratch):
    """Run the traced programs."""
    report = scratch / "traced.json"
    done = subprocess.run([sys.executable, str(ROOT / "tests/run_tests.py"), "--json", str(report)],
                          check=False)
    tests = json.loads(report.read_text())["tests"] if report.exists() else []
    results = [Result("passed" if test["passed"] else "failed",
                      f"python3 tests/run_tests.py {test['name']}") for test in tests]
    return results + unexplained(done.returncode, results, "python3 tests/run_tests.py")


def unexplained(status, results, again):
    """[a failure] if a stage's exit status is not 0 although no result of it failed, else []."""
    if not status or any(result.outcome == "failed" for result in results):
        return []
    return [Result("failed", again, f"exit status {status}")]


def guarded(stage, scratch):
    """The stage's results. An exception in the stage counts as a failure; the rest still runs."""
    try:
        return stage(scratch)
    except Exception as error:      # whatever it is, the next stage still runs
        print(f"{stage.__name__}: {error!r}", file=sys.stderr)
        return [Result("failed", "make check", f"{stage.__name__}: {error!r}")]


def summary(results):
    """The closing lines: the command for each failed or skipped check, then the counts."""
    lines = [f"{result.outcome}: {result.again}" + f"   ({result.why})" * bool(result.why)
             for outcome in ("skipped", "failed")
             for result in results if result.outcome == outcome]
    count = {outcome: sum(result.outcome == outcome for result in results)
             for outcome in ("passed", "failed", "skipped")}
    skipped = f", {count['skipped']} skipped" if count["skipped"] else ""
    return [*lines, f"{count['passed']} passed, {count['failed']} failed{skipped}"]


def main():
    """Run all stages."""
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        for title, stage in (("Build", build), ("Lint", linters), ("Tests", pytest),
                             ("Traced programs", traced)):
            print(f"\n== {title}", flush=True)
            results += guarded(stage, Path(scratch))
    print("\n== Result")
    print("\n".join(summary(results)))
    return 1 if any(result.outcome == "failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
