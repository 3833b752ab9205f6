# SPDX-License-Identifier: BSD-3-Clause
"""Run the linters: one line each, then what they found as 'file:line: message'.

Usage: lint.py [LINTER ...]     all of them when none is named

Exit status: 0 nothing found, 1 something found, 2 no such linter. A linter that cannot be had
says so in its line; that is no finding.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree
from ctext import plain_lines

ROOT = tree.ROOT
HERE = ROOT / "checker"

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"]
C_FLAGS = ["-std=gnu11", "-O2", "-fPIC", "-pthread", *WARNINGS]
# gcc finds some of its warnings only when it makes code; clang has all of these before that.
HOW_FAR = {"clang": "-fsyntax-only"}
# A pragma would hide a finding from the compilers, so it is a finding itself; so is a _Pragma of
# which a macro makes the text. So is a line that says in which file and line it is: it can name a
# system header.
SILENCER = re.compile(r"\b(GCC|clang)\s+system_header|\bGCC\s+diagnostic\s+(ignored|push|pop)"
                      r"|\bclang\s+diag|\b_Pragma\b(?!\s*\(\s*L?\")"
                      r"|^\s*(#|%:|\?\?=)\s*(line\b|\d)")
COMPILER_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+):(\d+:)? "
                           r"(fatal )?(?P<kind>warning|error): (?P<text>.*)$")
CHECKPATCH_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+): "
                             r"(?P<kind>ERROR|WARNING|CHECK):(?P<text>[A-Z0-9_]+: .*)$")
# Tests compile some files once for each mistake that they must notice; 0 is as good as another.
ANY_MISTAKE = ["-DMISTAKE=0"]
# What checkpatch.pl reads beside itself.
SCRIPT_DATA = ("spelling.txt", "const_structs.checkpatch")
# What checkpatch says of correct C11: (its message, the source line), both searched for.
# _Static_assert is a keyword, Dl_info the C library's type, <a/b.h> no arithmetic, and MISTAKE
# no constant on the left.
FALSE_ALARMS = [
    (re.compile(r"^CAMELCASE: .*<(_[A-Z]|Dl_info>)"), re.compile("")),
    (re.compile(r"^SPACING: "), re.compile(r"\b__has_include\b")),
    (re.compile(r"^CONSTANT_COMPARISON: "), re.compile(r"\bMISTAKE\b")),
]

# kind: of a compiler 'warning', 'error'; of checkpatch 'ERROR', 'WARNING', 'CHECK'; 'pragma'.
Finding = namedtuple("Finding", "file line kind text")


class NotMeasured(Exception):
    """A linter that is not to be had: str(e) is cause and remedy in one line."""


class TooMuch(NotMeasured):
    """A linter is to be had, but these sources make it exceed its limits: str(e) says which."""


def run_tool(command, cwd, seconds=300):
    """Run a linter or compiler in a directory; (its output, both streams, its exit status).

    Raises NotMeasured when the command is not installed or too slow.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              errors="replace", check=False, timeout=seconds, cwd=cwd)
    except FileNotFoundError:
        raise NotMeasured(f"{command[0]} is not installed; run make deps") from None
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"{command[0]} took more than {seconds} s; "
                          "look at the files it was given") from None
    return done.stdout, done.returncode


def findings(pattern, output):
    """The lines of a linter's output that are findings."""
    matches = (pattern.match(line) for line in output.splitlines())
    return [Finding(m["file"], int(m["line"]), m["kind"], m["text"]) for m in matches if m]


def _or_status(findings, output, status, who):
    """The findings, or the linter's complaint as one when it failed without naming a line."""
    if status and not findings:
        last = (output.strip().splitlines() or ["no message"])[-1]
        return [Finding(who, 0, "error", f"exit status {status}: {last}")]
    return findings


def compiler(name, sources, includes, defines=(), run_tool=run_tool):
    """Warnings of one compiler over the .c files, once each; run_tool as in this module."""
    sources = [str(path) for path in sources if Path(path).suffix == ".c"]
    if not sources:
        return []
    search = [f"-I{path}" for path in includes]
    with tempfile.TemporaryDirectory() as objects:
        os.chmod(objects, 0o777)    # run_tool may change the user
        output, status = run_tool([name, *C_FLAGS, *defines, *search, HOW_FAR.get(name, "-c"),
                                   *sources], cwd=objects)
    found = findings(COMPILER_LINE, output)
    return _or_status(sorted(set(found)), output, status, name)


def pragmas(sources):
    """Lines that switch compiler warnings off."""
    return [Finding(str(path), number, "pragma", "switches compiler warnings off: " + line.strip())
            for path in sources
            for number, line in plain_lines(Path(path).read_bytes())
            if SILENCER.search(line)]


def _false_alarm(finding):
    """Whether checkpatch misunderstood C that the kernel does not use."""
    lines = Path(finding.file).read_text(errors="replace").split("\n")
    source = lines[finding.line - 1] if finding.line <= len(lines) else ""
    return any(message.search(finding.text) and code.search(source)
               for message, code in FALSE_ALARMS)


def checkpatch(sources, run_tool=run_tool):
    """checkpatch.pl with this repository's configuration over C files; run_tool as for compiler().
    """
    located = subprocess.run([str(HERE / "checkpatch.sh")], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
    if located.returncode:
        raise NotMeasured((located.stderr.strip().splitlines() or ["checkpatch.pl failed"])[-1])
    if not sources:
        return []
    script = Path(os.path.abspath(located.stdout.strip()))
    # It hands file names to a shell, and splits them at spaces: it sees copies with other names.
    copies = {f"{number:04}{Path(path).suffix}": str(path)
              for number, path in enumerate(sources)}
    command = ["perl", script.name, "--terse", "--show-types",
               "--no-summary", "--color=never", "-f", *copies]
    # It reads its configuration from where it is started, and writes a cache there. run_tool may
    # change the user, who need not see where the script is kept.
    with tempfile.TemporaryDirectory() as place:
        for path in (ROOT / ".checkpatch.conf", script, *map(script.with_name, SCRIPT_DATA)):
            if path.exists():
                shutil.copy(path, place)
        for name, path in copies.items():
            shutil.copyfile(path, Path(place) / name)
        os.chmod(place, 0o777)
        output, status = run_tool(command, cwd=place)
    found = [finding._replace(file=copies.get(finding.file, finding.file))
             for finding in findings(CHECKPATCH_LINE, output)]
    if not found:
        return _or_status(found, output, status, "checkpatch")
    return [finding for finding in found if not _false_alarm(finding)]


def _repository_compiler(name):
    folders = [ROOT / "utils", ROOT / "src", ROOT / "tests/snippets"]
    return compiler(name, tree.files("*.c"), folders, ANY_MISTAKE)


def _repository_shellcheck():
    names = [str(path) for path in tree.shell_files()]
    output, status = run_tool(["shellcheck", "--format=gcc", *names], cwd=HERE)
    pattern = re.compile(r"^(?P<file>.+?):(?P<line>\d+):\d+: (?P<kind>\w+): (?P<text>.*)$")
    return _or_status(findings(pattern, output), output, status, "shellcheck")


def _repository_flake8():
    names = [str(path) for path in tree.python_files()]
    output, status = run_tool([sys.executable, "-m", "flake8", *names], cwd=ROOT)
    pattern = re.compile(r"^(?P<file>.+?):(?P<line>\d+):\d+: (?P<kind>\w+) (?P<text>.*)$")
    return _or_status(findings(pattern, output), output, status, "flake8")


LINTERS = {
    "gcc": lambda: _repository_compiler("gcc"),
    "clang": lambda: _repository_compiler("clang"),
    "pragmas": lambda: pragmas(tree.c_files()),
    "checkpatch": lambda: checkpatch(tree.c_files()),
    "shellcheck": _repository_shellcheck,
    "flake8": _repository_flake8,
}


def relative(path):
    """A path as a person in the repository's top directory would type it."""
    return os.path.relpath(path, ROOT) if os.path.isabs(path) else path


def look(name):
    """What one linter finds in the repository; or the NotMeasured that says why it cannot."""
    try:
        return LINTERS[name]()
    except NotMeasured as reason:
        return reason


def report(name, found):
    """Print what look() returned: 'passed', 'failed' or 'skipped', and why it was skipped."""
    if isinstance(found, NotMeasured):
        print(f"{name:<12} not measured: {found}", flush=True)
        return "skipped", str(found)
    print(f"{name:<12} {f'{len(found)} found' if found else 'clean'}", flush=True)
    for finding in found:
        print(f"  {relative(finding.file)}:{finding.line}: {finding.kind}: {finding.text}")
    return "failed" if found else "passed", ""


def run(names):
    """What report() returns of each of these linters, which look at the repository side by side."""
    with ThreadPoolExecutor() as pool:
        return list(map(report, names, pool.map(look, names)))


def main(names):
    """Run the named linters, or all."""
    unknown = [name for name in names if name not in LINTERS]
    if unknown:
        print(f"lint: no linter {unknown[0]}; there are {', '.join(LINTERS)}", file=sys.stderr)
        return 2
    outcomes = [outcome for outcome, _why in run(names or LINTERS)]
    return 1 if "failed" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
