# SPDX-License-Identifier: BSD-3-Clause
"""A reference's calls replayed through the contract's model, to see the heap at any call."""

from .model import MAP_STRIDE, Model
from .stats import parse_call

STRAY = MAP_STRIDE - 8      # a model address in no block: what `<unknown>` in a trace stands for


def make(model, event):
    """Let `model` make the call of one event: its Step, or None if the event is no os_* call."""
    call = parse_call(event)
    if call is None:
        return None
    return model.step(call.name, tuple(STRAY if arg is None else arg for arg in call.args))


def model_after(events, count):
    """The contract's model after the first `count` events."""
    model = Model()
    for event in events[:count]:
        make(model, event)
    return model


def step_at(events, index):
    """What the contract's model does at one event: a Step, or None if it is no os_* call."""
    if not 0 <= index < len(events):
        return None
    return make(model_after(events, index), events[index])
