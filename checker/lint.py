# SPDX-License-Identifier: BSD-3-Clause
"""Run the linters. Prints a line for each linter, then its findings as 'file:line: message'.

Usage: python3 -m checker.lint [LINTER ...]     all of them if none is named

Exit status: 0 nothing found, 1 something found, 2 no such linter. The line of a linter that is
unavailable says so; that is not a finding.
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

from . import tree
from .ctext import plain_lines

ROOT = tree.ROOT
HERE = ROOT / "checker"

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"]
C_FLAGS = ["-std=gnu11", "-O2", "-fPIC", "-pthread", *WARNINGS]
# gcc finds some of its warnings only when it generates code; clang finds all of them before.
HOW_FAR = {"clang": "-fsyntax-only"}
# A pragma that hides warnings is itself a finding. So is a _Pragma whose text a macro makes, and a
# line that sets the file name or line number, since it can pretend to be in a system header.
SILENCER = re.compile(r"\b(GCC|clang)\s+system_header|\bGCC\s+diagnostic\s+(ignored|push|pop)"
                      r"|\bclang\s+diag|\b_Pragma\b(?!\s*\(\s*L?\")"
                      r"|^\s*(#|%:|\?\?=)\s*(line\b|\d)")
COMPILER_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+):(\d+:)? "
                           r"(fatal )?(?P<kind>warning|error): (?P<text>.*)$")
CHECKPATCH_LINE = re.compile(r"^(?P<file>.+?):(?P<line>\d+): "
                             r"(?P<kind>ERROR|WARNING|CHECK):(?P<text>[A-Z0-9_]+: .*)$")
# Some files are compiled once for each mistake that tests must notice; for lint, any one will do.
# Ubuntu's gcc defines _FORTIFY_SOURCE, with which it warns of results that nobody looks at.
DEFINES = ["-DMISTAKE=0", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
# Data files that checkpatch.pl reads from its own directory.
SCRIPT_DATA = ("spelling.txt", "const_structs.checkpatch")
# False alarms of checkpatch on correct C11: patterns for (its message, the source line).
# _Static_assert is a keyword, Dl_info is a type of the C library, <a/b.h> is not arithmetic, and
# MISTAKE is not a constant on the left of a comparison.
FALSE_ALARMS = [
    (re.compile(r"^CAMELCASE: .*<(_[A-Z]|Dl_info>)"), re.compile("")),
    (re.compile(r"^SPACING: "), re.compile(r"\b__has_include\b")),
    (re.compile(r"^CONSTANT_COMPARISON: "), re.compile(r"\bMISTAKE\b")),
]

# kind: 'warning', 'error' (a compiler), 'ERROR', 'WARNING', 'CHECK' (checkpatch), or 'pragma'
Finding = namedtuple("Finding", "file line kind text")


class NotMeasured(Exception):
    """A linter is unavailable. str(e) is one line with cause and remedy."""


class TooMuch(NotMeasured):
    """These sources make a linter exceed its limits; str(e) says which."""


def run_tool(command, cwd, seconds=300):
    """Run a linter or compiler in the directory `cwd`: (stdout and stderr together, exit status).

    Raises NotMeasured if the command is not installed or takes more than `seconds`.
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
    """The Findings in a linter's output: the lines that match."""
    matches = (pattern.match(line) for line in output.splitlines())
    return [Finding(m["file"], int(m["line"]), m["kind"], m["text"]) for m in matches if m]


def _or_status(findings, output, status, who):
    """The findings; if the linter failed without any, its last line of output as a finding."""
    if status and not findings:
        last = (output.strip().splitlines() or ["no message"])[-1]
        return [Finding(who, 0, "error", f"exit status {status}: {last}")]
    return findings


def compiler(name, sources, includes, defines=(), run_tool=run_tool):
    """The warnings of one compiler for the .c files, without duplicates; `run_tool` works like
    run_tool() of this module."""
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
    """Whether a finding of checkpatch is wrong because the kernel does not use such C."""
    lines = Path(finding.file).read_text(errors="replace").split("\n")
    source = lines[finding.line - 1] if finding.line <= len(lines) else ""
    return any(message.search(finding.text) and code.search(source)
               for message, code in FALSE_ALARMS)


def checkpatch(sources, run_tool=run_tool):
    """The findings of checkpatch.pl, with this repository's configuration, in C files; `run_tool`
    as for compiler()."""
    located = subprocess.run([str(HERE / "checkpatch.sh")], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
    if located.returncode:
        raise NotMeasured((located.stderr.strip().splitlines() or ["checkpatch.pl failed"])[-1])
    if not sources:
        return []
    script = Path(os.path.abspath(located.stdout.strip()))
    # checkpatch.pl passes file names to a shell unquoted, so it gets copies with plain names.
    copies = {f"{number:04}{Path(path).suffix}": str(path)
              for number, path in enumerate(sources)}
    command = ["perl", script.name, "--terse", "--show-types",
               "--no-summary", "--color=never", "-f", *copies]
    # checkpatch.pl reads its configuration from the current directory and writes a cache there.
    # run_tool may change to a user who cannot read the script where it is installed.
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
    folders = [ROOT / name for name in ("utils", "compat", "src", "osmalloc", "tests/snippets")]
    return compiler(name, tree.files("*.c"), folders, DEFINES)


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
    """A path relative to the repository's top directory."""
    return os.path.relpath(path, ROOT) if os.path.isabs(path) else path


def look(name):
    """The findings of one linter in the repository, or the NotMeasured that it raised."""
    try:
        return LINTERS[name]()
    except NotMeasured as reason:
        return reason


def report(name, found):
    """Print what look() returned; ('passed', 'failed' or 'skipped', why it was skipped)."""
    if isinstance(found, NotMeasured):
        print(f"{name:<12} not measured: {found}", flush=True)
        return "skipped", str(found)
    print(f"{name:<12} {f'{len(found)} found' if found else 'clean'}", flush=True)
    for finding in found:
        print(f"  {relative(finding.file)}:{finding.line}: {finding.kind}: {finding.text}")
    return "failed" if found else "passed", ""


def run(names):
    """Run these linters in parallel; the list of what report() returns for each."""
    with ThreadPoolExecutor() as pool:
        return list(map(report, names, pool.map(look, names)))


def main(names):
    """Run the named linters, or all; the exit status."""
    unknown = [name for name in names if name not in LINTERS]
    if unknown:
        print(f"lint: there is no linter {unknown[0]}; name one of {', '.join(LINTERS)}",
              file=sys.stderr)
        return 2
    outcomes = [outcome for outcome, _why in run(names or LINTERS)]
    return 1 if "failed" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
