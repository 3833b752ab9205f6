# SPDX-License-Identifier: BSD-3-Clause
"""Libraries, tools, reports and results have the version of the file VERSION."""

import csv
import ctypes
import io
import json
import re
import subprocess
import sys

import pytest

from bench import machine
from checker import formats, tree
from checker.result import Result, document, from_document
from tests.harness.feedback import export

ROOT = tree.ROOT
VERSION = (ROOT / "VERSION").read_text().strip()


def test_it_is_a_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


@pytest.mark.parametrize("tool", ["tests/run_tests.py", "tests/show_trace.py",
                                  "tests/random_calls.py", "checker/grade"])
def test_tools_print_it(tool):
    done = subprocess.run([ROOT / tool, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tool.partition('/')[2]} (osmem) {VERSION}\n"


def test_the_changelog_has_it():
    """As its newest entry."""
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest[1] == VERSION


def test_libosmem_tells_its_version(library):
    tell = ctypes.CDLL(library / "libosmem.so").osmem_version
    tell.restype = ctypes.c_char_p
    assert tell() == f"osmem {VERSION}".encode()


def test_libosmalloc_tells_its_version(osmalloc):
    """By malloc_info(3)."""
    show = "import ctypes; c = ctypes.CDLL(None); c.malloc_info(0, ctypes.c_void_p.in_dll(c, " \
        "'stdout')); c.fflush(None)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True,
                          env={"LD_PRELOAD": str(osmalloc / "libosmalloc.so")})
    assert done.stdout.startswith(f'<malloc version="osmalloc {VERSION}">\n')


@pytest.mark.parametrize("folder, name", [("library", "osmem"), ("osmalloc", "osmalloc"),
                                          ("compat", "my_alloc"), ("compat", "memory_allocator")])
@pytest.mark.parametrize("kind", ["so", "a"])
def test_strings_shows_it(folder, name, kind, request):
    engine = "osmalloc" if name in ("osmalloc", "my_alloc") else "osmem"
    built = request.getfixturevalue(folder) / f"lib{name}.{kind}"
    assert f"{engine} {VERSION}".encode() in built.read_bytes()


def test_a_build_without_the_file_has_no_version(tmp_path):
    """A student's folder may lack it."""
    subprocess.run(["gcc", f"-I{ROOT / 'utils'}", "-c", ROOT / "src/osmem.c", "-o",
                    tmp_path / "osmem.o"], check=True)
    assert b"osmem unknown" in (tmp_path / "osmem.o").read_bytes()


def test_results_have_it(tmp_path):
    result = Result("anna")
    assert f"<footer>osmem {VERSION}</footer>" in formats.FILES["report.html"](result)
    assert formats.text.terminal(result, verbose=True).startswith(f"Graded by osmem {VERSION}\n")
    assert json.loads(formats.FILES["result.json"](result))["version"] == VERSION
    assert json.loads(formats.FILES["gradescope.json"](result))["extra_data"]["version"] == VERSION
    row, = csv.DictReader(io.StringIO(formats.table.csv_table([formats.table.row(result)])))
    assert row["version"] == VERSION
    export.write_json(tmp_path / "it.json", [], 0, None, 3)
    assert json.loads((tmp_path / "it.json").read_text())["version"] == VERSION


def test_a_result_keeps_the_version_that_graded():
    made = document(Result("anna", version="0.1.0"))
    assert from_document(made).version == "0.1.0"
    del made["version"]
    assert from_document(made).version == ""


def test_benchmarks_record_it():
    assert dict(machine.facts([]))["osmem"] == VERSION
