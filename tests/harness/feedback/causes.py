# SPDX-License-Identifier: BSD-3-Clause
"""Which mistakes explain the failures of a whole suite.

A set of mistakes (mistakes.py) *explains* a failed program if an allocator that makes all of them
shows that program's whole trace: each system call and each result, up to the program's end or to
the failed check with which it stopped itself. The set that explains most failures is looked for,
mistake by mistake. A set with which a passed program would fail is refuted and never named: one
that shows another trace, or another value in a header that the program reads. Where another mistake
in place of one of the set explains the same failures, and no passed program refutes it, the cause
names both: nothing tells which of them the library makes. If one of them is an instance of the
other (Mistake.implies), it comes first, because what its sentence says is true in either case.

Failures that no model predicts but that have one symptom in common (symptoms.py) have a cause of
their own. System calls of stdio inside calls are one as well: traces are compared without them.

The effort is counted in calls replayed, so that every machine comes to the same causes.
"""

import copy
import dataclasses
from dataclasses import dataclass, field

from . import contents, symptoms
from ..spec.composed import FATAL, compose, replayed
from ..spec.history import make
from ..spec.mistakes import ALL
from .replays import Replays, Spent, story_of
from ..spec.symbols import step_text

MOST_TOGETHER = 8       # mistakes in one set
MOST_SEARCHED = 20      # failures that one step of the search looks at, the first that differ
AT_ONCE = 5             # of these, until one more mistake predicts more of them
MOST_COMPARED = 4       # such mistakes that are compared by all failures, the best ones
MOST_EXCHANGES = 1      # rounds in which mistakes that were found are replaced
MOST_EXCHANGED = 10000  # calls replayed in such a round, as many after it, and for what follows
LEAST_LEFT = 5          # unexplained failures for which one mistake is replaced by several
LEAST_KEPT = 0.75       # share of explained failures that the first of these must explain
MOST_ADDED = 4          # of these, beside the first
LEAST_SAVED = 5         # failures that a refuted set explains more than another, to be looked at
MOST_SAVED = 2          # such sets that are looked at
MOST_INSTEAD = 3        # mistakes that are tried in place of one
MOST_EVENTS = 200       # of a program that the search looks at
MOST_CALLS = 35000      # calls replayed for one suite
MOST_ALIKE = 3          # mistakes named for one cause
MOST_POSSIBLE = 2       # mistakes named for a failure without a cause; if there are more, none is


@dataclass
class Cause:
    """One mistake that explains failures, several that explain them equally well, or a symptom."""

    rule: str           # number of the contract's rule that the first breaks
    mistake: str        # name of the first's class in mistakes.py
    sentence: str       # "the library ..., or ..."
    programs: list = field(default_factory=list)    # names of the failures it has a part in
    example: object = None      # Example
    lines: list = field(default_factory=list)       # of a symptom, what else is known of it
    proved: bool = True         # whether the failures may give points back


@dataclass
class Example:
    """The explained failure that shows a mistake best, and the first call in it that an allocator
    with all mistakes but this one would make otherwise."""

    outcome: object         # Outcome
    index: int              # of this call in outcome.actual
    mistakes: frozenset     # all that were found, this one included; of a symptom none
    others: frozenset       # those without this one that do not explain the failure


@dataclass
class Found:
    """What explains a suite's failures.

    causes     [Cause], those of most failures first
    by_program {name of an explained failure: classes of the mistakes that explain it}
    first      {name of a failure: class of the mistake that its first difference shows}
    failed     how many programs failed
    possible   {name of a failure whose first difference none of them shows: mistakes that show it
               and that nothing in the suite contradicts}
    """

    causes: list
    by_program: dict
    first: dict
    failed: int
    mistakes: frozenset = frozenset()   # all of them together
    alike: dict = field(default_factory=dict)   # what Search.alike() gave
    possible: dict = field(default_factory=dict)

    def predicts(self, outcome):
        """Whether an allocator with all these mistakes shows the whole trace of an Outcome, one
        that was no part of the search."""
        story = story_of(outcome)
        if story is None or story.prints and not self.names_output():
            return False
        return Replays(story.size).explains(self.mistakes, story)

    def names_output(self):
        """Whether one of the causes is that calls print."""
        return any(cause.mistake == symptoms.OutputInside.__name__ for cause in self.causes)

    def without(self, names):
        """The same without the explanations of some failures."""
        by_program = {name: kinds for name, kinds in self.by_program.items() if name not in names}
        causes = [dataclasses.replace(cause, programs=[name for name in cause.programs
                                                       if name not in names])
                  for cause in self.causes]
        return dataclasses.replace(self, by_program=by_program,
                                   causes=[cause for cause in causes if cause.programs])

    def of(self, name):
        """(numbers from 1 of the causes that a failure shows, whether they explain all of it)."""
        kinds = [*self.by_program.get(name, ())]
        if not kinds and name in self.first:
            kinds = [self.first[name]]
        names = [kind.__name__ for kind in kinds]
        numbers = [number for number, cause in enumerate(self.causes, 1)
                   if cause.mistake in names or name in cause.programs]
        return numbers, any(name in cause.programs for cause in self.causes)

    def has_end(self, name):
        """Whether a cause says where the program of that name ended."""
        return any(cause.lines and name in cause.programs for cause in self.causes)

    def hints(self, name):
        """(rule, sentence) of the mistakes behind the failure of that name, the one that its first
        difference shows before the others, or of the mistakes that may be behind it; [] if none is
        known."""
        kinds = list(self.by_program.get(name, self.possible.get(name, ())))
        first = self.first.get(name)
        if first is not None:
            kinds = [first, *(kind for kind in kinds if kind is not first)]
        return [(kind.rule, sentence_of(kind, self.alike.get(kind, ()))) for kind in kinds]


def sentence_of(mistake, alike=()):
    """What an allocator with this mistake, or one of those `alike`, does: a sentence without its
    full stop. A mistake that breaks another rule than the first is followed by that rule."""
    parts = [f"the library {mistake.__doc__}"]
    parts += [f"or {kind.__doc__}" + f" ({kind.rule})" * (kind.rule != mistake.rule)
              for kind in alike[:MOST_ALIKE - 1]]
    if len(alike) >= MOST_ALIKE:
        parts.append("or makes another mistake that shows the same here")
    return ", ".join(parts)


# ---- the search --------------------------------------------------------------------------------

class Search:
    """Looks for the set of mistakes that explains most of what failed."""

    def __init__(self, stories, replays):
        by_size = sorted(stories, key=lambda story: (story.size, story.name))
        self.replays = replays
        self.kinds = ALL        # the mistakes that a set may be enlarged by
        self.failed = [story for story in by_size if not story.passed]
        self.short = [story for story in self.failed if story.size <= MOST_EVENTS]
        self.passed = [story for story in by_size if story.passed and story.size <= MOST_EVENTS]

    def refuted(self, mistakes):
        """Whether a program that passed would fail."""
        return any(self.replays.predicted(mistakes, story) < story.size for story in self.passed)

    def worth(self, mistakes, stories):
        """How much of failures a set predicts: (failures explained, events as shares)."""
        explained, share = 0, 0.0
        for story in stories:
            count = self.replays.predicted(mistakes, story)
            explained += story.whole and count == story.size
            share += max(count - story.first, 0) / (story.size - story.first + 1)
        return explained, round(share, 6)

    def unexplained(self, mistakes):
        """The failures that a set does not explain, those first that it predicts least of: they
        take the fewest calls."""
        stories = [story for story in self.short if not self.replays.explains(mistakes, story)]
        stories.sort(key=lambda story: self.replays.predicted(mistakes, story))
        return stories[:MOST_SEARCHED]

    def larger(self, mistakes):
        """Lists of the sets with one mistake more that predict more of what is not explained, best
        first: those that do in the first few failures, then those in more."""
        stories, seen = self.unexplained(mistakes), {mistakes}
        before = self.worth(mistakes, stories)
        for begin in range(0, len(stories), AT_ONCE):
            few = stories[begin:begin + AT_ONCE]
            sets = [mistakes | {mistake} for mistake in self.kinds]
            sets = [more for more in sets if more not in seen and compose(more) is not None
                    and self.worth(more, few) > self.worth(mistakes, few)]
            seen.update(sets)
            found = [(self.worth(more, stories), -number, more)
                     for number, more in enumerate(sets)]
            found = [entry for entry in found if entry[0] > before]
            yield [more for *_, more in sorted(found, key=lambda entry: entry[:2], reverse=True)]

    def step(self, mistakes):
        """A set that explains more than this one and that no passed program refutes, or None."""
        before = self.worth(mistakes, self.short)
        self.replays.bases.append(mistakes)
        for sets in self.larger(mistakes):
            best = sorted(sets[:MOST_COMPARED], reverse=True,
                          key=lambda more: self.worth(more, self.short))
            denied = []
            for more in [*best, *sets[MOST_COMPARED:]]:
                if self.worth(more, self.short) <= before:
                    continue
                if self.refuted(more):
                    denied.append(more)
                    continue
                return self.step_to(self.saved(denied, more) or more, before)
            more = self.saved(denied, mistakes)
            if more:
                return self.step_to(more, before)
        return None

    def step_to(self, more, before):
        """needed() of a set, or the set itself if what is left is worth no more than `before`."""
        fewer = self.needed(more)
        return fewer if self.worth(fewer, self.short) > before else more

    def saved(self, denied, other):
        """Of refuted sets the first that explains many more failures than another set and, with one
        or two mistakes more, is not refuted: one mistake can hide another from a program. The set
        with these mistakes, None if there is none."""
        least = self.worth(other, self.short)[0] + LEAST_SAVED
        for more in denied[:MOST_SAVED]:
            if self.worth(more, self.short)[0] >= least:
                found = self.unrefuted(more, least, 2)
                if found:
                    return found
        return None

    def unrefuted(self, mistakes, least, most):
        """A set with at most `most` mistakes more that explains at least `least` failures and that
        no passed program refutes; None if there is none."""
        denying = next((story for story in self.passed
                        if self.replays.predicted(mistakes, story) < story.size), None)
        if denying is None:
            return mistakes
        if not most:
            return None
        self.replays.bases.append(mistakes)
        sets = [mistakes | {kind} for kind in self.kinds if kind not in mistakes]
        sets = [more for more in sets if compose(more) is not None
                and self.replays.predicted(more, denying) == denying.size]
        worth = {more: self.worth(more, self.short) for more in sets}
        for more in sorted(sets, key=worth.get, reverse=True)[:MOST_COMPARED]:
            if worth[more][0] >= least:
                found = self.unrefuted(more, least, most - 1)
                if found:
                    return found
        return None

    def best(self):
        """The set that explains most: mistake by mistake, the one that explains most first; then
        those of them are replaced that two others do better than."""
        best = self.improved(frozenset(), self.step)
        for _ in range(MOST_EXCHANGES):
            self.replays.left += MOST_EXCHANGED
            other = self.improved(best, self.exchanged, 1)
            if other == best:
                break
            self.replays.left += MOST_EXCHANGED
            best = self.improved(other, self.step)
        self.replays.left += MOST_EXCHANGED
        best = self.improved(best, self.exchanged_for_more, 1)
        self.replays.left += MOST_EXCHANGED
        return self.improved(best, self.fewer, 1)

    def exchanged_for_more(self, mistakes):
        """exchanged() with up to MOST_ADDED others beside the first in place of one mistake, found
        one by one among the failures whose end a model can predict. None if few of these are left,
        or if the first alone explains far fewer than the mistake that it replaces."""
        search = copy.copy(self)
        search.short = [story for story in self.short if story.whole]
        before, _ = search.worth(mistakes, search.short)
        if len(search.short) - before < LEAST_LEFT:
            return None
        for kind in (kind for kind in ALL if kind in mistakes):
            search.kinds = [other for other in ALL if other is not kind]
            for first in self.instead(mistakes, kind):
                if search.worth(first, search.short)[0] < LEAST_KEPT * before:
                    continue
                more = search.improved(first, search.step, MOST_ADDED)
                if search.worth(more, search.short)[0] > before and not self.refuted(more):
                    return self.needed(more)
        return None

    @staticmethod
    def improved(mistakes, better, times=MOST_TOGETHER):
        """The last set that better() makes of the one before, until None or no effort is left."""
        try:
            for _ in range(times):
                more = better(mistakes)
                if more is None or len(more) > MOST_TOGETHER:
                    break
                mistakes = more
        except Spent:
            pass
        return mistakes

    def exchanged(self, mistakes):
        """A set that explains more, with one or two others in place of one mistake, or None. Only a
        mistake is replaced that shows a part of a failure and then something else."""
        before, _ = self.worth(mistakes, self.short)
        for kind in (kind for kind in ALL if kind in mistakes):
            for first in self.instead(mistakes, kind):
                for more in (first, *next(self.larger(first), ())[:MOST_COMPARED]):
                    if self.worth(more, self.short)[0] > before and not self.refuted(more):
                        return self.needed(more)
        return None

    def instead(self, mistakes, kind):
        """The best few sets with another mistake instead of `kind`. They predict more of those
        failures that this set predicts better than the set without `kind`."""
        rest = mistakes - {kind}
        self.replays.bases.append(rest)
        doubtful = [story for story in self.short if self.replays.predicted(rest, story)
                    < self.replays.predicted(mistakes, story) < story.size][:AT_ONCE]
        sets = [rest | {other} for other in ALL if other not in mistakes]
        found = [(self.worth(more, doubtful), -number, more) for number, more in enumerate(sets)
                 if compose(more) is not None]
        least = self.worth(rest, doubtful)
        return [more for worth, _, more in sorted(found, key=lambda entry: entry[:2], reverse=True)
                if worth > least][:MOST_INSTEAD]

    def needed(self, mistakes):
        """A set without those that explain no failure which the others do not explain."""
        stories = [story for story in self.short if self.replays.explains(mistakes, story)]
        return self.reduced(mistakes, lambda fewer: self.explains_all(fewer, stories))

    def fewer(self, mistakes):
        """A set without those with which it explains no more failures."""
        least = self.worth(mistakes, self.short)[0]
        return self.reduced(mistakes, lambda fewer: self.worth(fewer, self.short)[0] >= least
                            and not self.refuted(fewer))

    def reduced(self, mistakes, suffices):
        """The set without each mistake that it does not need: suffices(the others) is true."""
        self.replays.bases.append(mistakes)
        for kind in filter(mistakes.__contains__, ALL):
            if suffices(mistakes - {kind}):
                mistakes -= {kind}
                self.replays.bases.append(mistakes)
        return mistakes

    def weakest(self, mistakes):
        """A set that predicts as much of every failure, with the weakest claim in place of each
        mistake: what its sentence says is true of the other mistake as well."""
        for kind in sorted(mistakes, key=ALL.index):
            while kind in mistakes and kind.implies:
                self.replays.bases.append(mistakes - {kind})
                sets = [(other, mistakes - {kind} | {other}) for other in ALL
                        if other.__name__ in kind.implies and other not in mistakes]
                kind, mistakes = next((pair for pair in sets if self.predicts_as_much(
                    pair[1], mistakes)), (None, mistakes))
        return mistakes

    def predicts_as_much(self, mistakes, other):
        """Whether a set predicts as much of every failure as another, and no passed program refutes
        it."""
        return compose(mistakes) is not None and not any(
            self.replays.predicted(mistakes, story) < self.replays.predicted(other, story)
            for story in self.failed) and not self.refuted(mistakes)

    def rarest_first(self, mistakes):
        """The mistakes of a set, those first without which all others still explain most."""
        needed = dict.fromkeys(mistakes, 0)
        for story in self.short:
            if self.replays.explains(mistakes, story):
                for kind in mistakes:
                    needed[kind] += not self.replays.explains(mistakes - {kind}, story)
        return sorted(mistakes, key=lambda kind: (needed[kind], -ALL.index(kind)))

    def smallest(self, mistakes, story):
        """The fewest of these mistakes that explain a failure, () if even all of them do not. Of
        several that do instead of each other, the one is kept that comes last."""
        kinds = frozenset(mistakes)
        if not self.replays.explains(kinds, story):
            return ()
        for kind in mistakes:
            fewer = kinds - {kind}
            if fewer and self.replays.explains(fewer, story):
                kinds = fewer
        return tuple(kind for kind in ALL if kind in kinds)

    def call_shown(self, mistakes, kinds, kind, story):
        """(index of the first call of a failure that a set without one mistake makes otherwise,
        that set): without it, all of the set or, if these explain the failure as well, `kinds`."""
        others = mistakes - {kind}
        if self.replays.explains(others, story):
            others = frozenset(kinds) - {kind}
        return self.replays.predicted(others, story), others

    def alike(self, mistakes, by_program, shown):
        """{mistake of a set: those that explain as much in its place}, as far as the effort allows;
        the others are what attributed() gave."""
        explained = [story for story in self.failed if story.name in by_program]
        found = {}
        try:
            for kind in sorted(mistakes, key=ALL.index):
                stories = sorted(explained, key=lambda story: shown.get(
                    (story.name, kind), (MOST_CALLS,))[0])
                found[kind] = tuple(other for other in ALL if other not in mistakes and
                                    self.explains_all(mistakes - {kind} | {other}, stories))
        except Spent:
            pass
        return found

    def explains_all(self, mistakes, stories):
        """Whether a set explains all of some failures, and no passed program refutes it."""
        return compose(mistakes) is not None and \
            all(self.replays.explains(mistakes, story) for story in stories) and \
            not self.refuted(mistakes)

    def possible(self, mistakes, stories):
        """{name: mistakes that may be behind the first difference of a failure}, as far as the
        effort allows, where the set does not show this difference, and one or two of them do."""
        found = {}
        try:
            for story in stories:
                kinds = tuple(kind for kind in ALL if kind not in mistakes
                              and self.fits(mistakes, kind, story))
                if 0 < len(kinds) <= MOST_POSSIBLE:
                    found[story.name] = kinds
        except Spent:
            pass
        return found

    def fits(self, mistakes, kind, story):
        """Whether a set with one mistake more predicts a failure's first difference, is refuted by
        no passed program, and predicts no other failure less far than without it."""
        more = mistakes | {kind}
        return compose(more) is not None and \
            self.replays.predicted(more, story) > story.first and not self.refuted(more) and \
            not any(self.replays.predicted(more, other) < self.replays.predicted(mistakes, other)
                    for other in self.failed)

    def first_shown(self, mistakes, story):
        """The mistake that the first difference shows: without it, the set does not predict it."""
        if self.replays.predicted(mistakes, story) <= story.first:
            return None
        for mistake in ALL:
            if mistake in mistakes and \
                    self.replays.predicted(mistakes - {mistake}, story) <= story.first:
                return mistake
        return None


def find(outcomes, more=(), looks=None):
    """What explains the failures among the Outcomes of one suite on one library: Found.

    `looks`: {name: rerun.Seen} of programs that ended early, for those that ended at one place.
    `more` outcomes of the same library, of random sequences say, have no part in the search; those
    among them that failed are explained as far as the causes found allow.
    """
    outcomes, more = list(outcomes), list(more)
    stories = [story for story in map(story_of, outcomes) if story is not None]
    search = Search(stories, Replays(MOST_CALLS))
    mistakes = search.best() if search.failed else frozenset()
    search.replays.left = MOST_CALLS        # one set: that costs little
    mistakes = search.improved(mistakes, search.weakest, 1)
    told = [story for story in map(story_of, more) if story is not None]
    others = [story for story in told if not story.passed]
    by_program, first, shown = attributed(search, mistakes, [*search.failed, *others]) \
        if mistakes else ({}, {}, {})
    alike = search.alike(mistakes, by_program, shown)
    search.replays.left = MOST_CALLS
    possible = search.possible(mistakes, [story for story in (*search.failed, *others)
                                          if story.name not in first])
    failed = sum(not outcome.passed for outcome in (*outcomes, *more))
    missing = symptoms.unwritten(outcomes)
    by_program = without_missing(by_program, missing)
    known = causes_of(mistakes, by_program, shown, [*outcomes, *more], alike)
    found = Found(known, by_program, first, failed, mistakes, alike, possible)
    found = with_output(found, [*stories, *told], [*outcomes, *more])
    return with_symptoms(found, missing, outcomes, looks or {})


def without_missing(by_program, missing):
    """Explanations but those of failures in which a function that is not written yet has a part
    (symptoms.unwritten): mistakes do not explain these."""
    names = {name for symptom in missing for name in symptom.programs}
    return {name: kinds for name, kinds in by_program.items() if name not in names}


def with_output(found, stories, outcomes):
    """A Found with the cause of the failures in which calls print; these are explained if the rest
    of their traces is right, or is explained."""
    kind, by_name = symptoms.OutputInside, {outcome.test.name: outcome for outcome in outcomes}
    printing = [story for story in stories if story.prints]
    names = [story.name for story in printing
             if story.whole and (story.passed or story.name in found.by_program)]
    if not names:
        return found
    by_program = {**found.by_program,
                  **{name: (kind, *found.by_program.get(name, ())) for name in names}}
    first = {**found.first, **{story.name: kind for story in printing}}
    example = min((by_name[name] for name in names), key=lambda outcome: unclear(
        outcome, by_program[outcome.test.name], outcome.difference.index))
    made = Cause(kind.rule, kind.__name__, sentence_of(kind), names, symptom_example(example))
    return dataclasses.replace(found, causes=by_size([*found.causes, made]), by_program=by_program,
                               first=first)


def with_symptoms(found, missing, outcomes, looks):
    """A Found with the symptoms of the failures among outcomes as further causes, those of missing
    functions first."""
    found = found.without([name for symptom in missing for name in symptom.programs])
    left = [outcome for outcome in outcomes if outcome.test.name not in found.by_program]
    more = [*missing, *symptoms.same_end(outcomes, looks),
            *symptoms.other_calls(left, found.names_output()), *symptoms.not_refused(left),
            *contents.symptoms_of(left, outcomes)]
    made = [Cause(symptom.rule, symptom.mistake, symptom.sentence, symptom.programs,
                  symptom_example(symptom.example, symptom.index), symptom.lines, proved=False)
            for symptom in more]
    return dataclasses.replace(found, causes=by_size([*found.causes, *made]))


def symptom_example(outcome, index=None):
    """The Example of a symptom that an Outcome shows in an event, None for its first difference."""
    index = outcome.difference.index if index is None else index
    return Example(outcome, index, frozenset(), frozenset())


def by_size(causes):
    """Causes, those of most failures first, but output before all: it hides the others."""
    return sorted(causes, key=lambda cause: (cause.mistake != symptoms.OutputInside.__name__,
                                             -len(cause.programs)))


def attributed(search, mistakes, stories):
    """(Found.by_program, Found.first, {(name, mistake): Search.call_shown()}) of the set that was
    found, as far as the effort allows."""
    by_program, first, shown = {}, {}, {}
    try:
        ordered = search.rarest_first(mistakes)
        for story in stories:
            kinds = search.smallest(ordered, story)
            shown.update(((story.name, kind), search.call_shown(mistakes, kinds, kind, story))
                         for kind in kinds)
            if kinds:
                by_program[story.name] = kinds
            one = search.first_shown(mistakes, story)
            if one or kinds:
                first[story.name] = one or kinds[0]
    except Spent:
        pass
    return by_program, first, shown


def unclear(outcome, kinds, index, others=frozenset()):
    """A key that is least for the best example of a mistake: a program that students know, one that
    all other mistakes do not explain, a call that is the contract's without this mistake, a program
    in which it is alone, or shown by the first difference, and one of the same call; then the
    shortest trace. `index`: of the call that shows it; `others`: what Search.call_shown() gave."""
    difference, test = outcome.difference, outcome.test
    return (test.hidden or test.group in ("seed", "variant"), -len(others),
            not as_in_contract(outcome, index, others), len(kinds) > 1 and
            not (difference and difference.index == index), len(kinds),
            not (difference and difference.same_call()), len(outcome.actual))


def as_in_contract(outcome, index, others):
    """Whether an allocator with some mistakes makes a call of a failure as the contract does."""
    try:
        step = make(replayed(others, outcome.actual[:index]), outcome.actual[index])
    except FATAL:
        return False
    return step is not None and index < len(outcome.expected) and \
        step_text(step) == tuple(outcome.expected[index])


def causes_of(mistakes, by_program, shown, outcomes, alike):
    """[Cause] of explained failures, those of most failures first."""
    by_name = {outcome.test.name: outcome for outcome in outcomes}
    made = []
    for kind in ALL:
        names = [name for name in by_name if kind in by_program.get(name, ())]
        if not names:
            continue
        name = min(names, key=lambda name: unclear(by_name[name], by_program[name],
                                                   *shown[name, kind]))
        example = Example(by_name[name], shown[name, kind][0], mistakes, shown[name, kind][1])
        sentence = sentence_of(kind, alike.get(kind, ()))
        proved = not all(one.unfinished for one in (kind, *alike.get(kind, ())))
        made.append(Cause(kind.rule, kind.__name__, sentence, names, example, proved=proved))
    return by_size(made)
