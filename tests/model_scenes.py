# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the model share: playing calls, and heaps in a known state."""

from tests.harness.spec.model import MAP_STRIDE, Model, Sys

MAP1, MAP2, MAP3 = (n * MAP_STRIDE for n in (1, 2, 3))
ENOMEM, EINVAL = 12, 22
FIRST_GROWTH = [Sys("brk", (), 0), Sys("brk", (131072,), 131072)]


def play(model, *calls):
    """Make calls such as ("malloc", 100), with the model's self-check after each; their Steps."""
    steps = []
    for name, *args in calls:
        steps.append(model.step("os_" + name, tuple(args)))
        model.check()
    return steps


def blocks(model):
    """The heap as (payload, size, status) of each block."""
    return [(block.addr + 32, block.size, block.status) for block in model.heap]


def filled(*sizes):
    """A model whose 131040 first bytes are handed out in blocks of these sizes and a last one.

    The sizes are multiples of 8; returns (model, payloads). The last block takes all that is
    left, so that the heap is full and its last block is live.
    """
    model = Model()
    payloads = [play(model, ("malloc", size))[0].result for size in sizes]
    rest = 131072 - sum(size + 32 for size in sizes) - 32
    payloads.append(play(model, ("malloc", rest))[0].result)
    assert [block.size for block in model.heap] == list(sizes) + [rest]
    return model, payloads
