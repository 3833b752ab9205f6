# SPDX-License-Identifier: BSD-3-Clause
"""The hardened build of libosmalloc (make HARDENED=1): what it notices beyond the default build.

tests/hardened/mistakes.c makes the mistakes; the default build shows that each test can fail.
"""

import os
import re
import shutil
import signal
import subprocess

import pytest

from tests.conftest import ROOT
from tests.test_family import IMPOSSIBLE, SUBJECTS, compiled

SLOTS = [1, 16, 100, 1000, 5000, 100000]
LARGE = [200000, 3000000]
NOTICED = [("past-the-end-by-one", "free", "write past the end"),
           ("past-the-end-by-eight", "free", "write past the end"),
           ("past-the-end-then-realloc", "realloc", "write past the end"),
           ("write-after-free", "malloc", "write after free"),
           ("double-free-of-overwritten", "free", "double free"),
           ("before-the-start", "free", "write before the start"),
           ("past-the-end-until-exit", "exit", "write past the end"),
           ("write-after-free-until-exit", "exit", "write after free")]
SIZES = [("freed-as-smaller", "free_sized", "wrong size"),
         ("freed-as-larger", "free_sized", "wrong size"),
         ("aligned-freed-as-smaller", "free_aligned_sized", "wrong size"),
         ("freed-as-aligned", "free_aligned_sized", "wrong alignment"),
         ("deleted-as-larger", "operator delete", "wrong size")]
# Programs of the family that test what this build does not promise.
NOT_HARDENED = {"memory": "freed slots rest, and with them their pages"}


@pytest.fixture(scope="session")
def hardened(tmp_path_factory):
    """The hardened library."""
    folder = tmp_path_factory.mktemp("hardened")
    subprocess.run(["make", "-s", "-C", ROOT / "osmalloc", "HARDENED=1", f"O={folder}"], check=True)
    return folder / "libosmalloc.so"


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The program that makes mistakes."""
    path = tmp_path_factory.mktemp("mistakes") / "mistakes"
    subprocess.run(["gcc", "-O0", "-fno-builtin", "-w", ROOT / "tests/hardened/mistakes.c",
                    "-o", path], check=True)
    return path


def run(library, program, *arguments):
    """The finished process of a program with that malloc."""
    return subprocess.run([program, *map(str, arguments)], text=True, capture_output=True,
                          timeout=600, env={**os.environ, "LD_PRELOAD": str(library)})


@pytest.mark.parametrize("size", SLOTS)
@pytest.mark.parametrize("name, function, mistake", NOTICED, ids=[case[0] for case in NOTICED])
def test_noticed(hardened, program, name, function, mistake, size):
    done = run(hardened, program, name, size)
    address = re.escape(done.stdout.strip())
    assert re.fullmatch(rf"osmalloc: {function}\(\): {mistake} {address}\n", done.stderr)
    assert done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("size", SLOTS[1:] + LARGE)
@pytest.mark.parametrize("name, function, mistake", SIZES, ids=[case[0] for case in SIZES])
def test_the_size_that_a_block_is_freed_with(hardened, osmalloc, program, name, function, mistake,
                                             size):
    done = run(hardened, program, name, size)
    address = re.escape(done.stdout.strip())
    assert re.fullmatch(rf"osmalloc: {function}\(\): {mistake} {address}\n", done.stderr)
    assert done.returncode == -signal.SIGABRT
    assert run(osmalloc / "libosmalloc.so", program, name, size).returncode == 0


@pytest.mark.parametrize("size", SLOTS + LARGE)
def test_blocks_freed_with_their_own_size(hardened, program, size):
    done = run(hardened, program, "freed-as-it-is", size)
    assert (done.returncode, done.stderr) == (0, "")


OWN_NEW = """#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>
struct alignas(64) Line { char bytes[100]; };
static int released;
#ifdef OWN
void *operator new(std::size_t size)
{ char *block = static_cast<char *>(std::malloc(size + FRONT + BEHIND));
  return block + FRONT; }
void operator delete(void *ptr) noexcept
{ released++; if (ptr) std::free(static_cast<char *>(ptr) - FRONT); }
#endif
int main()
{
    std::vector<std::unique_ptr<int>> many;
    for (int i = 0; i < 1000; i++)
        many.push_back(std::make_unique<int>(i));
    many.clear();
    delete new Line;
    delete[] new Line[3];
    delete[] new std::unique_ptr<int>[7];
    ::operator delete(::operator new(0), std::size_t(0));
    ::operator delete(nullptr, std::size_t(8));
    std::printf("%d\\n", released >= 1000);
}
"""


@pytest.mark.parametrize("options, released", [([], 0), (["-DOWN", "-DFRONT=16", "-DBEHIND=0"], 1),
                                               (["-DOWN", "-DFRONT=0", "-DBEHIND=32"], 1)])
@pytest.mark.parametrize("linked", ["preloaded", "static"])
def test_operator_delete_with_a_size(hardened, tmp_path, options, released, linked):
    """Correct programs end as without the library, also with an operator new of their own."""
    if not shutil.which("g++"):
        pytest.skip("g++ is not installed")
    source = tmp_path / "own.cc"
    source.write_text(OWN_NEW)
    libraries = ["-static", hardened.with_suffix(".a")] if linked == "static" else []
    subprocess.run(["g++", "-std=c++17", "-O1", "-w", "-fno-builtin", *options, source, *libraries,
                    "-o", tmp_path / "own"], check=True)
    environment = {} if libraries else {"LD_PRELOAD": str(hardened)}
    done = subprocess.run([tmp_path / "own"], env={**os.environ, **environment}, text=True,
                          capture_output=True, timeout=600)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{released}\n")


def test_at_exit_a_thread_is_enough_to_look_at_nothing(hardened, tmp_path):
    """Other threads may be in the middle of a change, and a false alarm would be worse."""
    source = tmp_path / "threads.c"
    source.write_text("""#include <pthread.h>
#include <stdlib.h>
static void *nothing(void *arg) { return arg; }
int main(void) { pthread_t t; char *volatile p = malloc(10); pthread_create(&t, 0, nothing, 0);
                 pthread_join(t, 0); p[10] = 1; return 0; }""")
    program = tmp_path / "threads"
    subprocess.run(["gcc", "-w", "-O0", source, "-o", program, "-pthread"], check=True)
    done = run(hardened, program)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("name", ["far-past-the-end", "before-the-start", "write-after-free",
                                  "read-after-free", "double-free-of-overwritten",
                                  "far-past-the-grown-end", "before-the-grown-start",
                                  "left-behind"])
def test_no_memory_there(hardened, program, name, size):
    """The memory around a large block, and that of a freed one, cannot be touched."""
    assert run(hardened, program, name, size).returncode == -signal.SIGSEGV


@pytest.mark.parametrize("size", LARGE)
@pytest.mark.parametrize("name", ["past-the-end-by-one", "past-the-grown-end-by-one"])
def test_past_the_end_of_a_large_block(hardened, program, name, size):
    done = run(hardened, program, name, size)
    assert "free(): write past the end" in done.stderr and done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("name, ends_by", [("far-past-the-moved-end", signal.SIGSEGV),
                                           ("before-the-moved-start", signal.SIGSEGV),
                                           ("past-the-moved-end-by-one", signal.SIGABRT)])
def test_where_the_kernel_moves_a_block(hardened, program, name, ends_by):
    """Its guards move with it if there is no room for a second mapping."""
    done = run(hardened, program, name, LARGE[-1])
    if done.returncode == 1:
        pytest.skip("before Linux 6.13, no mapping with guards can be moved")
    assert done.returncode == -ends_by


@pytest.mark.parametrize("size", [5000, 100000, *LARGE])
def test_all_that_is_behind_a_block_is_looked_at(hardened, program, size):
    done = run(hardened, program, "past-the-end-by-forty", size)
    assert "free(): write past the end" in done.stderr and done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("size", [100, 1000, 5000])
def test_a_freed_slot_is_looked_at_to_its_end(hardened, program, size):
    done = run(hardened, program, "write-to-the-end-after-free", size)
    assert "malloc(): write after free" in done.stderr and done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("size", SLOTS)
def test_no_memory_between_slabs(hardened, osmalloc, program, size):
    assert run(hardened, program, "far-behind", size).returncode == -signal.SIGSEGV
    assert run(osmalloc / "libosmalloc.so", program, "far-behind", size).returncode == 0


@pytest.mark.parametrize("name", ["read-of-no-bytes", "write-of-no-bytes"])
def test_blocks_of_no_bytes_cannot_be_touched(hardened, program, name):
    assert run(hardened, program, name, 1).returncode == -signal.SIGSEGV


@pytest.mark.parametrize("size", [1, 100, 200000])
def test_blocks_of_no_bytes_are_like_any(hardened, program, size):
    done = run(hardened, program, "no-bytes", size)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("size", SLOTS)
def test_nothing_is_left_to_read(hardened, program, size):
    assert run(hardened, program, "read-after-free", size).returncode == 0


@pytest.mark.parametrize("size", SLOTS + LARGE)
def test_no_canary_is_left_in_a_block_that_has_grown(hardened, program, size):
    assert run(hardened, program, "reads-what-it-never-wrote", size).returncode == 0


@pytest.mark.parametrize("size", SLOTS + LARGE)
def test_freed_memory_rests(hardened, program, size):
    assert run(hardened, program, "rests", size).returncode == 0


@pytest.mark.parametrize("size", [16, 1000])
def test_random_slots(hardened, program, size):
    """No two runs return the same slots in the same order."""
    found = {run(hardened, program, "order", size).stdout.split("\n", 1)[1] for _ in range(4)}
    assert len(found) == 4


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS
                                     if subject not in NOT_HARDENED])
def test_family(hardened, subject, tmp_path):
    """The malloc family behaves as in the default build."""
    done = run(hardened, compiled(subject, tmp_path))
    if done.returncode == IMPOSSIBLE:
        pytest.skip(done.stdout.strip())
    assert done.stderr == "" and done.returncode == 0


def test_the_default_build_is_another(osmalloc, program):
    """So that the tests above say something."""
    for name, _, _ in NOTICED[:4]:
        assert run(osmalloc / "libosmalloc.so", program, name, 5000).returncode == 0, name
    assert run(osmalloc / "libosmalloc.so", program, "read-after-free", 16).returncode == 1
    assert run(osmalloc / "libosmalloc.so", program, "rests", 16).returncode == 1
