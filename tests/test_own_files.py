# SPDX-License-Identifier: BSD-3-Clause
"""Files that students put beside osmem.c build in all three ways: with this repository's
src/Makefile, with the handout's Makefile, and in the grader."""

import re
import shutil
import subprocess

import pytest

from tests import small_suite, submit

ROOT = small_suite.ROOT
WAYS = ["src/Makefile", "handout/src/Makefile", "checker/grade"]
HELPER = """\
static size_t aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}
""".replace("    ", "\t")
# A header of the student's own, as a course may give it out: nothing in it says what is exported.
OWN_HEADER = """\
#ifndef OSMEM_H
#define OSMEM_H
#include <stddef.h>
#include "printf.h"
void *os_malloc(size_t size);
void *os_calloc(size_t nmemb, size_t size);
void *os_realloc(void *ptr, size_t size);
void os_free(void *ptr);
#endif
"""
# Formatted output of the student's own, with a name that utils/printf.c has as well.
OWN_PRINTF = """\
#include <stdarg.h>
int printf_(const char *format, ...)
{
    return format[0];
}
"""


def earned(way, place, files):
    """Points that a library of these files, naive_library.c among them or not, has of 20."""
    for name, text in files.items():
        target = place / "it/src" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if way == "checker/grade":
        made = submit.graded(place / "it")
        return made.reason or round(made.score * 20 / made.max_score, 2)
    shutil.copytree(ROOT / "utils", place / "it/utils", ignore=shutil.ignore_patterns("*.o"))
    shutil.copy(ROOT / way, place / "it/src/Makefile")
    done = subprocess.run(["make", "-s", "-C", place / "it/src"], text=True, capture_output=True,
                          check=False)
    if done.returncode:
        return done.stderr
    done = small_suite.run("--suite", small_suite.part_suite(), "--library", place / "it/src")
    return int(done.stdout.partition("Total: ")[2].partition("/")[0])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["heap.c", "stats.c", "list.c", "printf.c", "main.c", "malloc.c"])
def test_a_neighbour_may_have_any_name(way, name, tmp_path):
    """It defines what osmem.c calls, and prints; main.c has a main() to try it with."""
    source = submit.naive()
    assert HELPER in source
    helper = '#include "osmem.h"\nsize_t aligned(size_t size);\n' + HELPER.removeprefix("static ")
    more = "int main(void)\n{\n\treturn printf(\"%d\\n\", 5);\n}\n" if name == "main.c" else \
        "void show(void);\nvoid show(void)\n{\n\tprintf(\"%d\\n\", 5);\n}\n"
    files = {"osmem.c": source.replace(HELPER, "size_t aligned(size_t size);\n"),
             name: helper + more}
    assert earned(way, tmp_path, files) == 20


@pytest.mark.parametrize("way", WAYS)
def test_an_own_header_need_not_say_what_is_exported(way, tmp_path):
    assert earned(way, tmp_path, {"osmem.c": submit.naive(), "osmem.h": OWN_HEADER}) == 20


@pytest.mark.parametrize("way", WAYS)
def test_without_any_header(way, tmp_path):
    """osmem.c declares what it needs by itself."""
    source = submit.naive().replace('#include "osmem.h"\n', "void os_free(void *ptr);\n")
    assert '"osmem.h"' not in source
    assert earned(way, tmp_path, {"osmem.c": source}) == 20


@pytest.mark.parametrize("way", WAYS)
def test_an_own_printf_takes_the_place_of_ours(way, tmp_path):
    """Its printf_() is called; what it does not define, snprintf_(), is that of utils/."""
    called = """
__attribute__((constructor)) static void both(void)
{
    char text[8];

    if (printf("%d") != '%' || snprintf(text, sizeof(text), "%d", 42) != 2 || text[1] != '2')
        __builtin_trap();
}
"""
    source = submit.naive(extra=called).replace('printf("%d")', 'printf_("%s")')
    assert earned(way, tmp_path, {"osmem.c": source, "printf.c": OWN_PRINTF}) == 20


@pytest.mark.parametrize("way", WAYS)
def test_gnu_source_may_be_defined_late(way, tmp_path):
    """osmem.h includes system headers; what they declare must not depend on who comes first."""
    source = submit.naive().replace("#define _GNU_SOURCE\n", "")
    assert "_GNU_SOURCE" not in source
    late = '#include "osmem.h"\n#include "block_meta.h"\n#define _GNU_SOURCE\n' \
        "#include <sys/mman.h>\nint moves = MREMAP_MAYMOVE;\n"
    assert earned(way, tmp_path, {"osmem.c": late + source}) == 20


@pytest.mark.parametrize("way", WAYS)
def test_a_header_may_define_a_variable(way, tmp_path):
    """It is one variable, as in compilers before gcc 10."""
    files = {"osmem.c": '#include "list.h"\n' + submit.naive(),
             "list.c": '#include "list.h"\nint count(void)\n{\n\treturn blocks;\n}\n',
             "list.h": "int blocks;\nint count(void);\n"}
    assert earned(way, tmp_path, files) == 20


@pytest.mark.parametrize("way", WAYS)
def test_names_may_be_those_of_the_c_library(way, tmp_path):
    """Where no header was included that declares them, splice() and environ are the student's."""
    source = re.sub(r"mremap\(.*\)", "NULL", submit.naive()).replace("#define _GNU_SOURCE\n", "")
    source = source.replace("static void absorb(struct block_meta *b)\n",
                            "void splice(struct block_meta *b);\n"
                            "void splice(struct block_meta *b)\n").replace("absorb(", "splice(")
    source = source.replace("static struct block_meta *first, *last;",
                            "static struct block_meta *last;\nstruct block_meta *environ;")
    source = re.sub(r"\bfirst\b", "environ", source)
    assert source.count("splice(") > 3 and source.count("environ") > 5
    assert earned(way, tmp_path, {"osmem.c": source}) == 20


@pytest.mark.parametrize("way", WAYS)
def test_a_function_may_begin_with_a_loop(way, tmp_path):
    """A jump back to a function's first instruction is not a call of it."""
    waits = """
static volatile int busy = 3;
void os_free(void *ptr)
{
    while (--busy > 0)
        ;
    busy = 3;
    let_go(ptr);
}
"""
    source = submit.naive(extra=waits).replace("void os_free(void *ptr)",
                                               "static void let_go(void *ptr)", 1)
    assert earned(way, tmp_path, {"osmem.c": source}) == 20


NESTED = """
static __attribute__((noinline)) size_t apply(size_t (*f)(size_t), size_t x)
{
    __asm__ volatile("");
    return f(x);
}

size_t nest(size_t size);
size_t nest(size_t size)
{
    size_t more(size_t by)
    {
        return size + by;
    }

    return apply(more, 3);
}
"""


@pytest.mark.parametrize("way", WAYS)
def test_a_nested_function_that_is_not_called_costs_nothing(way, tmp_path):
    """gcc would have the stack made executable for it, which a graded program cannot have."""
    assert earned(way, tmp_path, {"osmem.c": submit.naive(extra=NESTED)}) == 20


def test_a_nested_function_that_is_called_crashes_and_the_result_says_why(tmp_path):
    head = "void *os_calloc(size_t nmemb, size_t size)\n{\n"
    source = submit.naive().replace(head, f"{NESTED}{head}\tif (!nest(5))\n\t\treturn NULL;\n")
    assert source.count("nest(5)") == 1
    made = submit.result_of(tmp_path / "it", source)
    assert 0 < made.score < made.max_score
    assert any("SIGSEGV" in test.reason for test in made.tests)
    assert [remark.partition(": ")[2][:41] for remark in made.remarks] == [
        "the address of a nested function is taken"]
    assert made.remarks[0].startswith("src/osmem.c:")


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_is_defined_nowhere_is_named(way, tmp_path):
    source = submit.naive().replace(
        "void os_free(void *ptr)\n{\n",
        "void grow_lst(void);\nvoid os_free(void *ptr)\n{\n\tgrow_lst();\n")
    files = {"osmem.c": source, "heap.c": "void grow_list(void);\nvoid grow_list(void)\n{\n}\n"}
    found = earned(way, tmp_path, files)
    assert "grow_lst" in found if way != "checker/grade" else found < 10


def test_what_a_submission_prints_names_no_machine_path(tmp_path):
    source = submit.STUB.replace("\treturn size ?", '\tDIE(size == 1000, "sbrk");\n\treturn size ?')
    made = submit.result_of(tmp_path / "dies", '#include "block_meta.h"\n' + source)
    printed = "\n".join(test.output for test in made.tests)
    assert re.search(r"^  src/osmem\.c:\d+: sbrk", printed, re.MULTILINE)
    assert "osmem-grade" not in printed


def test_a_header_that_was_not_handed_in(tmp_path):
    """The refusal says where the grader searched for it."""
    made = submit.result_of(tmp_path / "it", '#include "helpers.h"\n' + submit.naive())
    assert made.status == "refused" and "helpers.h: No such file or directory" in made.reason
    assert made.reason.endswith("has this header: was it not handed in?")
    made = submit.result_of(tmp_path / "other", '#error "helpers.h: is no file or directory"\n')
    assert "handed in" not in made.reason
