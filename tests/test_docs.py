# SPDX-License-Identifier: BSD-3-Clause
"""The pages show what really happens, and name what is really there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checker import tree

ROOT = tree.ROOT
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
         for path in tree.files("*.md")}
README, STUDENTS = PAGES["README.md"], PAGES["docs/students.md"]
WRAPPERS, OSMALLOC = PAGES["docs/wrappers.md"], PAGES["docs/internals/osmalloc.md"]
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)


def block(page, start):
    """The first fenced block of a page's text that begins with these words."""
    return re.search(r"```c?\n(" + re.escape(start) + r".*?)```", page, re.S).group(1)


def test_program_is_the_example():
    """The C code is examples/first.c without its comments."""
    example = (ROOT / "examples" / "first.c").read_text()
    assert example.endswith(block(STUDENTS, "#include"))


def test_trace_is_real(library, tmp_path):
    """The trace and the picture are what show_trace.py prints for that program."""
    program = tmp_path / "first"
    subprocess.run(["gcc", f"-I{ROOT / 'utils'}", ROOT / "examples" / "first.c", f"-L{library}",
                    "-losmem", "-o", program], check=True)
    done = subprocess.run([sys.executable, ROOT / "tests" / "show_trace.py", "--all", program],
                          capture_output=True, text=True, check=True)
    assert done.stdout == block(STUDENTS, "trace:")


@pytest.mark.parametrize("library_name, body", [
    ("osmem", '#include "osmem.h"\nint main(void)\n{\n\tos_free(os_malloc(5));\n}\n'),
    ("my_alloc", '#include "my_alloc.h"\nint main(void)\n{\n\tfreee(my_alloc(5));\n}\n'),
    ("memory_allocator",
     '#include "memory_allocator.h"\nint main(void)\n{\n\tmemfree(memalloc(5));\n}\n'),
])
def test_build_line(library_name, body, library, compat, tmp_path):
    """Each family's line, as it stands, in a folder where program.c is."""
    lines = block(WRAPPERS, "make  ")
    build = re.search(rf"^(gcc .*-l{library_name} .*?) +# or (\S+)$", lines, re.M)
    start = re.search(r"^LD_LIBRARY_PATH=.*$", lines, re.M).group(0)
    (tmp_path / "program.c").write_text(body)
    for folder in ("src", "utils", "compat"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    shared, static = build.group(1), re.sub(r"-L\w+ -l\w+", build.group(2), build.group(1))
    assert (ROOT / build.group(2)).is_file()
    for line in (shared, static):
        subprocess.run(["sh", "-c", f"{line} && {start}"], cwd=tmp_path, check=True)


def test_the_one_file_is_made_and_compiled_as_written(tmp_path):
    """my_alloc by the two lines of docs/wrappers.md, in a copy of what they need."""
    for folder in ("osmalloc", "compat", "utils", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("build", "*.o", "*.a", "*.so", "debug",
                                                      "hardened"))
    done = subprocess.run(["sh", "-ec", block(WRAPPERS, "make -C examples my_alloc")], cwd=tmp_path,
                          capture_output=True, text=True, check=True)
    assert "168 primes" in done.stdout


@pytest.mark.parametrize("called, said", [("grow_list", ""), ("grow_lst", "`grow_lst'")])
def test_own_files_are_built_as_they_are(called, said, tmp_path):
    """A student's osmem.c and a neighbour, with nothing else of src/ than its Makefile."""
    shutil.copytree(ROOT / "utils", tmp_path / "utils")
    (tmp_path / "src").mkdir()
    shutil.copy(ROOT / "src/Makefile", tmp_path / "src")
    (tmp_path / "src/osmem.c").write_text(
        f"#include <osmem.h>\nvoid {called}(void);\n"
        f"void *os_malloc(size_t size)\n{{\n\t{called}();\n\treturn size ? &size : 0;\n}}\n")
    (tmp_path / "src/heap.c").write_text("void grow_list(void)\n{\n}\n")
    done = subprocess.run(["make", "-s", "-C", tmp_path / "src"], capture_output=True, text=True)
    assert (done.returncode == 0, said in done.stderr) == (not said, True), done.stderr
    made = {path.name for path in (tmp_path / "src").glob("lib*.so")}
    assert made == (set() if said else {"libosmem.so"})
    (tmp_path / "src/heap.c").unlink()
    again = subprocess.run(["make", "-s", "-C", tmp_path / "src"], capture_output=True, text=True)
    assert again.returncode and f"`{called}'" in again.stderr, "what is gone is still linked"


def test_what_is_installed_is_all_that_is_needed(library, tmp_path):
    """A program is built with nothing but the installed files, and libosmalloc preloaded."""
    subprocess.run(["make", "-s", "install", "PREFIX=/usr", f"DESTDIR={tmp_path}"], cwd=ROOT,
                   check=True, umask=0o077)
    usr = tmp_path / "usr"
    files = {path.relative_to(usr) for path in usr.rglob("*") if path.is_file()}
    assert files == {Path("lib") / f"lib{name}.{kind}" for kind in ("so", "a") for name in
                     ("osmem", "osmalloc", "my_alloc", "memory_allocator")} | {
        Path("include") / f"{name}.h" for name in
        ("osmem", "block_meta", "osmem_printf", "my_alloc", "memory_allocator")}
    assert {(usr / path).stat().st_mode & 0o777 for path in files} == {0o644}
    printing = tmp_path / "printing.c"
    printing.write_text('#include "osmem.h"\n#include "block_meta.h"\n#include <printf.h>\n'
                        'int main(void) { return printf("%p", os_malloc(1)) < 0; }\n')
    subprocess.run(["gcc", "-Wall", "-Werror", f"-I{usr}/include", printing, f"-L{usr}/lib",
                    "-losmem", "-o", tmp_path / "printing"], check=True)
    called = subprocess.run(["nm", "-u", tmp_path / "printing"], capture_output=True, text=True,
                            check=True)
    assert "U printf_" in called.stdout and "U printf@" not in called.stdout
    subprocess.run(["gcc", f"-I{usr}/include", ROOT / "examples/first.c", f"-L{usr}/lib", "-losmem",
                    "-o", tmp_path / "first"], check=True)
    subprocess.run([tmp_path / "first"], check=True, env={
        "LD_LIBRARY_PATH": f"{usr}/lib", "LD_PRELOAD": f"{usr}/lib/libosmalloc.so"})


def test_the_hardened_library_is_installed_alone(tmp_path):
    done = subprocess.run(["make", "-n", "-C", ROOT, "install", "HARDENED=1",
                           f"O={tmp_path}", f"DESTDIR={tmp_path}"],
                          capture_output=True, text=True, check=True)
    assert re.findall(r"^install (?!-d).*", done.stdout, re.M) == [
        f"install -m 644 {tmp_path}/libosmalloc.so {tmp_path}/libosmalloc.a "
        f'"{tmp_path}/usr/local/lib"']


def anchors(page):
    """What a link to a heading of this page may have behind its #, as GitHub forms it."""
    heads = re.findall(r"^#+ (.*)$", FENCED.sub("", page), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def dead_links(name):
    """The links of a page that lead to no file, or to no heading in it."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCED.sub("", PAGES[name])):
        place, _, anchor = link.partition("#")
        if place.startswith("https:"):
            continue
        target = ((ROOT / name).parent / place).resolve() if place else ROOT / name
        page = PAGES.get(str(target.relative_to(ROOT)), "")
        if not target.exists() or anchor and anchor not in anchors(page):
            dead.append(link)
    return dead


def test_every_link_leads_somewhere():
    links = {name: dead_links(name) for name in PAGES if not name.startswith("handout/")}
    assert len(links) > 15
    assert {name: dead for name, dead in links.items() if dead} == {}


def test_a_dead_link_is_seen(monkeypatch):
    monkeypatch.setitem(PAGES, "docs/rules.md",
                        "# A\n[a](#a) [b](#b) [c](new.c) [d](contract.md#no)\n"
                        "[e](../README.md#osmem) [f](contract.md#limits-of-b2)\n```\n[g](h)\n```\n")
    assert dead_links("docs/rules.md") == ["#b", "new.c", "contract.md#no"]


def test_named_paths_exist():
    """Every path in a folder of the repository that a page names is there, or is built."""
    built = re.compile(r"/build(?:/|$)|/hardened/|\.(?:so|a)$|GROUP|NAME")
    folders = {path.relative_to(ROOT).parts[0] for path in tree.files("*.*")}
    named = [(page, path) for page, text in PAGES.items()
             for path in re.findall(r"`([a-z]+/[a-z][\w./-]*)`", text)
             if path.partition("/")[0] in folders and not built.search(path)]
    assert len(named) > 50
    assert [pair for pair in named if not (ROOT / pair[1]).exists()] == []


def test_the_index_has_every_page():
    index = PAGES["docs/README.md"]
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", index)}
    assert [name for name in PAGES if name not in ("README.md", "docs/README.md")
            and (ROOT / name).resolve() not in linked] == []


def test_the_front_page_is_short():
    assert README.count("\n") <= 120


def test_osmalloc_names_its_tests():
    """Each promise of docs/internals/osmalloc.md has a test that is there."""
    rows = re.findall(r"^\| .* \| (.*) \|$", OSMALLOC.split("## Every promise")[1], re.M)
    named = [re.findall(r"`(tests/[\w./-]+)`", row) for row in rows[1:]]
    assert len(named) > 15 and all(named)
    assert [path for paths in named for path in paths if not (ROOT / path).exists()] == []


def test_named_programs_exist():
    """Every traced program that README.md or docs/students.md names is there."""
    text = README + STUDENTS
    named = re.findall(r"\btest-[a-z0-9-]+", text)
    named += ["test-" + name
              for name in re.findall(r"run_tests\.py (?:-v )?(?!test-)([a-z]+-[a-z0-9-]+)", text)]
    assert len(named) > 5
    assert [name for name in named
            if not (ROOT / "tests" / "snippets" / f"{name}.c").exists()] == []


def test_number_of_rules():
    """docs/students.md and the index count the contract's rules right."""
    contract = (ROOT / "docs" / "contract.md").read_text()
    rules = re.findall(r"^- \*\*[A-Z]\d+\*\*", contract, re.M)
    assert f"{len(rules)} numbered rules" in STUDENTS
    assert f"{len(rules)} numbered rules" in PAGES["docs/README.md"]
