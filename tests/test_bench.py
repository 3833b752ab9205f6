# SPDX-License-Identifier: BSD-3-Clause
"""What an operation costs, in instructions, and how that grows; and the benchmark's own parts."""

import functools
import xml.etree.ElementTree as ElementTree

import pytest

from bench import allocators, driver, instructions, plot, run, tables

STEPS = 300
STATES = {state.name: state for state in instructions.STATES}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def program():
    """The driver for valgrind."""
    return driver.build_driver_with_arena()


@pytest.fixture(scope="module")
def timer():
    """The driver that takes times."""
    return driver.build_driver()


@pytest.fixture(scope="module")
def library():
    """libosmem.so."""
    return driver.build_library()


@pytest.fixture(scope="module")
def counted(program, library):
    """A function: state, blocks -> (mean, worst) instructions of osmem per operation."""
    def count(name, blocks):
        state = STATES[name]
        plan = instructions.plan_for(state, blocks)
        counts = instructions.count(program, library, plan._replace(steps=min(state.steps, STEPS)))
        return instructions.mean_and_worst(counts, blocks if state.per_block else 1)
    return count


def test_churn_costs_the_same_with_ten_times_the_blocks(counted):
    """At most twice, and no single operation stands out."""
    small, large = counted("churn", 1000), counted("churn", 10000)
    assert 0 < large[0] <= 2 * small[0]
    assert large[1] <= 10 * large[0]


@pytest.mark.parametrize("state", ["equal", "distinct", "alternate", "hostile", "neighbours",
                                   "freeall", "pending", "refused", "astray"])
def test_no_state_makes_operations_linear(counted, state):
    """Ten times the blocks cost a few steps more in a tree; a walk would cost ten times as much."""
    assert 0 < counted(state, 10000)[0] <= 2 * counted(state, 1000)[0]


def test_a_list_walk_would_be_noticed(program):
    library = driver.build_list_walk()
    means = []
    for blocks in (200, 2000):
        plan = driver.Plan("churn", blocks, 0, 1, 50)
        means.append(instructions.mean_and_worst(instructions.count(program, library, plan))[0])
    assert means[1] > 5 * means[0]


def test_counts_repeat_exactly(program, library):
    plan = driver.Plan("churn", 100, 200, 1, 100)
    first = instructions.count(program, library, plan)
    assert len(first) == 100
    assert instructions.count(program, library, plan) == first


def test_each_allocator_has_its_rounds(timer, library):
    plan = driver.Plan("alternate", 100, 0, 3, 10)
    times = driver.measure(timer, plan, ["glibc", f"osmem={library}", "nothing"])
    assert {name: len(rounds) for name, rounds in times.items()} == {
        "glibc": 3, "osmem": 3, "nothing": 3}
    assert all(nanoseconds > 0 for rounds in times.values() for nanoseconds in rounds)


@pytest.mark.parametrize("plan, names, complaint", [
    (("absent", 10, 0, 1, 1), ["glibc"], "no such state"),
    (("distinct", 20000, 0, 1, 1), ["glibc"], "not so many different sizes"),
    (("neighbours", 10, 0, 1, 1), ["glibc"], "too few blocks"),
    (("churn", "many", 0, 1, 1), ["glibc"], "many: not a number"),
    (("refused", 10, 0, 1, 1), ["glibc"], "no arena"),
    (("churn", 10, 0, 1, 1), ["absent"], "no such allocator"),
    (("churn", 10, 0, 1, 1), ["absent=libabsent.so"], "libabsent.so"),
    (("churn", 10, 0, 1, 1), ["wrong=libm.so.6"], "malloc: not in the library"),
    (("churn", 10, 0, 1, 1), [], "usage"),
])
def test_what_the_driver_cannot_do_is_one_line(timer, plan, names, complaint):
    with pytest.raises(driver.BenchError) as error:
        driver.measure(timer, driver.Plan(*plan), names)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_allocator_that_is_missing_is_left_out_visibly(monkeypatch, timer):
    absent = allocators.Other("absent", ["libabsent-of-bench"], ["libabsent.so.9"])
    monkeypatch.setattr(allocators, "OTHERS", [absent])
    monkeypatch.setattr(allocators, "install", lambda packages: "not installed; run as root: it")
    found, missing = allocators.find(functools.partial(run.why_not, timer))
    assert found == {}
    assert missing == ["absent is left out: not installed; run as root: it"]
    times = [tables.summarise("churn", 1000, name, [5.0, 7.0], [10.0]) for name in
             ("osmem", "glibc")]
    page = run.report(times, [], [("cores", "2")], missing, {"osmem": "osmem", "glibc": "glibc"})
    assert "**absent is left out: not installed; run as root: it**" in page


def test_ratios_are_those_of_medians():
    time = tables.summarise("churn", 100, "osmem", [30.0, 10.0, 20.0], [40.0, 100.0, 10.0])
    assert (time.median, time.glibc, time.rounds) == (20.0, 40.0, 3)
    assert tables.ratio(time) == 0.5
    assert tables.cell(time) == "20.0 (0.50)"
    assert tables.cell(None) == "-"


def test_tables_have_a_row_for_each_working_set():
    times = [tables.summarise("churn", blocks, name, [cost, cost], [10.0])
             for blocks, cost in ((1000, 10.0), (100000, 15.0)) for name in ("osmem", "glibc")]
    times += [tables.summarise("chase", blocks, "glibc", [cost, cost], None)
              for blocks, cost in ((1000, 2.0), (100000, 150.0))]
    times.append(tables.summarise("churn", 1000, "jemalloc", [9.0, 9.0], [10.0]))
    names = {"osmem": "osmem", "glibc": "glibc", "jemalloc": "jemalloc"}
    rows = tables.churn_table(times, names).splitlines()[2:]
    assert rows == ["| 1,000 | 10.0 (1.00) | 10.0 | 9.00 (0.90) |",
                    "| 100,000 | 15.0 (1.50) | 15.0 | - |"]
    assert tables.growth_table(times).splitlines()[2:] == [
        "| 100,000 | 1.50 | 1.50 | 5.00 | 5.00 | 148 |"]
    assert "chase" not in tables.states_table(times, names)


def test_times_are_kept_as_csv(tmp_path):
    times = [tables.summarise("churn", 100, "osmem", [10.0, 30.0], [40.0]),
             tables.summarise("churn", 100, "listwalk", [10.0, 30.0], None)]
    tables.times_csv(tmp_path / "times.csv", times)
    assert (tmp_path / "times.csv").read_text().splitlines()[1:] == [
        "churn,100,osmem,20.0,15.0,25.0,40.0,0.50,2", "churn,100,listwalk,20.0,15.0,25.0,,,2"]


def test_the_plot_is_svg_with_a_line_for_each_allocator():
    """On logarithmic axes: equal factors are equal distances."""
    series = {"osmem": [(100, 10.0), (1000, 100.0), (10000, 1000.0)], "a<b": [(100, 20.0)]}
    root = ElementTree.fromstring(plot.draw(series, "title", "across", "up"))
    lines = [line.get("points").split() for line in root.iter(SVG + "polyline")]
    assert [len(points) for points in lines] == [3, 1]
    (x1, y1), (x2, y2), (x3, y3) = (map(float, point.split(",")) for point in lines[0])
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and x2 > x1
    assert y2 - y1 == pytest.approx(y3 - y2, abs=0.2) and y2 < y1
    assert {"osmem", "a<b", "title", "across", "up"} <= {text.text for text in
                                                         root.iter(SVG + "text")}


def test_labels_do_not_overlap():
    assert plot.spread([50, 10, 12, 200]) == [50, 10, 25, 200]


def test_only_the_full_run_writes_to_the_committed_results():
    assert run.FULL.out == driver.HERE / "results"
    assert driver.BUILD in run.QUICK.out.parents
    assert {100, 1000, 10000, 100000, 1000000} <= set(run.FULL.churn)
