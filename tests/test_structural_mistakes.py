# SPDX-License-Identifier: BSD-3-Clause
"""First versions of a library, compiled and traced, are explained by what they lack."""

import subprocess

import pytest

from tests import small_suite, submit

MAPS_EVERYTHING = """\
#include <string.h>
#include <sys/mman.h>
#include "block_meta.h"
#include "osmem.h"

static size_t length(size_t size)
{
    return SPAN;
}

void *os_malloc(size_t size)
{
    struct block_meta *b;

    if (!size)
        return NULL;
    b = mmap(NULL, length(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    b->size = size;
    b->status = STATUS_MAPPED;
    return b + 1;
}

void os_free(void *ptr)
{
    struct block_meta *b = (struct block_meta *)ptr - 1;

    if (ptr)
        munmap(b, length(b->size));
}

void *os_calloc(size_t nmemb, size_t size)
{
    return os_malloc(nmemb * size);
}

void *os_realloc(void *ptr, size_t size)
{
    struct block_meta *b = (struct block_meta *)ptr - 1;
    void *moved = os_malloc(size);

    if (ptr && moved)
        memcpy(moved, ptr, b->size < size ? b->size : size);
    os_free(ptr);
    return moved;
}
""".replace("    ", "\t")
SPANS = {"exact": "(size + 7) / 8 * 8 + 32", "pages": "(size + 32 + 4095) / 4096 * 4096"}
PART = {"test-malloc-first-use-preallocates": 1, "test-malloc-smallest-mapping": 1,
        "test-malloc-merges-a-run": 1, "test-realloc-mapping-same-size": 1,
        "test-calloc-smallest-mapping": 1, "test-realloc-zero-frees": 1}


def told(place, source):
    """What the programs of PART print on a library that is this text."""
    (place / "lib").mkdir()
    (place / "own.c").write_text(source, encoding="ascii")
    subprocess.run(["gcc", "-O1", "-g", "-shared", "-fPIC", f"-I{small_suite.ROOT / 'utils'}",
                    place / "own.c", "-o", place / "lib/libosmem.so"], check=True)
    return small_suite.run("--suite", small_suite.make_suite(place / "suite", PART),
                           "--library", place / "lib").stdout


@pytest.mark.parametrize("span, headline", [
    ("exact", "1 cause explains 3 of 3 failures."), ("pages", "3 causes explain 4 of 4 failures.")])
def test_a_library_that_maps_every_block_is_told_so(tmp_path, span, headline):
    output = told(tmp_path, MAPS_EVERYTHING.replace("SPAN", SPANS[span]))
    assert "W1: the library puts every block in a mapping of its own" in output
    assert "page size as the threshold" not in output
    assert ("the library rounds the length of a mapping up to whole pages" in output) == (
        span == "pages")
    assert headline in output


def test_a_library_whose_live_blocks_look_free_is_told_so(tmp_path):
    text = submit.naive()
    assert text.count("\tb->status = STATUS_ALLOC;\n") == 1
    output = told(tmp_path, text.replace("\tb->status = STATUS_ALLOC;\n", ""))
    assert "G3: the library leaves the status of a block that it gives out at STATUS_FREE" in output
