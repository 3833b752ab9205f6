# SPDX-License-Identifier: BSD-3-Clause
"""The executable model on scenarios that were worked out by hand from docs/contract.md.

Addresses are offsets from HeapStart. With sizes s1, s2, ... the payloads lie at 0x20,
0x20 + s1 + 32, and so on. The expected numbers below are written out, so that they can be checked
with pencil and paper; no test computes them with functions of the model.
"""

import pytest

from tests.harness.spec.model import ALLOC, FREE, PTRDIFF_MAX, SIZE_MAX, Model, Sys
from tests.model_scenes import ENOMEM, FIRST_GROWTH, MAP1, MAP2, blocks, filled, play

# ---- geometry (G) and the first use (F) ----------------------------------------------------


def test_g1_g2_payloads_are_32_bytes_behind_aligned_headers():
    model = Model()
    steps = play(model, ("malloc", 1), ("malloc", 9), ("malloc", 16))
    # sizes 8, 16, 16: 0x20, 0x20 + 8 + 32 = 0x48, 0x48 + 16 + 32 = 0x78
    assert [step.result for step in steps] == [0x20, 0x48, 0x78]
    assert [block.size for block in model.heap[:3]] == [8, 16, 16]


def test_g3_status_of_free_live_and_mapped_blocks():
    model = Model()
    play(model, ("malloc", 8), ("malloc", 200000))
    assert [block.status for block in model.heap] == [1, 0]
    assert model.maps[1].status == 2


def test_g4_f1_first_request_grows_by_the_threshold_then_is_served():
    model = Model()
    step, = play(model, ("malloc", 1000))
    assert step.result == 0x20
    assert step.syscalls == FIRST_GROWTH
    assert step.rules == ["W1", "F1", "H2", "S1"]
    # 131040 - 1000 - 32 = 130008, at 0x20 + 1000 + 32 = 0x428
    assert blocks(model) == [(0x20, 1000, ALLOC), (0x428, 130008, FREE)]


@pytest.mark.parametrize("call", [("malloc", 8), ("calloc", 1, 8), ("realloc", 0, 8)])
def test_f1_whichever_function_comes_first(call):
    step, = play(Model(), call)
    assert (step.result, step.syscalls) == (0x20, FIRST_GROWTH)


def test_f1_realloc_of_a_mapping_to_a_small_size_can_be_the_first_request():
    first, second = play(Model(), ("malloc", 131072), ("realloc", MAP1 + 32, 100))
    assert first.syscalls == [Sys("mmap", (131104,), MAP1)]
    assert second.result == 0x20
    assert second.syscalls == FIRST_GROWTH + [Sys("munmap", (MAP1, 131104), 0)]


def test_f2_mappings_do_not_begin_the_heap():
    model = Model()
    play(model, ("malloc", 131072), ("calloc", 1, 5000), ("free", MAP1 + 32))
    assert (model.heap, model.brk) == ([], 0)


def test_f2_f3_the_heap_begins_once():
    steps = play(Model(), ("malloc", 131032), ("free", 0x20), ("malloc", 131032), ("malloc", 8))
    queries = [call for step in steps for call in step.syscalls if call.args == ()]
    assert queries == [Sys("brk", (), 0)]
    assert steps[2].syscalls == []
    # the heap is full: H4 moves the break by 8 + 32
    assert steps[3].syscalls == [Sys("brk", (131072 + 40,), 131072 + 40)]


# ---- which place (W) -------------------------------------------------------------------------


@pytest.mark.parametrize("n, length", [
    (131032, None), (131033, 131072), (131040, 131072), (131041, 131080), (131072, 131104)])
def test_w1_malloc_and_realloc_null_take_a_mapping_from_the_threshold_on(n, length):
    for call in (("malloc", n), ("realloc", 0, n)):
        step, = play(Model(), call)
        if length is None:
            assert (step.result, step.syscalls) == (0x20, FIRST_GROWTH)
        else:
            assert (step.result, step.syscalls) == (MAP1 + 32, [Sys("mmap", (length,), MAP1)])


@pytest.mark.parametrize("k, m, length", [
    (1, 4056, None), (507, 8, None), (1, 4057, 4096), (4057, 1, 4096), (2, 2032, 4096),
    (64, 64, 4128), (100, 1000, 100032)])
def test_w2_calloc_takes_a_mapping_from_a_page_on(k, m, length):
    step, = play(Model(), ("calloc", k, m))
    if length is None:
        assert (step.result, step.syscalls) == (0x20, FIRST_GROWTH)
    else:
        assert (step.result, step.syscalls) == (MAP1 + 32, [Sys("mmap", (length,), MAP1)])
        assert step.zeroed == []


def test_w2_follows_the_page_size():
    step, = play(Model(page=16384), ("calloc", 1, 16344))
    assert step.result == 0x20
    step, = play(Model(page=16384), ("calloc", 1, 16345))
    assert step.result == MAP1 + 32


def test_w3_a_resized_block_forgets_that_calloc_made_it():
    model = Model()
    steps = play(model, ("calloc", 1, 5000), ("realloc", MAP1 + 32, 6000))
    assert steps[1].result == 0x20
    assert model.maps == {}
    # and on the heap 4057 bytes are no reason to leave it
    steps = play(Model(), ("calloc", 1, 100), ("realloc", 0x20, 4057))
    assert steps[1].result == 0x20


@pytest.mark.parametrize("call", [
    ("malloc", 0), ("calloc", 0, 5), ("calloc", 5, 0), ("calloc", 0, SIZE_MAX),
    ("realloc", 0, 0), ("free", 0)])
def test_w4_nothing_asked_nothing_done(call):
    model = Model()
    step, = play(model, call)
    assert step.result == (None if call[0] == "free" else 0)
    assert (step.errno, step.syscalls, step.rules) == (0, [], ["W4"])
    assert model.snapshot() == Model().snapshot()


LARGEST = PTRDIFF_MAX - 7 - 32      # PTRDIFF_MAX is 7 more than a multiple of 8


@pytest.mark.parametrize("call", [
    ("malloc", LARGEST + 1), ("malloc", SIZE_MAX), ("calloc", 1, LARGEST + 1),
    ("calloc", 1 << 32, 1 << 32), ("calloc", SIZE_MAX, 2), ("calloc", (1 << 63) + 1, 2),
    ("realloc", 0, LARGEST + 1)])
def test_w5_impossible_sizes(call):
    model = Model()
    step, = play(model, call)
    assert (step.result, step.errno, step.syscalls, step.rules) == (0, ENOMEM, [], ["W5"])


def test_w5_the_largest_possible_size_is_tried():
    step, = play(Model(fail=lambda i: True), ("malloc", LARGEST))
    assert step.syscalls == [Sys("mmap", (LARGEST + 32,), -1)]
    assert (step.result, step.errno) == (0, ENOMEM)


@pytest.mark.parametrize("size", [100, 131072])
def test_w5_leaves_the_block_that_was_to_be_resized(size):
    model = Model()
    p = play(model, ("malloc", size))[0].result
    before = model.snapshot()
    step, = play(model, ("realloc", p, SIZE_MAX))
    assert (step.result, step.errno, step.syscalls) == (0, ENOMEM, [])
    assert model.snapshot() == before


# ---- searching the heap (H) ------------------------------------------------------------------


def test_h1_all_runs_of_free_blocks_are_merged_first():
    model, p = filled(104, 104, 8, 64, 64, 64, 8)
    play(model, *(("free", p[i]) for i in (1, 0, 4, 3, 5)))
    step, = play(model, ("malloc", 8))
    # runs: 104 + 32 + 104 = 240 at 0x20, and 64 + 32 + 64 + 32 + 64 = 256 behind the 8 bytes
    assert step.result == 0x20 and step.syscalls == []
    assert "H1" in step.rules
    # 240 is cut: 8, and 240 - 8 - 32 = 200 at 0x20 + 8 + 32
    assert blocks(model)[:4] == [
        (0x20, 8, ALLOC), (0x48, 200, FREE), (0x130, 8, ALLOC), (0x158, 256, FREE)]


def test_h2_smallest_fitting_hole_wins_and_the_lowest_of_equals():
    model, p = filled(200, 8, 120, 8, 120, 8, 96, 8)
    play(model, *(("free", p[i]) for i in (0, 2, 4, 6)))
    steps = play(model, ("malloc", 100), ("malloc", 97), ("malloc", 96), ("malloc", 121))
    assert [step.result for step in steps] == [p[2], p[4], p[6], p[0]]


def test_h2_the_end_of_the_heap_is_no_better_than_a_larger_hole():
    model = Model()
    steps = play(model, ("malloc", 131000 - 32 - 64 - 80), ("malloc", 64), ("free", 0x20))
    # free: 130824 at the start; at the end 131040 - (130824 + 32) - (64 + 32) = 88
    assert blocks(model)[-1][1] == 88
    step, = play(model, ("malloc", 88))
    assert step.result == steps[1].result + 64 + 32


def test_h3_the_free_last_block_grows_by_what_is_missing():
    model = Model()
    steps = play(model, ("malloc", 130000), ("malloc", 2000))
    # left: 131040 - 130000 - 32 = 1008; missing: 2000 - 1008 = 992
    assert steps[1].result == 0x20 + 130000 + 32
    assert steps[1].syscalls == [Sys("brk", (131072 + 992,), 131072 + 992)]
    assert blocks(model)[1:] == [(0x20 + 130000 + 32, 2000, ALLOC)]


def test_h3_after_merging():
    model, p = filled(130000, 500 - 4)
    # the last block has 131040 - 130032 - 528 = 480; with its neighbour 496 + 32 + 480 = 1008
    play(model, ("free", p[2]), ("free", p[1]))
    step, = play(model, ("malloc", 1016))
    assert step.result == p[1]
    assert step.syscalls == [Sys("brk", (131080,), 131080)]


def test_h4_h5_behind_a_live_last_block_growth_is_exact():
    model, p = filled(104)
    step, = play(model, ("malloc", 1))
    assert step.syscalls == [Sys("brk", (131072 + 40,), 131072 + 40)]
    assert step.result == 131072 + 32
    step, = play(model, ("calloc", 3, 111))
    # A(333) = 336
    assert step.syscalls == [Sys("brk", (131112 + 368,), 131112 + 368)]
    assert step.result == 131112 + 32


def test_h6_calloc_zeroes_what_was_asked_on_the_heap():
    model = Model()
    steps = play(model, ("malloc", 100), ("free", 0x20), ("calloc", 3, 33))
    assert steps[2].result == 0x20
    assert steps[2].zeroed == [(0x20, 99)]


# ---- splitting (S) ---------------------------------------------------------------------------


@pytest.mark.parametrize("n, left", [(65, [104]), (64, [64, 8]), (72, [104]), (56, [56, 16])])
def test_s1_s2_a_header_and_8_bytes_must_remain(n, left):
    model, p = filled(104, 8)
    play(model, ("free", p[0]), ("malloc", n))
    assert [block.size for block in model.heap[:-2]] == left


def test_s2_slack_counts_for_growth_and_for_the_next_block():
    model = Model()
    play(model, ("malloc", 131001))        # A = 131008, 32 bytes remain: slack
    assert blocks(model) == [(0x20, 131040, ALLOC)]
    grown, = play(model, ("realloc", 0x20, 131032))
    assert (grown.result, grown.syscalls, grown.rules) == (0x20, [], ["X4", "S2"])
    moved, = play(model, ("malloc", 8))     # H4 begins behind the slack
    assert moved.result == 131072 + 32


def test_s3_the_rest_of_a_split_waits_beside_its_free_neighbour():
    model, p = filled(104, 64, 8)
    play(model, ("free", p[1]), ("realloc", p[0], 8))
    # 104 - 8 - 32 = 64 remain in front of the free 64
    assert [(b.size, b.status) for b in model.heap[:3]] == [(8, ALLOC), (64, FREE), (64, FREE)]
    step, = play(model, ("malloc", 160))
    assert step.result == 0x20 + 8 + 32


def test_s3_slack_is_not_handed_to_a_free_neighbour():
    model, p = filled(104, 64, 8)
    play(model, ("free", p[1]))
    step, = play(model, ("realloc", p[0], 72))
    assert step.result == p[0] and [b.size for b in model.heap[:2]] == [104, 64]


# ---- freeing (R) -----------------------------------------------------------------------------


def test_r1_free_changes_only_the_status():
    model, p = filled(104, 64)
    play(model, ("free", p[2]), ("free", p[1]))
    step, = play(model, ("free", p[0]))
    assert (step.result, step.syscalls, step.rules) == (None, [], ["R1"])
    assert [b.status for b in model.heap] == [FREE] * 3
    assert model.brk == 131072


def test_r2_m1_unmaps_the_length_that_was_mapped():
    model = Model()
    steps = play(model, ("malloc", 131073), ("free", MAP1 + 32))
    assert steps[0].syscalls == [Sys("mmap", (131112,), MAP1)]
    assert steps[1].syscalls == [Sys("munmap", (MAP1, 131112), 0)]
    assert steps[1].rules == ["R2"] and model.maps == {}


# ---- realloc (X) -----------------------------------------------------------------------------


def test_x1_zero_frees():
    model = Model()
    steps = play(model, ("malloc", 8), ("malloc", 131072),
                 ("realloc", 0x20, 0), ("realloc", MAP1 + 32, 0))
    assert [(s.result, s.errno) for s in steps[2:]] == [(0, 0), (0, 0)]
    assert steps[2].rules == ["X1", "R1"] and model.heap[0].status == FREE
    assert steps[3].syscalls == [Sys("munmap", (MAP1, 131104), 0)]


@pytest.mark.parametrize("n", [0, 1, 100, 104, 200, 131072, SIZE_MAX])
def test_x2_a_free_block_is_refused_silently(n):
    model, p = filled(104, 8)
    play(model, ("free", p[0]))
    before = model.snapshot()
    step, = play(model, ("realloc", p[0], n))
    assert (step.result, step.errno, step.misuse, step.rules) == (0, 0, None, ["X2"])
    assert model.snapshot() == before


@pytest.mark.parametrize("n", [131072, 131073, 200000])
def test_x3_m2_a_mapping_is_always_replaced(n):
    model = Model()
    step = play(model, ("malloc", 131072), ("realloc", MAP1 + 32, n))[1]
    length = {131072: 131104, 131073: 131112, 200000: 200032}[n]
    assert step.result == MAP2 + 32
    assert step.syscalls == [Sys("mmap", (length,), MAP2), Sys("munmap", (MAP1, 131104), 0)]
    assert step.copies == [(MAP2 + 32, MAP1 + 32, 131072)]
    assert list(model.maps) == [2]


def test_x3_a_mapping_comes_back_to_the_heap_and_into_its_best_hole():
    model, p = filled(104, 8)
    play(model, ("free", p[0]), ("calloc", 1, 5000))
    step, = play(model, ("realloc", MAP1 + 32, 97))
    assert step.result == p[0]
    assert step.copies == [(p[0], MAP1 + 32, 104)]
    assert step.syscalls == [Sys("munmap", (MAP1, 5032), 0)]


@pytest.mark.parametrize("n, sizes", [
    (104, [104]), (100, [104]), (65, [104]), (64, [64, 8]), (1, [8, 64])])
def test_x4_shrinking_stays_and_splits_if_it_can(n, sizes):
    model, p = filled(104, 8)
    step, = play(model, ("realloc", p[0], n))
    assert (step.result, step.syscalls, step.copies) == (p[0], [], [])
    assert [b.size for b in model.heap[:-2]] == sizes


def test_x4_comes_before_the_threshold():
    model = Model()
    play(model, ("malloc", 131032))         # 8 bytes remain as slack: size is 131040
    step, = play(model, ("realloc", 0x20, 131040))      # 131040 + 32 is not < T
    assert (step.result, step.syscalls, step.rules[0]) == (0x20, [], "X4")
    step, = play(model, ("realloc", 0x20, 131041))
    assert step.result == MAP1 + 32 and step.rules[0] == "X5"


def test_x5_to_a_mapping_leaves_the_neighbours_alone():
    model, p = filled(104, 64, 8)
    play(model, ("free", p[1]))
    step, = play(model, ("realloc", p[0], 131072))
    assert step.result == MAP1 + 32
    assert step.syscalls == [Sys("mmap", (131104,), MAP1)]
    assert step.copies == [(MAP1 + 32, p[0], 104)]
    assert [(b.size, b.status) for b in model.heap[:2]] == [(104, FREE), (64, FREE)]


def test_x5_comes_before_x6():
    model, p = filled(104)
    step, = play(model, ("realloc", p[1], 131041))
    assert step.rules[0] == "X5" and model.brk == 131072


def test_x6_the_last_block_grows_by_the_break_whatever_is_free():
    model, p = filled(1000, 64, 64)
    play(model, ("free", p[0]), ("free", p[2]))
    # the last block has 131040 - 1032 - 96 - 96 = 129816; a hole or a left neighbour is no matter
    step, = play(model, ("realloc", p[3], 129820))
    assert step.result == p[3] and step.copies == []
    assert step.syscalls == [Sys("brk", (131080,), 131080)]
    assert model.heap[-1].size == 129824


def test_x6_a_small_last_block_ignores_a_hole_that_fits():
    model, p = filled(1000)
    small = play(model, ("malloc", 8), ("free", p[0]))[0].result
    step, = play(model, ("realloc", small, 500))
    assert step.result == small
    assert step.syscalls == [Sys("brk", (131112 + 496,), 131112 + 496)]


def test_x7_takes_one_free_neighbour_and_keeps_the_slack():
    # docs/contract.md, "When merging happens matters"
    model = Model()
    b, f1, f2, g = (s.result for s in play(model, *(("malloc", n) for n in (64, 104, 64, 8))))
    assert (b, f1, f2, g) == (0x20, 0x80, 0x108, 0x168)
    play(model, ("free", f1), ("free", f2))
    step, = play(model, ("realloc", b, 180))
    assert (step.result, step.syscalls) == (b, [])
    assert step.rules == ["X7", "S2"]
    assert blocks(model)[:3] == [(b, 200, ALLOC), (f2, 64, FREE), (g, 8, ALLOC)]
    step, = play(model, ("malloc", 64))
    assert step.result == f2


def test_x7_after_a_search_the_same_blocks_are_one():
    model = Model()
    b, f1, f2, _ = (s.result for s in play(model, *(("malloc", n) for n in (64, 104, 64, 8))))
    play(model, ("free", f1), ("free", f2), ("malloc", 400))    # H1 merges f1 and f2
    step, = play(model, ("realloc", b, 180))
    # 64 + 32 + 200 = 296 is cut at 184; 296 - 184 - 32 = 80 remain at 0x20 + 184 + 32
    assert step.rules == ["X7", "S1"]
    assert blocks(model)[:2] == [(b, 184, ALLOC), (0xf8, 80, FREE)]
    step, = play(model, ("malloc", 64))
    assert step.result == 0xf8


def test_x7_takes_several_neighbours_and_splits_the_last():
    model, p = filled(8, 8, 8, 200, 8)
    play(model, *(("free", p[i]) for i in (1, 2, 3)))
    step, = play(model, ("realloc", p[0], 104))
    # 8 + 40 + 40 = 88 is not enough; 88 + 232 = 320; 320 - 104 - 32 = 184 remain
    assert step.result == p[0]
    assert [b.size for b in model.heap[:3]] == [104, 184, 8]


def test_x7_into_the_free_end_of_the_heap():
    model = Model()
    step = play(model, ("malloc", 8), ("realloc", 0x20, 1000))[1]
    assert (step.result, step.syscalls) == (0x20, [])
    assert blocks(model) == [(0x20, 1000, ALLOC), (0x428, 130008, FREE)]


@pytest.mark.parametrize("call", [
    ("free", 0x168), ("malloc", 131072), ("calloc", 1, 5000), ("realloc", 0x168, 8),
    ("realloc", 0x168, 16), ("malloc", 0)])
def test_only_searches_merge(call):
    model = Model()
    play(model, *(("malloc", n) for n in (64, 104, 64, 8)))
    play(model, ("free", 0x80), ("free", 0x108), call)
    assert blocks(model)[1:3] == [(0x80, 104, FREE), (0x108, 64, FREE)]


def test_x8_what_was_absorbed_stays_absorbed():
    model, p = filled(104, 64, 8, 1000, 8)
    play(model, ("free", p[1]), ("free", p[3]))
    step, = play(model, ("realloc", p[0], 500))
    assert step.result == p[3] and step.rules[:2] == ["X7", "X8"]
    # 104 + 32 + 64 = 200 were there when it moved; 104 bytes had been the program's (X9)
    assert step.copies == [(p[3], p[0], 104)]
    assert blocks(model)[0] == (p[0], 200, FREE)
    # a third neighbour never existed for it: the 8 live bytes are where they were
    assert blocks(model)[1] == (p[2], 8, ALLOC)


def test_x8_a_block_that_became_the_last_one_takes_a_hole_that_fits():
    model, p = filled(2000, 128000, 104)
    assert model.heap[-1].size == 131072 - 2032 - 128032 - 136 - 32 == 840
    play(model, ("free", p[0]), ("free", p[3]))
    step, = play(model, ("realloc", p[2], 1500))
    # 104 + 32 + 840 = 976 < 1504: absorbed, and now the last block; the break stays
    assert (step.result, step.syscalls) == (p[0], [])
    assert step.copies == [(p[0], p[2], 104)]
    # the hole is cut: 2000 - 1504 - 32 = 464
    assert [b.size for b in model.heap] == [1504, 464, 128000, 976]


def test_x8_no_hole_fits_and_the_block_has_become_the_last():
    model, p = filled(128000, 8)
    assert model.heap[-1].size == 131072 - 128032 - 40 - 32 == 2968
    play(model, ("free", p[2]))
    step, = play(model, ("realloc", p[1], 3100))
    # 8 + 32 + 2968 = 3008 < 3104: absorbed, live and last, so H4 grows by 3104 + 32
    assert step.rules[:2] == ["X7", "X8"] and "H4" in step.rules
    assert step.syscalls == [Sys("brk", (131072 + 3136,), 131072 + 3136)]
    assert step.result == 131072 + 32
    assert blocks(model)[1:] == [(p[1], 3008, FREE), (131072 + 32, 3104, ALLOC)]


def test_x9_slack_is_copied_too():
    model, p = filled(104, 8)
    play(model, ("free", p[0]), ("malloc", 80))     # 104 - 80 = 24: slack
    step, = play(model, ("realloc", p[0], 300))
    assert step.copies == [(131072 + 32, p[0], 104)]


def test_x9_a_smaller_copy_moves_whole_words():
    step = play(Model(), ("malloc", 131072), ("realloc", MAP1 + 32, 13))[1]
    assert step.copies == [(0x20, MAP1 + 32, 16)]


def test_x_rules_are_tried_in_order():
    """A step names the deciding rule first; one block for each of X1 to X8."""
    model, p = filled(104, 64, 8, 496, 8)
    mapped = play(model, ("malloc", 131072), ("free", p[1]), ("free", p[3]))[0].result
    sizes = {"X2": (p[1], 0), "X3": (mapped, 131072), "X4": (p[0], 104), "X5": (p[0], 131072),
             "X6": (p[5], 131032), "X7": (p[2], 200), "X1": (p[4], 0)}
    for rule, (block, n) in sizes.items():
        assert play(model, ("realloc", block, n))[0].rules[0] == rule


# ---- the order of rules and of system calls -------------------------------------------------


def test_step_takes_the_names_that_traces_show():
    model = Model()
    steps = [model.step("os_malloc", (10,)), model.step("os_calloc", (2, 3)),
             model.step("os_realloc", (0x20, 5)), model.step("os_free", (0x20,))]
    assert [(s.name, s.args, s.result) for s in steps] == [
        ("os_malloc", (10,), 0x20), ("os_calloc", (2, 3), 0x50),
        ("os_realloc", (0x20, 5), 0x20), ("os_free", (0x20,), None)]
