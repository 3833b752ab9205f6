# SPDX-License-Identifier: BSD-3-Clause
"""libosmalloc where pages are larger than 4 KiB, as a library in front of it pretends.

tests/pages/pages.c ends a program at the first system call about a part of such a page. What a
kernel with pages of 16 KiB really does is tested by `make check-arch`.
"""

import os
import subprocess

import pytest

from tests.conftest import ROOT, WARNINGS
from tests.test_family import IMPOSSIBLE, compiled

KIB = 1024
# Programs of the family that make the library map, unmap, purge, move and guard memory.
SUBJECTS = ["alignment", "fork", "huge-pages", "limits-of-size", "make-room", "map-count",
            "mappings", "memory", "realloc", "sleeping-threads", "usable", "zeroing"]
HARDENED = ["alignment", "mappings", "realloc", "usable"]


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """The library that simulates the pages."""
    path = tmp_path_factory.mktemp("pages") / "pages.so"
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-fPIC", "-shared", *WARNINGS,
                    ROOT / "tests/pages/pages.c", "-o", path], check=True)
    return path


@pytest.fixture(scope="session")
def hardened(tmp_path_factory):
    """The hardened library."""
    folder = tmp_path_factory.mktemp("hardened")
    subprocess.run(["make", "-s", "-C", ROOT / "osmalloc", "HARDENED=1", f"O={folder}"], check=True)
    return folder / "libosmalloc.so"


def run(program, pages, library, size):
    """The finished process of a program for which pages have this many bytes."""
    return subprocess.run([program], text=True, capture_output=True, timeout=900,
                          env={**os.environ, "PAGE_BYTES": str(size),
                               "LD_PRELOAD": f"{pages} {library}"})


def check(subject, folder, pages, library, size):
    """Every check of the subject's program holds."""
    done = run(compiled(subject, folder), pages, library, size)
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.strip())
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", [16 * KIB, 64 * KIB])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject(subject, size, pages, osmalloc, tmp_path):
    check(subject, tmp_path, pages, osmalloc / "libosmalloc.so", size)


@pytest.mark.parametrize("size", [16 * KIB, 64 * KIB])
@pytest.mark.parametrize("subject", HARDENED)
def test_hardened(subject, size, pages, hardened, tmp_path):
    check(subject, tmp_path, pages, hardened, size)


@pytest.mark.parametrize("call", ["munmap(page + 4096, 65536)", "munmap(page, 4096)",
                                  "madvise(page, 4096, MADV_DONTNEED)",
                                  "mprotect(page + 4096, 65536, PROT_NONE)",
                                  "mremap(page, 65536, 69632, 0)"])
def test_a_part_of_a_page_is_noticed(call, pages, osmalloc, tmp_path):
    """So that the tests above say something."""
    source = tmp_path / "part.c"
    source.write_text(f"""#define _GNU_SOURCE
#include <sys/mman.h>
int main(void) {{
    char *page = mmap(0, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    {call};
    return (unsigned long)page % 65536 != 0; }}""")
    program = tmp_path / "part"
    subprocess.run(["gcc", source, "-o", program], check=True)
    done = run(program, pages, osmalloc / "libosmalloc.so", 64 * KIB)
    assert done.returncode == 1 and done.stderr.startswith(call[:call.index("(")] + "(0x")
    assert run(program, pages, osmalloc / "libosmalloc.so", 4 * KIB).stderr == ""
