# SPDX-License-Identifier: BSD-3-Clause
"""The sources of a submission's library: those that its Makefile names, as far as the grader can
read it, corrected with the help of the linker."""

import shutil

import pytest

from checker import intake, makefile
from tests import submit

FILES = ["extra/deep.c", "list.c", "main.c", "old.c", "osmem.c"]
HELPER = "static size_t aligned(size_t size)\n{\n\treturn (size + 7) / 8 * 8;\n}\n"
OUTSIDE = HELPER.replace("static ", "#include <stddef.h>\nsize_t aligned(size_t size);\n")
WITHOUT_HELPER = submit.naive().replace(HELPER, "size_t aligned(size_t size);\n")
FULL = 90.0


@pytest.mark.parametrize("text, chosen", [
    ("OBJS\t=\tosmem.o", "osmem.c"), ("override SRCS = osmem.c", "osmem.c"),
    ("export SRCS := osmem.c list.c", "list.c osmem.c"), ("\tSRCS ?= osmem.c", "osmem.c"),
    ("libosmem.so: osmem.c\n\tgcc -shared -fPIC -o $@ osmem.c", "osmem.c"),
    ("libosmem.so:\n\tgcc -shared -fPIC -o $@ osmem.c list.c", "list.c osmem.c"),
    ("MAIN = osmem.c\nHELPERS = list.c\nSRCS = $(MAIN) $(HELPERS)", "list.c osmem.c"),
    ("LIB = osmem.o\nEXTRA = list.o\nlibosmem.so: $(LIB) $(EXTRA)", "list.c osmem.c"),
    ("SRCS = osmem.c\nT = $(SRCS) main.c\nlib.so: $(SRCS:.c=.o)\ntest: $(T)", "osmem.c"),
    ("L = libosmem.so\n$(L): osmem.o \\\r\n list.o\nt: main.o old.o osmem.o", "list.c osmem.c"),
    ("lib.so: $(patsubst %.c,%.o,$(wildcard *.c))", "list.c main.c old.c osmem.c"),
    ("SRCS = $(filter-out main.c old.c,$(wildcard *.c */*.c))", "extra/deep.c list.c osmem.c"),
    ("lib.so: $(wildcard *.c)\nMAIN = osmem.c", "list.c main.c old.c osmem.c"),
    ("SRCS = osmem.c # not old.c", "osmem.c"), ("t: main.c\nA = list.c", " ".join(FILES)),
    ("osmem.o: osmem.c list.h\nlibosmem.so: list.o osmem.o", "list.c osmem.c")])
def test_what_a_makefile_says(text, chosen):
    assert makefile.Makefile(text.encode()).chosen(FILES) == chosen.split()


@pytest.mark.parametrize("value, names", [
    ("osmem.c list.o", {"osmem.c", "list.c"}), ("../x/a.o", {"../x/a.c", "a.c"}),
    (".c a.cc b.c.d -c", {"b.c"}), ("a.c-b.o", {"a.c-b.c"}), ("a" * 1000000, set()),
    ("a." * 500000, set())])
def test_file_names_in_a_makefile(value, names):
    """The time is linear in its length."""
    assert makefile.named_in(value) == names


@pytest.mark.parametrize("piece", ["$(a:", "filter-out ", "a:", "*", "a=b\n", "a: b\n", "override ",
                                   "\n\t", "a*", "a=$(a)\n", "$(a)"])
def test_a_makefile_without_end_is_read(piece):
    """The time is linear in its length."""
    text = "a=b\na:" + piece * (300000 // len(piece))
    assert makefile.Makefile(text.encode()).chosen(FILES) == FILES


def test_the_first_makefile_is_that_of_make(tmp_path):
    place = submit.submission(tmp_path / "ann", list="int l;\n")
    (place / "src/Makefile").write_text("SRCS = osmem.c list.c\n")
    (place / "src/GNUmakefile").write_text("SRCS = osmem.c\n")
    assert intake.take(place).compiled == ["osmem.c"]


def test_the_makefile_is_read_for_its_list_of_sources_and_never_run(tmp_path):
    place = submit.submission(tmp_path / "anna", list="int l;\n", main="int main;\n")
    (place / "src/Makefile").write_text(
        f"$(shell touch {tmp_path}/ran)\nLIST = list.o \\\n  ../utils/printf.o\n"
        "OBJS := osmem.o $(LIST)\nOTHER = main.o\nall:\n\ttouch ran\n")
    assert intake.take(place).compiled == ["list.c", "osmem.c"]
    assert not (tmp_path / "ran").exists()
    (place / "src/Makefile").write_text("A = $(B)\nB = $(A) osmem.c\n" + "C = $(C) $(C)\n" * 50)
    assert intake.take(place).compiled == ["osmem.c"]
    (place / "src/Makefile").write_text(f"A = {'$(A)' * 200}\nB = osmem.c $(C)\nC = list.c\n")
    assert intake.take(place).compiled == ["osmem.c"], "the rest is not worth the time"
    (place / "src/Makefile").write_bytes(b"\xff\0= osmem")
    assert intake.take(place).compiled == ["list.c", "main.c", "osmem.c"]


def test_this_repository_is_a_submission_by_its_own_makefile():
    taken = intake.take(submit.ROOT)
    every = {path.name for path in (submit.ROOT / "src").glob("*.c")}
    assert "osmem.c" in every and set(taken.compiled) == {*every, "../utils/printf.c"}


def test_own_files_are_compiled_beside_this_repositorys_makefile(tmp_path):
    place = submit.submission(tmp_path / "anna", list="int l;\n")
    shutil.copy(submit.ROOT / "src/Makefile", place / "src")
    (place / "src/heap.c").write_text("int h;\n")
    assert intake.take(place).compiled == ["heap.c", "list.c", "osmem.c"]


def test_a_source_that_another_one_includes_is_part_of_that(tmp_path):
    place = submit.submission(tmp_path / "ann", '#include "impl.c"\n#include "../lib/list.c"\n',
                              impl="int i;\n", test='#include "osmem.c"\nint main(void) {}\n')
    (place / "lib").mkdir()
    (place / "lib/list.c").write_text("int l;\n")
    taken = intake.take(place)
    assert (taken.compiled, taken.others) == (["osmem.c"], ["impl.c", "test.c"])
    assert taken.files["../lib/list.c"] == b"int l;\n"


def test_what_the_makefile_seems_to_leave_out_is_linked_if_it_is_needed(tmp_path):
    place = submit.submission(tmp_path / "ann", WITHOUT_HELPER, list=OUTSIDE, main="int main;\n",
                              broken="int no(\n")
    (place / "src/Makefile").write_text("MAIN = osmem.c\nlib.so: $(MAIN) $(shell cat sources)\n")
    assert intake.take(place).compiled == ["osmem.c"]
    made = submit.graded(place)
    assert made.score == FULL
    assert made.remarks == ["Sources that osmem.c does not need are not in the library: "
                            "broken.c, main.c."]


def test_sources_that_define_the_same(tmp_path):
    """osmem.c is linked, with the other sources that it needs."""
    other = submit.naive("NEVER_MERGES") + OUTSIDE.replace("aligned", "aligned_2")
    place = submit.submission(tmp_path / "ann", WITHOUT_HELPER.replace("aligned(", "aligned_1("),
                              list=OUTSIDE.replace("aligned", "aligned_1"), osmem_old=other)
    made = submit.graded(place)
    assert (made.score, made.reason) == (FULL, "")
    assert made.remarks == ["Sources that osmem.c does not need are not in the library: "
                            "osmem_old.c."]


def test_one_of_the_four_functions_may_be_elsewhere(tmp_path):
    text = submit.naive()
    start = text.index("void os_free(void *ptr)\n")
    free = '#include "osmem.h"\nvoid release(void *b);\n' + text[start:].replace(
        "(struct block_meta *)ptr - 1", "(char *)ptr - 32")
    source = text[:start].replace("static void release(struct block_meta *b)",
                                  "void release(struct block_meta *b)")
    free = free[:free.index("{")] + "{\n\tif (ptr)\n\t\trelease((char *)ptr - 32);\n}\n"
    made = submit.graded(submit.submission(tmp_path / "ann", source, free=free, z_old=text))
    assert (made.score, made.reason) == (FULL, "")


def test_what_cannot_be_linked_in_any_way_says_why(tmp_path):
    """osmem.c needs two files that define the same name."""
    place = submit.submission(
        tmp_path / "ann", submit.STUB + "int a(void);\nint b(void);\nint (*f[])(void) = {a, b};\n",
        a="int a(void) { return 1; }\nint c(void) { return 1; }\n",
        b="int b(void) { return 1; }\nint c(void) { return 1; }\n")
    made = submit.graded(place)
    assert made.status == "refused" and "multiple definition of `c'" in made.reason
