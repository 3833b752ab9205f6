# SPDX-License-Identifier: BSD-3-Clause
"""The headers in utils/ compile in the ways that students use them, and in C++ programs."""

import subprocess
from pathlib import Path

import pytest

UTILS = Path(__file__).resolve().parent.parent / "utils"
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", f"-I{UTILS}"]

# Nothing but the handout's headers is included.
STUDENT = r"""
%s
static struct block_meta head = {0, -1, &head, &head};

void *first(size_t size);
void *first(size_t size)
{
    DIE(size == 0, "first");
    printf("%%zu bytes, status %%d\n", size, head.status);
    return head.next;
}
"""
CPLUSPLUS = r"""
#include <cstdio>
#include "osmem.h"
#include "block_meta.h"

int main()
{
    DIE(sizeof(block_meta) != 32, "header");
    os_free(os_malloc(5));
    return std::printf("%d\n", STATUS_ALLOC) != 2;
}
"""
ORDERS = ['#include "block_meta.h"', '#include "osmem.h"\n#include "block_meta.h"',
          '#include <stdio.h>\n#include "block_meta.h"\n#include "osmem.h"',
          '#include "osmem.h"\n#include "block_meta.h"\n#include <stdio.h>\n#include <stdlib.h>']


def compiled(compiler, name, text, tmp_path, *more):
    """The compiler's output for a source text, "" for none."""
    source = tmp_path / name
    source.write_text(text)
    done = subprocess.run([compiler, *FLAGS, *more, "-c", source, "-o", tmp_path / "it.o"],
                          capture_output=True, text=True)
    return done.stderr if done.stderr or not done.returncode else "failed"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("includes", ORDERS)
def test_a_library_that_includes_the_handout_alone(compiler, includes, tmp_path):
    assert compiled(compiler, "osmem.c", STUDENT % includes, tmp_path, "-std=gnu11") == ""


def test_printing_in_an_allocator_is_not_stdio(tmp_path):
    """A debugging printf() in os_malloc() must not allocate: it is utils/printf.c's."""
    assert compiled("gcc", "osmem.c", STUDENT % ORDERS[1], tmp_path) == ""
    names = subprocess.run(["nm", "-u", tmp_path / "it.o"], capture_output=True, text=True,
                           check=True).stdout.split()
    assert "printf_" in names and "printf" not in names


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_cplusplus_programs_keep_their_own_printf(compiler, tmp_path):
    assert compiled(compiler, "program.cpp", CPLUSPLUS, tmp_path) == ""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_program_sees_what_the_library_writes_into_a_header(compiler, tmp_path):
    """Also if both are compiled as one: memory written as one type is read as the other."""
    source = tmp_path / "both.c"
    source.write_text(
        '#include "osmem.h"\n#include "block_meta.h"\n#include "block.h"\n'
        "static __attribute__((noinline)) int change(struct header *b, struct block_meta *same)\n"
        "{\n\tint status = same->status;\n\n\tb->status = status + 1;\n"
        "\treturn same->status - status;\n}\n\n"
        "int main(void)\n{\n\tvoid *bytes = calloc(1, 32);\n\n"
        "\treturn change(bytes, bytes) != 1;\n}\n")
    subprocess.run([compiler, "-std=gnu11", "-O2", "-w", f"-I{UTILS}", f"-I{UTILS.parent / 'src'}",
                    source, "-o", tmp_path / "both"], check=True)
    assert subprocess.run([tmp_path / "both"], check=False).returncode == 0
