# SPDX-License-Identifier: BSD-3-Clause
"""Replay a reference's calls through the contract's model to get the heap at any call."""

from ..tracing.events import parse_request
from .model import MAP_STRIDE, Model

STRAY = MAP_STRIDE - 8      # a model address in no block, for `<unknown>` in a trace


def make(model, event):
    """Make the call of one event in `model`: its Step, or None if the event is not an os_* call."""
    request = parse_request(event[0])
    if request is None:
        return None
    name, args = request
    return model.step(name, tuple(STRAY if arg is None else arg for arg in args))


def model_after(events, count):
    """The contract's model after the first `count` events."""
    model = Model()
    for event in events[:count]:
        make(model, event)
    return model


def step_at(events, index):
    """The Step of the contract's model at one event; None if it is not an os_* call."""
    if not 0 <= index < len(events):
        return None
    return make(model_after(events, index), events[index])
