# SPDX-License-Identifier: BSD-3-Clause
"""The shape of the repository: which file may use what, how long things may be."""

import re
import statistics
import subprocess
from pathlib import Path

import pytest

from checker import tree

ROOT = tree.ROOT

# The files of each library's folder, lowest layer first: each includes its own header and earlier
# ones only. A wrapper may include all of the library below it.
LAYERS = {
    "src": ["config", "check", "os", "lock", "block", "map", "run", "index", "fit", "osmem"],
    "osmalloc": ["config", "check", "os", "lock", "secret", "meta", "sizeclass", "harden",
                 "pagemap", "bits", "bounds", "purge", "span", "slab", "remote", "hooks", "exit",
                 "large", "heap", "idle", "thread", "fork", "trim", "audit", "alloc", "realloc",
                 "osmalloc", "stats", "malloc", "delete", "prefix"],
}
LAYERS["compat"] = [*LAYERS["src"], *LAYERS["osmalloc"], "my_alloc", "memory_allocator"]
# What programs and libraries share is below them all.
UTILS = {"osmem.h", "block_meta.h", "printf.h"}

# Headers that declare system calls -> the only files of library and utils that may include them.
SYSTEM_CALLS = {"unistd.h", "fcntl.h", "syscall.h", "sys/mman.h", "sys/syscall.h", "sys/uio.h",
                "sys/resource.h", "sys/time.h", "sys/stat.h", "sys/wait.h", "sys/prctl.h"}
MAKES_SYSTEM_CALLS = {"src/os.c", "osmalloc/os.c", "utils/printf.c"}

# Macros that are addressed to system headers and printf.h, and one of the same meaning.
SAME_MACROS = {"_GNU_SOURCE", "OSMEM_PRINTF_NO_MACROS", "WORD_BITS"}

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 12

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
FUNCTION = re.compile(r"^(?![ \t#}])[^\n;{}]*?(\w+)\([^;{}]*\)\s*\n\{\n(.*?)^\}", re.M | re.DOTALL)


def name(path):
    """A file's path from the top of the repository."""
    return path.relative_to(ROOT).as_posix()


def in_folder(paths, folder):
    """Those paths that lie in a top-level folder."""
    return [path for path in paths if path.relative_to(ROOT).parts[0] == folder]


def text(path):
    """A file's text."""
    return path.read_text(encoding="utf-8")


def includes(path):
    """The file's includes: [('<' or '\"', header)]."""
    return INCLUDE.findall(COMMENT.sub("", text(path)))


def goes_up(path, folder):
    """The includes of a library file in a folder that do not lead down."""
    own = [header for mark, header in includes(path) if mark == '"' and header not in UTILS]
    layers = [*LAYERS[folder], path.stem]
    lower = layers[:layers.index(path.stem)]
    return [header for header in own if Path(header).stem not in [*lower, path.stem]]


def functions(path):
    """[(function, number of lines of its body)] of a C file."""
    return [(found, body.count("\n")) for found, body in FUNCTION.findall(text(path))]


def first_line(source):
    """The first line of a file that is not the line for the kernel (#!)."""
    lines = source.split("\n")
    return lines[1] if lines[0].startswith("#!") else lines[0]


LIBRARY = {folder: in_folder(tree.c_files(), folder) for folder in LAYERS}
SHARED = in_folder(tree.c_files(), "utils")
EVERY = [path for paths in (*LIBRARY.values(), SHARED) for path in paths]
SOURCES = tree.files("*.c", "*.h", "*.py", "*.sh", "run", "Makefile")


@pytest.mark.parametrize("folder", LAYERS)
def test_every_library_file_has_a_layer(folder):
    assert LIBRARY[folder]
    assert [name(path) for path in LIBRARY[folder] if path.stem not in LAYERS[folder]] == []


@pytest.mark.parametrize("folder", LAYERS)
def test_includes_lead_down(folder):
    wrong = {name(path): goes_up(path, folder) for path in LIBRARY[folder]}
    assert {path: headers for path, headers in wrong.items() if headers} == {}


def test_an_include_that_leads_up_is_seen(tmp_path):
    wrong = tmp_path / "os.c"
    wrong.write_text('#include "os.h"\n#include "check.h"\n#include "fit.h"\n#include "slab.h"\n')
    assert goes_up(wrong, "src") == ["fit.h", "slab.h"]


def calls_up(objects, layers):
    """[(file, what it uses, file that defines it)] that do not lead down, of object files.

    Finds what includes do not show: a function that a header declares and a higher file defines.
    """
    defines, uses = {}, []
    for path in objects:
        listed = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout
        for kind, symbol in re.findall(r" ([A-Z]) (\w+)$", listed, re.M):
            if kind == "U":
                uses.append((path.stem, symbol))
            else:
                defines[symbol] = path.stem
    return [(user, symbol, defines[symbol]) for user, symbol in uses
            if defines.get(symbol) in layers
            and layers.index(defines[symbol]) > layers.index(user)]


@pytest.mark.parametrize("folder", ["src", "osmalloc"])
def test_calls_lead_down(folder, library, osmalloc):
    place = {"src": library, "osmalloc": osmalloc}[folder]
    objects = [place / f"{layer}.o" for layer in LAYERS[folder] if (place / f"{layer}.o").exists()]
    assert len(objects) > 8
    assert calls_up(objects, LAYERS[folder]) == []


def test_a_call_that_leads_up_is_seen(tmp_path):
    for name_, source in {"os": "void fit(void); void os(void) { fit(); }",
                          "fit": "void os(void); void fit(void) { os(); }"}.items():
        subprocess.run(["gcc", "-xc", "-", "-c", "-o", tmp_path / f"{name_}.o"], input=source,
                       text=True, check=True)
    objects = [tmp_path / "os.o", tmp_path / "fit.o"]
    assert calls_up(objects, ["os", "fit"]) == [("os", "fit", "fit")]


def test_the_hardened_build_joins_in_at_one_place():
    """In hooks.h; elsewhere named constants say what differs."""
    lines = [(name(path), line) for path in LIBRARY["osmalloc"] if path.name != "hooks.h"
             for line in COMMENT.sub("", text(path)).split("\n")
             if re.search(r"\bHARDENED\b", line)]
    assert lines
    assert [(file, line) for file, line in lines if not line.startswith("#define ")] == []


# Files that either library has, with the same functions: each is complete without the other.
TWICE = {"check", "config", "lock", "os"}
NAME = re.compile(r"^(?:struct (\w+) \{|struct \w+\(.*\)\)? (\w+) \{|#define (\w+)[ \t(])", re.M)


def names(path):
    """The functions, structures and macros that a C file defines."""
    found = NAME.findall(COMMENT.sub("", text(path)))
    return {one for groups in found for one in groups if one} | {one for one, _ in functions(path)}


def test_one_name_has_one_meaning():
    """A name that both libraries use is of a file that both have."""
    defined = {folder: {one: name(path) for path in LIBRARY[folder] if path.stem not in TWICE
                        for one in names(path)} for folder in ("src", "osmalloc")}
    assert len(defined["src"]) > 100 and len(defined["osmalloc"]) > 200
    assert {one: (file, defined["osmalloc"][one]) for one, file in defined["src"].items()
            if one in defined["osmalloc"] and one not in SAME_MACROS} == {}


def test_utils_include_nothing_of_the_library():
    assert SHARED
    assert [(name(path), header) for path in SHARED for mark, header in includes(path)
            if mark == '"' and header not in UTILS] == []


def test_system_calls_are_made_in_the_lowest_layer_only():
    users = {name(path) for path in EVERY for mark, header in includes(path)
             if mark == "<" and header in SYSTEM_CALLS}
    assert users == MAKES_SYSTEM_CALLS


def test_examples_use_the_public_headers_only():
    examples = in_folder(tree.c_files(), "examples")
    public = {path.name for path in LIBRARY["compat"] if path.suffix == ".h"}
    allowed = UTILS | public | {path.name for path in examples}
    assert examples
    assert [(name(path), header) for path in examples for mark, header in includes(path)
            if mark == '"' and header not in allowed] == []


def test_files_are_short_enough_to_be_read():
    lengths = {name(path): text(path).count("\n") for path in SOURCES}
    assert {path: lines for path, lines in lengths.items() if lines >= MAX_FILE_LINES} == {}


def test_functions_are_short():
    assert [(name(path), function, lines) for path in tree.c_files()
            for function, lines in functions(path) if lines > MAX_FUNCTION_LINES] == []


def test_the_median_function_is_ten_lines_or_so():
    lengths = [lines for path in EVERY for _, lines in functions(path)]
    assert len(lengths) > 20
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES


def test_functions_are_found(tmp_path):
    sample = tmp_path / "sample.c"
    sample.write_text("static int f(int a,\n\t     int b)\n{\n\tif (a) {\n\t\tb++;\n\t}\n"
                      "\treturn b;\n}\n\nvoid g(void)\n{\n}\n\nint h(void);\n")
    assert functions(sample) == [("f", 4), ("g", 0)]


def test_licence_comes_first():
    """In the first line, or the second when the first says who interprets the file."""
    assert [name(path) for path in SOURCES
            if "SPDX-License-Identifier: BSD-3-Clause" not in first_line(text(path))] == []


def test_no_machine_is_named():
    everything = SOURCES + tree.files("*.md", "*.json", "*.ref", "*.conf")
    assert [(name(path), found) for path in everything
            for found in re.findall(r"/(?:home|root|work|Users)/\w[^\s'\")]*", text(path))] == []


def test_imports_are_ordinary():
    """No file edits the path, and none imports below other code. The exception, entry.py, only
    takes away what the user's PYTHONPATH put there."""
    edit = re.compile(r"sys\.path(?:\[[^]\n]*\])? *\+?=[^=]|sys\.path\.\w|noqa: *E4\d\d")
    found = {name(path): edit.findall(text(path)) for path in tree.python_files()}
    assert {path for path, edits in found.items() if edits} == {"tests/harness/entry.py"}
    assert len(found["tests/harness/entry.py"]) == 1


def test_points_are_rounded_in_one_module():
    """Every report must show the same points, so nothing else rounds or scales them."""
    rounding = re.compile(r"\bround\([^\n]*(?:score|points|mark|cost)|Fraction\(")
    files = in_folder(tree.python_files(), "checker") + \
        [path for path in tree.python_files() if "harness" in path.parts]
    assert [name(path) for path in files if rounding.search(text(path))] == \
        ["tests/harness/points.py"]


def test_no_build_output_is_tracked():
    command = ["git", "-c", "safe.directory=*", "ls-files", "-ci", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"git cannot say what is tracked here: {error}")
    assert listed.stdout.split() == []
