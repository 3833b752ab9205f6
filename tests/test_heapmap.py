# SPDX-License-Identifier: BSD-3-Clause
"""The picture of the heap: exact for small heaps, at most one screen for large ones."""

import random

import pytest

from tests.harness.feedback import heapmap
from tests.harness.spec.growth_mistakes import FirstBlockLosesRest
from tests.harness.feedback.heapmap import draw
from tests.harness.spec.mistakes import HeaderOf24Bytes
from tests.harness.spec.model import MAP_STRIDE, Model


def picture(text):
    """An expected picture, written as an indented block."""
    lines = text.strip("\n").splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[indent:] for line in lines)


def test_a_heap_that_has_not_begun():
    assert draw(Model()) == picture("""
        heap: no block yet; break +0x0
        the first request that goes to the heap creates it (F1)
    """.rstrip())


def test_live_and_free_blocks_the_break_and_the_mark():
    model = Model()
    model.malloc(1000)
    marked = model.malloc(100).result
    shown = draw(model, mark=marked)
    assert shown == picture("""
        heap: 3 blocks; 2 live, 1104 bytes; 1 free, 129872 bytes
        # live   . free   ~ not ours   offsets: payloads, from HeapStart
        +0x20         +0x428  +0x4b0                      +0x20000
        |#### 1000 ###|# 104 #|....... 129872 free .......|break
                       ^^^^^^^
    """.rstrip())
    documented = picture(heapmap.__doc__.split("\n\n")[1])
    assert documented == shown


def test_mappings_follow_the_heap_and_can_be_marked():
    model = Model()
    model.malloc(131032)
    model.malloc(131072)
    model.malloc(200000)
    assert draw(model, mark=2 * MAP_STRIDE + 32) == picture("""
        heap: 1 block; 1 live, 131040 bytes; 0 free, 0 bytes
        # live   . free   ~ not ours   offsets: payloads, from HeapStart
        +0x20                       +0x20000
        |########## 131040 #########|break
        <mapped-addr 2> +0x20: |#### 200000 ####|   <-- ^
        <mapped-addr 1> +0x20: |#### 131072 ####|
    """.rstrip())


def test_blocks_with_another_header_and_memory_that_was_lost():
    model = HeaderOf24Bytes()
    model.malloc(8)
    model.malloc(200000)
    assert draw(model).splitlines()[2] == "+0x18 +0x38                       +0x20000"
    assert draw(model).splitlines()[-1] == "<mapped-addr 1> +0x18: |#### 200000 ####|"
    model = FirstBlockLosesRest()
    model.malloc(1000)
    assert draw(model) == picture("""
        heap: 1 block; 1 live, 1000 bytes; 0 free, 0 bytes
        # live   . free   x lost   offsets: payloads, from HeapStart
        +0x20         +0x408                      +0x20000
        |#### 1000 ###|xxxxxxx 130040 lost xxxxxxx|break
    """.rstrip())


def test_what_a_trace_does_not_show_is_not_known():
    model = Model()
    model.malloc(1000)
    payload = model.malloc(100).result
    del model.heap[0], model.heap[1]        # a live block, and what is free
    assert draw(model, mark=payload, between="unknown") == picture("""
        heap: 1 live, 104 bytes; 130936 bytes not known
        # live   . free   ? not known   offsets: payloads, from HeapStart
        +0x0               +0x428  +0x490                      +0x20000
        |? 1032 not known ?|# 104 #|????? 129904 not known ????|break
                            ^^^^^^^
    """.rstrip())


def test_memory_of_others_and_a_second_region():
    model = Model()
    model.malloc(131032)
    model.foreign_sbrk(100)
    model.malloc(8)
    model.foreign_sbrk(64)
    # 131072 + 100 is rounded up to 131176 = 0x20068; its header ends at 0x20088
    assert draw(model) == picture("""
        heap: 2 blocks; 2 live, 131048 bytes; 0 free, 0 bytes
        # live   . free   ~ not ours   offsets: payloads, from HeapStart
        +0x20                       +0x20000         +0x20088 +0x20090
        |########## 131040 #########|~ 104 not ours ~|## 8 ###|~ 64 not ours ~|
        +0x200d0
        |break
    """.rstrip())


def test_a_break_below_the_heap_is_told():
    model = Model()
    model.malloc(8)
    model.foreign_sbrk(-4096)
    assert draw(model).splitlines()[-1] == "break +0x1f000: below the end of the heap"
    model = Model(start=4096)
    model.foreign_sbrk(-16)
    assert draw(model).splitlines()[0] == "heap: no block yet; break -0x10"


@pytest.mark.parametrize("mark, name", [
    (0x20000, "HeapStart +0x20000"), (MAP_STRIDE, "0x1000000000000"), (-1, "0xffffffffffffffff")])
def test_a_mark_that_is_in_no_block_is_told(mark, name):
    model = Model()
    model.malloc(8)
    assert draw(model, mark=mark).splitlines()[-1] == f"^ the address {name} lies in no block"


def test_an_interior_address_marks_its_block():
    model = Model()
    model.malloc(8)
    model.malloc(8)
    assert draw(model, mark=0x21) == draw(model, mark=0x20) != draw(model, mark=0x48)


def churned(seed, calls):
    """(model, payloads) after random calls, with mappings and foreign callers of brk."""
    rng = random.Random(seed)
    model, live = Model(), []
    for _ in range(calls):
        if live and rng.random() < 0.4:
            model.free(live.pop(rng.randrange(len(live))))
        else:
            live.append(model.malloc(rng.choice([8, 24, 100, 1000, 5000, 60000, 140000])).result)
        if rng.random() < 0.02:
            model.foreign_sbrk(rng.randrange(10000))
    return model, live


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [72, 80, 100])
def test_a_long_heap_stays_on_one_screen(seed, width):
    model, live = churned(seed, 400)
    for mark in (None, live[0], live[len(live) // 2], live[-1], 5):
        lines = draw(model, width, mark).splitlines()
        assert len(lines) <= 24
        assert max(map(len, lines)) <= width
        assert all(ord(char) < 127 for line in lines for char in line)
        assert mark is None or any("^" in line for line in lines)


def test_what_is_left_out_is_counted():
    model = Model()
    payloads = [model.malloc(24).result for _ in range(500)]
    model.free(payloads[250])
    shown = draw(model)
    assert len(shown.splitlines()) <= 24
    summed = [line for line in shown.splitlines() if "..." in line and " live, " in line]
    assert len(summed) == 1
    live, size = summed[0].split("... ")[1].split(" live, ")
    drawn = shown.count(" 24 #")
    assert int(live) + drawn == 499
    assert int(size.split(" ")[0]) == 24 * int(live)
    assert "1 free, 24 bytes ..." in summed[0]


def test_the_mark_and_its_neighbours_are_never_left_out():
    model = Model()
    payloads = [model.malloc(24).result for _ in range(500)]
    model.free(payloads[250])
    shown = draw(model, mark=payloads[250])
    for near in (249, 250, 251):
        assert f"+{payloads[near]:#x}" in shown
    lines = shown.splitlines()
    arrow = next(i for i, line in enumerate(lines) if "^" in line)
    column = lines[arrow].index("^")
    assert lines[arrow - 1][column:].startswith(". 24 free .")
    assert lines[arrow - 2][column - 1:].startswith(f"+{payloads[250]:#x}")


def test_drawing_changes_nothing():
    model, live = churned(1, 100)
    before = model.snapshot()
    draw(model, mark=live[0])
    assert model.snapshot() == before


def test_gaps_that_are_left_out_are_counted():
    model = Model()
    model.malloc(131032)
    for _ in range(200):
        model.foreign_sbrk(8)
        model.malloc(24)
    summed, = [line for line in draw(model).splitlines() if "..." in line]
    left_out = int(summed.split("... ")[1].split(" live")[0])
    gaps = int(summed.split(" gaps")[0].split()[-1])
    assert abs(left_out - gaps) <= 1 and left_out > 150
