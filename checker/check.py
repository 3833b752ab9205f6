# SPDX-License-Identifier: BSD-3-Clause
"""Everything that `make check` checks, in stages; a stage that fails does not keep others back.

Every failed thing is named with the command that runs just that one again. The last line is
`N passed, N failed` over all of it: the build, the linters, the pytest tests, the traced
programs. Exit status: 0 nothing failed, 1 otherwise.
"""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import namedtuple
from pathlib import Path

import lint
import tree

ROOT = tree.ROOT

# outcome: 'passed', 'failed' or 'skipped'; again: the command that runs just this one
Result = namedtuple("Result", "name outcome again")


def build(_scratch):
    """The library, both forms."""
    done = subprocess.run(["make", "-C", str(ROOT / "src")], check=False)
    return [Result("build of the library", "failed" if done.returncode else "passed", "make build")]


def linters(_scratch):
    """Every linter over the whole repository."""
    return [Result(f"lint: {name}", lint.run(name), f"make lint LINT={name}")
            for name in lint.LINTERS]


def pytest(scratch):
    """The tests of the library and of the harness."""
    report = scratch / "pytest.xml"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"],
                          cwd=ROOT, check=False)
    results = pytest_results(report.read_text()) if report.exists() else []
    if done.returncode and not any(result.outcome == "failed" for result in results):
        results.append(Result(f"pytest (exit status {done.returncode})", "failed", "make test"))
    return results


def pytest_results(xml):
    """The results in a JUnit document that pytest wrote."""
    return [pytest_result(case) for case in ElementTree.fromstring(xml).iter("testcase")]


def pytest_result(case):
    """The result of one <testcase>. Its class name is the file's path, dotted, and the class."""
    parts = case.get("classname", "").split(".")
    known = next((count for count in range(len(parts), 0, -1)
                  if (ROOT / "/".join(parts[:count])).with_suffix(".py").is_file()), 0)
    test = case.get("name")
    if known:
        test = "::".join(["/".join(parts[:known]) + ".py", *parts[known:], test])
    outcome = "passed"
    if case.find("failure") is not None or case.find("error") is not None:
        outcome = "failed"
    elif case.find("skipped") is not None:
        outcome = "skipped"
    return Result(test, outcome, f"make test TEST='{test}'")


def traced(scratch):
    """The traced programs."""
    report = scratch / "traced.json"
    done = subprocess.run([sys.executable, str(ROOT / "tests/run_tests.py"), "--json", str(report)],
                          check=False)
    if not report.exists():
        name = f"traced programs (exit status {done.returncode})"
        return [Result(name, "failed", "python3 tests/run_tests.py")]
    return [Result(test["name"], "passed" if test["passed"] else "failed",
                   f"python3 tests/run_tests.py {test['name']}")
            for test in json.loads(report.read_text())["tests"]]


def guarded(stage, scratch):
    """The stage's results; its own breakdown is a failure like others, so that the rest runs."""
    try:
        return stage(scratch)
    except Exception as error:      # whatever it is, the next stage still runs
        print(f"{stage.__name__}: {error!r}", file=sys.stderr)
        return [Result(f"{stage.__name__}: {error!r}", "failed", "make check")]


def summary(results):
    """The closing lines: what failed and what was left out, how to run it again, the counts."""
    lines = []
    for outcome in ("failed", "skipped"):
        for result in results:
            if result.outcome == outcome:
                lines.append(f"{outcome}: {result.name}    again: {result.again}")
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
