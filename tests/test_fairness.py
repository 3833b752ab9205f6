# SPDX-License-Identifier: BSD-3-Clause
"""What one mistake costs of the 90 points: bounded, and an exception has its reason here."""

import pytest

from tests import fairness
from tests.harness import suite
from tests.harness.feedback import suspects
from tests.harness.spec.mistakes import ALL, MISTAKES

MOST = 13       # points that one mistake may cost

# What costs more, and why the programs cannot help it: mistake -> (most points, reason).
DEARER = {
    "HeaderOf24Bytes": (85, "every payload lies elsewhere"),
    "ReallocReturnsNull": (46, "every program that resizes a block shows where it lies then"),
    "FreeDoesNothing": (54, "a hole is what most rules of search and realloc are shown with"),
    "NeverBeginsHeap": (75, "every program with a heap shows the first growth"),
    "NoPreallocation": (75, "every program with a heap shows the first growth"),
    "HeaderBesidePreallocation": (75, "every program with a heap shows the first growth"),
    "MapsEverything": (75, "every program with a heap shows the first growth"),
    "NeverMarksLive": (66, "the next block lies in the last one"),
    "NeverMarksNorChecksLive": (62, "the next block lies in the last one"),
    "FirstBlockIsWhole": (63, "two blocks in the preallocation need a split"),
    "FirstBlockIsWholeForMalloc": (60, "two blocks in the preallocation need a split"),
    "FirstBlockLosesRest": (66, "two blocks in the preallocation need a split"),
    "FirstRestIsEmpty": (63, "the second block of the preallocation moves the break"),
    "FirstSplitLeavesGap": (61, "the second block of the preallocation lies elsewhere"),
    "ReallocNeverGrows": (33, "every program that makes a block longer shows where it lies then"),
    "LosesRest": (63, "two blocks in the preallocation need a split"),
    "NeverSplits": (63, "two blocks in the preallocation need a split"),
    "AlignsTo16": (49, "the next payload lies elsewhere"),
    "NeverReuses": (39, "a hole is what most rules of search and realloc are shown with"),
    "AlwaysMoves": (32, "every program that resizes a heap block shows where it lies then"),
    "ReallocReturnsBlock": (31, "every program that resizes a heap block shows its size then"),
    "SplitsShort": (31, "every program that fills the preallocation's end shows its rest"),
    "MergesWithoutHeader": (25, "ten programs are about H1, and a hole that was merged is filled"),
    "FirstBlockCountsHeader": (17, "every program that outgrows the preallocation shows it"),
    "MovesToGrow": (25, "every program that makes a heap block longer shows where it lies then"),
    "MovesWithRoom": (14, "every program that makes a heap block shorter shows where it lies then"),
    "MallocWithCallocThreshold": (30, "the preallocation is filled with large blocks"),
    "MapsWithoutHeader": (23, "every program with a mapping shows its length"),
    "MapsPages": (21, "every program with a mapping shows its length"),
    "UnmapsWithoutHeader": (23, "every program with a mapping gives it back"),
    "UnmapsPages": (21, "every program with a mapping gives it back"),
    "NeverUnmaps": (23, "every program with a mapping gives it back"),
    "UnmapsPayload": (23, "every program with a mapping gives it back"),
    "AbsorbsOneTooFew": (20, "growing in place shows what merging and splitting left behind"),
    "LosesSlack": (16, "eight programs are about S2, and each later block lies elsewhere"),
    "NeverAbsorbs": (21, "growing in place shows what merging and splitting left behind"),
    "NeverMerges": (19, "ten programs are about H1, and long sequences merge"),
    "GrowsByPages": (18, "every program that outgrows the preallocation shows it"),
    "KeepsCanaryBehindRequest": (78, "it spoils the program's own data in every block"),
    "CopiesTooLittle": (23, "it loses the program's own data in every move"),
}
# Mistakes in headers and at one threshold, which cost most of all before; now few points.
CHEAP = {"SizeCountsHeader": 12, "MappingsSayAlloc": 1, "HeaderOfFreedBlockIsStale": 1,
         "SizeLeavesSlackOut": 8, "ThresholdNotStrict": 3, "ThresholdWithoutHeader": 3}


@pytest.fixture(scope="module", name="costs")
def costs_fixture():
    """{mistake: (points by program, points by cause, failed programs)}."""
    return fairness.costs()


@pytest.mark.parametrize("mistake", (*MISTAKES, *suspects.CONTENTS),
                         ids=lambda mistake: mistake.__name__)
def test_one_mistake_costs_what_it_is_worth(costs, mistake):
    points, by_cause, programs = costs[mistake]
    name = mistake.__name__
    assert by_cause <= points
    most = CHEAP.get(name, DEARER.get(name, (MOST, ""))[0])
    assert 1 <= points <= most, f"{name} costs {points} points: {' '.join(programs)}"


def test_an_instance_of_a_mistake_fails_no_more_programs_than_the_mistake(costs):
    by_name = {mistake.__name__: set(programs) for mistake, (*_, programs) in costs.items()}
    pairs = [(name, mistake.__name__) for mistake in MISTAKES for name in mistake.implies
             if name in by_name]
    assert len(pairs) > 20
    assert [pair for pair in pairs if not by_name[pair[0]] <= by_name[pair[1]]] == []


def test_what_is_allowed_to_cost_more_does(costs):
    by_name = {mistake.__name__: points for mistake, (points, *_) in costs.items()}
    assert [name for name in DEARER if by_name[name] <= MOST] == []


# What costs more than one cause where causes count. A program that gets NULL for memory ends: what
# it never came to gives no points back. A check of an address says nothing about headers.
# A function that does not do its work gives none back either.
DEARER_BY_CAUSE = {"MapsEverything": 75, "NeverBeginsHeap": 75, "FreeDoesNothing": 54,
                   "ReallocReturnsNull": 46, "NeverReuses": 39, "ReallocNeverGrows": 33,
                   "ReallocReturnsBlock": 31, "NeverMarksLive": 29, "SplitsTooSmall": 4}


def test_by_cause_one_mistake_that_traces_show_costs_no_more_than_one_cause(costs):
    most = suite.load_scheme().cause_points
    dearer = {mistake.__name__: costs[mistake][1] for mistake in MISTAKES
              if costs[mistake][1] > most}
    assert dearer == DEARER_BY_CAUSE


def test_the_table_in_the_docs_is_what_was_computed(costs):
    text = fairness.DOCS.read_text(encoding="utf-8")
    assert fairness.with_table(text, costs) == text and fairness.table(costs) in text
    assert f"a model of each of {len(ALL)} known\nmistakes" in text
