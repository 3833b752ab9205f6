# SPDX-License-Identifier: BSD-3-Clause
"""The model where traces cannot go: failing system calls, foreign brk calls, misuse (B1, B2, B4).

Expected addresses are worked out by hand, as in test_model.py.
"""

import itertools

import pytest

from tests.harness.spec.model import ALLOC, FREE, MAPPED, SIZE_MAX, Block, BrokenModel, Model, Sys
from tests.model_scenes import EINVAL, ENOMEM, FIRST_GROWTH, MAP1, MAP2, MAP3, blocks, filled, play

# ---- a system call fails (B1) ---------------------------------------------------------------

SCENES = {
    "first use": [("malloc", 100), ("calloc", 1, 8), ("free", 0x20)],
    "H3 after merges": [("malloc", 64000), ("malloc", 64000), ("malloc", 8), ("free", 0x20),
                        ("free", 0x20 + 64032), ("free", 0x20 + 2 * 64032), ("malloc", 131032),
                        ("malloc", 50)],
    "X6": [("malloc", 131032), ("realloc", 0x20, 131040), ("malloc", 100),
           ("realloc", 131104, 5000)],
    "X8": [("malloc", 64000), ("malloc", 64), ("malloc", 64), ("malloc", 66000), ("free", 0xfa80),
           ("realloc", 0x20, 65000)],
    "X5 and X3": [("malloc", 8), ("realloc", 0x20, 131072), ("realloc", MAP1 + 32, 131072),
                  ("calloc", 1, 5000), ("realloc", MAP3 + 32, 0)],
    "R2": [("malloc", 131072), ("free", MAP1 + 32), ("free", MAP2 + 32)],
}


@pytest.mark.parametrize("scene", SCENES)
def test_b1_whichever_system_call_fails_the_blocks_stay(scene):
    """For every k, the k-th system call fails: that call changes nothing, and later calls work."""
    calls = SCENES[scene]
    failures = 0
    for k in itertools.count():
        model = Model(fail=lambda i: i == k)
        made = 0
        for call in calls:
            before = model.snapshot()
            step, = play(model, call)
            if made <= k < made + len(step.syscalls):
                failures += 1
                assert step.errno == ENOMEM and step.rules[-1] == "B1"
                assert not step.result
                assert model.snapshot() == before
            made += len(step.syscalls)
        if made <= k:
            break
    assert failures == k > 0


def test_b1_f3_a_refused_first_growth_is_tried_again_without_the_question():
    steps = play(Model(fail=lambda i: i == 1), ("malloc", 8), ("malloc", 8))
    assert steps[0].syscalls == [Sys("brk", (), 0), Sys("brk", (131072,), 0)]
    assert (steps[0].result, steps[0].errno) == (0, ENOMEM)
    assert steps[1].syscalls == [Sys("brk", (131072,), 131072)]
    assert steps[1].result == 0x20


def test_b1_a_refused_question_is_asked_again():
    steps = play(Model(fail=lambda i: i == 0), ("malloc", 8), ("malloc", 8))
    assert steps[0].syscalls == [Sys("brk", (), -1)]
    assert steps[1].syscalls == FIRST_GROWTH


def test_b1_merges_and_absorbed_neighbours_are_undone():
    failing = []
    model = Model(fail=lambda i: bool(failing))
    b, f1, f2, _, f3, f4, last = (s.result for s in play(
        model, *(("malloc", n) for n in (64, 104, 64, 8, 64, 64, 130000))))
    play(model, *(("free", f) for f in (f1, f2, f3, f4)))
    before = model.snapshot()
    failing.append("now")
    step, = play(model, ("realloc", b, 5000))
    assert step.rules[:2] == ["X7", "X8"] and step.rules[-1] == "B1"
    assert (step.result, step.errno) == (0, ENOMEM)
    assert step.copies == []
    assert model.snapshot() == before
    failing.clear()
    step, = play(model, ("realloc", b, 180))        # X7 still sees f1 and f2 one at a time
    assert model.heap[0].size == 200


def test_b1_free_of_a_mapping_that_stays():
    model = Model(fail=lambda i: i == 1)
    step = play(model, ("malloc", 131072), ("free", MAP1 + 32))[1]
    assert (step.result, step.errno, step.misuse) == (None, ENOMEM, None)
    assert step.syscalls == [Sys("munmap", (MAP1, 131104), -1)]
    assert model.maps == {1: Block(MAP1, 131072, MAPPED)}
    step, = play(model, ("free", MAP1 + 32))
    assert (step.errno, model.maps) == (0, {})


def test_b1_x3_gives_the_new_mapping_back():
    model = Model(fail=lambda i: i == 2)
    step = play(model, ("malloc", 131072), ("realloc", MAP1 + 32, 200000))[1]
    assert step.syscalls == [Sys("mmap", (200032,), MAP2), Sys("munmap", (MAP1, 131104), -1),
                             Sys("munmap", (MAP2, 200032), 0)]
    assert (step.result, step.errno) == (0, ENOMEM)
    assert list(model.maps) == [1]
    step, = play(model, ("malloc", 131072))         # numbers count successful mmaps
    assert step.result == MAP3 + 32


def test_b1_x3_gives_the_new_heap_block_back_by_r1():
    model = Model(fail=lambda i: i == 3)
    step = play(model, ("malloc", 131072), ("realloc", MAP1 + 32, 100))[1]
    assert step.syscalls == FIRST_GROWTH + [Sys("munmap", (MAP1, 131104), -1)]
    assert (step.result, step.errno, step.copies) == (0, ENOMEM, [])
    # growth and split stay: 131040 - 104 - 32 = 130904
    assert blocks(model) == [(0x20, 104, FREE), (0x20 + 136, 130904, FREE)]
    assert list(model.maps) == [1]


def test_b1_x3_when_nothing_can_be_unmapped_the_old_block_stays():
    model = Model(fail=lambda i: i >= 2)
    step = play(model, ("malloc", 131072), ("realloc", MAP1 + 32, 131072))[1]
    assert [call.result for call in step.syscalls] == [MAP2, -1, -1]
    assert (step.result, step.errno) == (0, ENOMEM)
    assert 1 in model.maps


# ---- somebody else moves the break (B2) ------------------------------------------------------


def test_b2_heap_begins_wherever_the_break_is():
    model = Model()
    assert model.foreign_sbrk(4096) == 0
    step, = play(model, ("malloc", 8))
    # F1's question comes all the same, though the C library knows the break by now
    assert step.syscalls == [Sys("brk", (), 4096), Sys("brk", (4096 + 131072,), 4096 + 131072)]
    assert step.result == 4096 + 32


def test_b2_an_unaligned_break_is_padded_in_the_same_step():
    model = Model()
    model.foreign_sbrk(3)
    step, = play(model, ("malloc", 8))
    assert step.syscalls == [Sys("brk", (), 3), Sys("brk", (8 + 131072,), 8 + 131072)]
    assert step.result == 8 + 32 and "B2" in step.rules
    step, = play(Model(start=5), ("malloc", 8))
    assert step.syscalls == [Sys("brk", (), 5), Sys("brk", (131080,), 131080)]
    assert step.result == 40


def test_b2_growth_goes_on_behind_foreign_memory():
    model, p = filled(104)
    model.foreign_sbrk(1001)
    step, = play(model, ("malloc", 100))
    # 131072 + 1001 = 132073, rounded up 132080; 104 + 32 more
    assert step.syscalls == [Sys("brk", (132216,), 132216)]
    assert step.result == 132080 + 32
    assert model.regions == [0, 132080]
    step, = play(model, ("malloc", 8))
    assert step.result == 132216 + 32       # the new region goes on without another gap


def test_b2_h3_does_not_grow_a_last_block_that_does_not_end_at_the_break():
    model = Model()
    play(model, ("malloc", 130000))
    model.foreign_sbrk(8)
    step, = play(model, ("malloc", 2000))
    assert step.result == 131072 + 8 + 32 and "H3" not in step.rules
    assert [(b.size, b.status) for b in model.heap] == [
        (130000, ALLOC), (1008, FREE), (2000, ALLOC)]


def test_b2_x6_moves_a_last_block_that_does_not_end_at_the_break():
    model, p = filled(104)
    model.foreign_sbrk(16)
    step, = play(model, ("realloc", p[1], 131000))
    assert step.rules[:2] == ["X7", "X8"]
    assert step.result == 131072 + 16 + 32
    assert step.copies == [(131120, p[1], 131072 - 136 - 32)]


def test_b2_blocks_do_not_merge_across_the_gap():
    model, p = filled(104)
    model.foreign_sbrk(8)
    q = play(model, ("malloc", 104))[0].result
    play(model, ("free", p[1]), ("free", q))
    step, = play(model, ("malloc", 131000))     # 130904 and 104 are free on both sides
    assert [(b.size, b.status) for b in model.heap[1:]] == [(130904, FREE), (131000, ALLOC)]
    assert step.result == q and step.syscalls[0].args == (131080 + 32 + 131000,)


def test_b2_realloc_does_not_grow_across_the_gap():
    model, p = filled(104)
    model.foreign_sbrk(8)
    q, r = (s.result for s in play(model, ("malloc", 104), ("malloc", 8)))
    play(model, ("free", q))
    step, = play(model, ("realloc", p[1], 130912))
    assert step.rules[:2] == ["X7", "X8"]
    assert step.result == r + 8 + 32
    assert (q - 32, 104, FREE) in model.snapshot()[0]


def test_b2_the_gap_closes_when_foreign_memory_is_released():
    model, p = filled(104)
    model.foreign_sbrk(4096)
    model.foreign_sbrk(-4096)
    step, = play(model, ("malloc", 8))
    assert (step.result, step.syscalls) == (131104, [Sys("brk", (131112,), 131112)])
    assert "B2" not in step.rules


def test_b2_a_break_below_the_heap_stops_growth_only():
    model, p = filled(104)
    model.foreign_sbrk(-1)
    before = model.snapshot()
    for call in (("malloc", 200), ("calloc", 1, 8), ("realloc", p[0], 200),
                 ("realloc", p[1], 131000)):
        step, = play(model, call)
        assert (step.result, step.errno, step.syscalls) == (0, ENOMEM, [])
        assert model.snapshot() == before
    play(model, ("free", p[0]))
    steps = play(model, ("malloc", 8), ("malloc", 131072))
    assert [s.result for s in steps] == [p[0], MAP1 + 32]


# ---- misuse (B4) ------------------------------------------------------------------------------


def misuse_scene():
    """A model with blocks of every kind, and their payloads."""
    model, p = filled(104, 104, 104, 104)
    play(model, ("free", p[1]), ("free", p[2]))
    mapped = play(model, ("malloc", 131072))[0].result
    gone = play(model, ("calloc", 1, 5000), ("free", MAP2 + 32))[0].result
    return model, p, mapped, gone


@pytest.mark.parametrize("where, what", [
    (lambda p, m, g: p[1], "double free"),
    (lambda p, m, g: p[1] + 8, "double free"),
    (lambda p, m, g: p[1] - 32, "double free"),
    (lambda p, m, g: p[1] + 103, "double free"),
    (lambda p, m, g: p[0] + 1, "interior pointer"),
    (lambda p, m, g: p[0] - 1, "interior pointer"),
    (lambda p, m, g: p[0] + 103, "interior pointer"),
    (lambda p, m, g: m + 8, "interior pointer"),
    (lambda p, m, g: m - 32, "interior pointer"),
    (lambda p, m, g: m + 131071, "interior pointer"),
    (lambda p, m, g: m + 131072, "invalid pointer"),
    (lambda p, m, g: g, "invalid pointer"),
    (lambda p, m, g: 131072, "invalid pointer"),
    (lambda p, m, g: MAP3 - 5, "invalid pointer"),
    (lambda p, m, g: SIZE_MAX, "invalid pointer")])
def test_b4_pointers_that_are_no_live_payload(where, what):
    model, p, mapped, gone = misuse_scene()
    pointer = where(p, mapped, gone)
    before = model.snapshot()
    step, = play(model, ("free", pointer))
    assert (step.misuse, step.result, step.rules) == (what, None, ["B4"])
    if pointer != p[1]:
        for n in (0, 8, 131072, SIZE_MAX):
            step, = play(model, ("realloc", pointer, n))
            assert (step.result, step.errno, step.syscalls) == (0, EINVAL, [])
            assert step.misuse is None
    assert model.snapshot() == before


def test_b4_a_stale_pointer_inside_a_merged_block_is_a_double_free():
    model, p, _, _ = misuse_scene()
    play(model, ("calloc", 1, 8), ("free", p[1]))     # H1 made one block of both
    assert play(model, ("malloc", 240))[0].result == p[1]
    play(model, ("free", p[1]))
    assert play(model, ("free", p[2]))[0].misuse == "double free"
    assert play(model, ("realloc", p[2], 8))[0].errno == EINVAL


# ---- the model checks itself -------------------------------------------------------------------


@pytest.mark.parametrize("harm", [
    lambda model: setattr(model.heap[0], "size", 12),
    lambda model: setattr(model.heap[0], "size", 0),
    lambda model: setattr(model.heap[0], "status", MAPPED),
    lambda model: setattr(model.heap[1], "size", 16),
    lambda model: setattr(model.heap[1], "addr", 999 * 8),
    lambda model: setattr(model.maps[1], "addr", MAP2),
    lambda model: setattr(model.maps[1], "status", ALLOC),
    lambda model: model.heap.pop(0),
    lambda model: model.heap.pop(),
    lambda model: model.heap.clear(),
    lambda model: setattr(model, "brk", model.brk + 8)])
def test_check_finds_broken_states(harm):
    model = Model()
    play(model, ("malloc", 24), ("malloc", 24), ("malloc", 131072))
    harm(model)
    with pytest.raises(BrokenModel):
        model.check()


def test_snapshots_are_copies():
    model = Model()
    play(model, ("malloc", 8))
    before = model.snapshot()
    play(model, ("free", 0x20))
    assert model.snapshot() != before
