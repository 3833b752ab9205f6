# SPDX-License-Identifier: BSD-3-Clause
"""The malloc family's benchmark: its workloads do the same each time, its arithmetic is right."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bench import compare, driver, pages, programs, ratios

SMALLEST = 1        # percent of the full size
SVG = "{http://www.w3.org/2000/svg}"

# Of a run, as machine.csv has them.
FACTS = [("osmem", "0.2.0"), ("date", "2026-11-26"), ("system", "Debian"),
         ("C library", "glibc 2.36"), ("libmimalloc2.0", "2.0.9+ds-2"),
         ("libtcmalloc-minimal4", "2.10-1")]

# What the smallest setting of a workload asks for, and how often: it repeats on every machine.
OPERATIONS = {
    "pairs": 200000, "lifo": 70000, "fifo": 70000, "random": 50000, "objects": 40000,
    "aligned": 30000, "mixed": 15000, "grow": 108, "big": 30, "calloc": 10, "start": 3,
    "handover": 15 * 4096, "ring": 4 * 3 * 4096, "thread-churn": 120 * 64, "crowd": 100 * 1000,
    "server": 2 * 20000, "tree": 2 * 1500 + 4 * 375}


@pytest.fixture(scope="module")
def built():
    """(the driver of the workloads, the launcher)."""
    return compare.build()


def names(kind):
    """The driver's workloads of a kind, which are known before anything is built."""
    threads = ["handover", "ring", "thread-churn", "idle-threads", "crowd", "server"]
    real = [program.name for program in programs.PROGRAMS]
    return {"threads": threads, "program": real,
            "single": [name for name in pages.MEANINGS if name not in threads + real]}[kind]


def test_every_row_has_a_meaning(built):
    rows = {row.name: row.kind for row in compare.work_rows(built[0], SMALLEST)}
    assert rows == {name: kind for kind in ("single", "threads") for name in names(kind)}
    assert list(pages.MEANINGS) == [*rows, *names("program")]
    text = (driver.HERE / "README.md").read_text()
    assert [name for name in pages.MEANINGS if name not in text] == []


@pytest.mark.parametrize("name", names("single") + names("threads"))
def test_a_workload_does_the_same_with_every_allocator(built, osmalloc, name):
    """And every block that is freed holds what was written into it."""
    found = [compare.run_work(built[0], name, SMALLEST, preload)
             for preload in (compare.GLIBC, osmalloc / "libosmalloc.so")]
    counts = [(one["operations"], one["asked"], one["returned"]) for one in found]
    assert counts[0] == counts[1]
    operations, asked, returned = counts[0]
    assert operations == OPERATIONS.get(name, operations) > 0
    assert returned == asked
    assert all(one["peak"] > 500 and one["cpu"] >= one["sys"] for one in found)
    assert found[1].get("misaligned_blocks", 0) == 0


def test_the_scale_is_followed(built):
    assert [compare.run_work(built[0], "fifo", scale, compare.GLIBC)["operations"]
            for scale in (SMALLEST, 3)] == [70000, 210000]


@pytest.mark.parametrize("words, complaint", [
    (["absent", 1], "no such workload"), (["pairs", "0"], "the scale is"),
    (["pairs", "many"], "the scale is"), (["pairs"], "usage")])
def test_what_the_driver_cannot_do_is_one_line(built, words, complaint):
    with pytest.raises(driver.BenchError) as error:
        driver.run_tool([built[0], *words], "work")
    assert complaint in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("preload", ["libabsent.so.9", "libm.so.6"])
def test_a_library_without_malloc_is_not_measured(built, preload):
    """The loader says nothing to our ears about a library that it cannot preload."""
    with pytest.raises(driver.BenchError, match="cannot be preloaded, or has no malloc"):
        compare.run_work(built[0], "pairs", SMALLEST, preload)


def test_the_peak_of_a_program_is_its_own(built, tmp_path):
    """Python, which starts it here, is larger by far than true(1)."""
    _, found = programs.launched(built[1], compare.GLIBC, tmp_path, ["true"])
    assert 500 < found["peak"] < 8000
    assert set(found) == {"wall", "cpu", "sys", "faults", "peak"}


def test_the_launcher_says_what_went_wrong(built, tmp_path):
    for command, complaint in ((["sh", "-c", "exit 3"], "exit status 3"),
                               (["sh", "-c", "kill -9 $$"], "exit status 126"),
                               ([tmp_path / "absent"], "No such file")):
        with pytest.raises(driver.BenchError, match=complaint):
            programs.launched(built[1], compare.GLIBC, tmp_path, command)


@pytest.mark.parametrize("program", programs.PROGRAMS, ids=lambda program: program.name)
def test_real_programs_run_on_osmalloc(built, osmalloc, tmp_path, monkeypatch, program):
    missing = [need for need in program.needs if not shutil.which(need)]
    if missing:
        pytest.skip(f"{missing[0]} is not installed; make bench-family would install it")
    monkeypatch.setattr(programs, "FUNCTIONS", 5)
    monkeypatch.setattr(programs, "REQUESTS", 1000)
    output, found = program.run(built[1], osmalloc / "libosmalloc.so", tmp_path)
    assert output.strip()
    assert found["peak"] > 1000


def test_a_server_that_does_not_come_is_an_error(built, tmp_path, monkeypatch):
    if not shutil.which("redis-cli"):
        pytest.skip("redis-cli is not installed; make bench-family would install it")
    monkeypatch.setattr(programs.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(driver.BenchError, match="does not answer"):
        programs.run_redis(built[1], compare.GLIBC, tmp_path)


def test_what_the_compiler_gets_is_a_program(tmp_path):
    (tmp_path / "source.c").write_text(programs.source(12))
    subprocess.run(["gcc", "-c", "-o", tmp_path / "source.o", tmp_path / "source.c"], check=True)


def test_programs_that_cannot_be_had_are_named(monkeypatch):
    absent = programs.Program("absent", ["absent-of-bench"], ["absent"], None)
    monkeypatch.setattr(programs.allocators, "install", lambda packages: "not installed; do it")
    assert programs.find([absent]) == ([], ["absent is left out: not installed; do it"])


# ---- measuring -----------------------------------------------------------------------------------

def made(cpu=10, peak=1000, **more):
    """The figures of one run, as a row's run() returns them."""
    return {"cpu": cpu, "sys": 1, "wall": 2 * cpu, "faults": 3, "peak": peak, **more}


def test_allocators_take_turns_and_each_is_first_in_its_turn():
    order = []

    def run(library):
        order.append(library)
        return made(operations=5, asked=1, returned=1, notable=7)

    samples = compare.measure(compare.Row("row", "single", run), {"a": "A", "b": "B"}, 3)
    assert "".join(order) == "AB" "BA" "AB"
    assert [(one.allocator, one.repetition) for one in samples] == [
        (name, repetition) for name in "ab" for repetition in range(3)]
    assert samples[0] == ratios.Sample("row", "single", "a", 0, 10, 1, 20, 3, 1000, 5,
                                       {"notable": 7}, "")


def test_a_program_that_prints_something_else_has_failed():
    outputs = iter(["same", "same", "other"])
    program = programs.Program("p", [], [], lambda *_: (next(outputs), made()))
    run = compare.ProgramRun(program, None)
    samples = [compare.sample(compare.Row("p", "program", run), "a", "A", i) for i in range(3)]
    assert [one.failed for one in samples] == ["", "", "p: printed something different from before"]


def test_rows_are_chosen_by_name():
    rows = [compare.Row(name, "single", None) for name in "abc"]
    assert compare.choose(rows, []) == rows
    assert compare.choose(rows, ["c", "a"]) == [rows[0], rows[2]]
    with pytest.raises(driver.BenchError, match="--only d: no such row; there are a, b, c"):
        compare.choose(rows, ["a", "d"])


@pytest.mark.parametrize("words, complaint", [
    (["--allocator", "x"], "NAME=/path"), (["--allocator", "x=/absent.so"], "build it first"),
    (["--peers", "nobody"], "none, or some of glibc,"), (["--reps", "0"], "from 1 to"),
    (["--scale", "x"], "from 1 to")])
def test_wrong_arguments_say_what_is_wanted(capsys, words, complaint):
    with pytest.raises(SystemExit) as error:
        compare.arguments(words)
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err


def test_only_the_full_run_writes_to_the_committed_results():
    assert compare.arguments([]).out == compare.arguments(["--page"]).out == compare.RESULTS
    for words in (["--quick"], ["--only", "pairs"], ["--peers", "none"], ["--reps", "1"]):
        assert driver.BUILD in compare.arguments(words).out.parents


def test_no_results_are_one_line(tmp_path, capsys):
    assert compare.main(["--page", "--out", str(tmp_path / "absent")]) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith("bench: no results in") and complaint.count("\n") == 1


# ---- arithmetic and pages ------------------------------------------------------------------------

def samples_of(row, figures, kind="single", **more):
    """Samples with those CPU times and peaks. figures: {allocator: [(cpu, peak), ...]}."""
    blank = ratios.Sample(row, kind, "", 0, 0, 0, 0, 0, 0, 0, {}, "")._replace(**more)
    return [blank._replace(allocator=name, repetition=i, cpu_ns=cpu, wall_ns=3 * cpu, peak_kib=peak)
            for name, pairs in figures.items() for i, (cpu, peak) in enumerate(pairs)]


@pytest.fixture
def samples():
    """Two rows, two allocators."""
    return [*samples_of("pairs", {"osmalloc": [(30, 2048), (10, 4096), (20, 3072)],
                                  "glibc": [(40, 1024)] * 3}, operations=2, notes={"n": 4}),
            *samples_of("ring", {"osmalloc": [(8000000, 1024)], "glibc": [(1000000, 2048)]},
                        "threads")]


def test_figures_are_medians(samples):
    rows = ratios.figures(samples)
    assert rows["pairs"]["osmalloc"] == ratios.Figure(20, 0, 60, 0, 3072, 2, {"n": 4})
    assert list(rows) == ["pairs", "ring"]


def test_ratios_are_to_the_best_of_the_row(samples):
    rows = ratios.figures(samples)
    assert ratios.all_ratios(rows, "cpu_ns") == {"osmalloc": {"pairs": 1, "ring": 8},
                                                 "glibc": {"pairs": 2, "ring": 1}}
    assert ratios.all_ratios(rows, "peak_kib") == {"osmalloc": {"pairs": 3, "ring": 1},
                                                   "glibc": {"pairs": 1, "ring": 2}}
    assert ratios.geometric_mean([2, 8]) == pytest.approx(4)


def test_the_table_ends_with_means_and_worst_rows(samples):
    lines = pages.ratio_table(ratios.figures(samples)).splitlines()
    assert lines == [
        "| row |  | osmalloc | glibc |", "| --- | --- | ---: | ---: |",
        f"| pairs | {pages.MEANINGS['pairs']} | 1.00 / 3.00 | 2.00 / 1.00 |",
        f"| ring | {pages.MEANINGS['ring']} | 8.00 / 1.00 | 1.00 / 2.00 |",
        "| **geometric mean** |  | **2.83 / 1.73** | **1.41 / 1.41** |",
        "| worst time |  | 8.00 ring | 2.00 pairs |", "| worst peak |  | 3.00 pairs | 2.00 ring |"]


def test_medians_are_per_operation_where_they_are_counted(samples):
    rows = ratios.figures(samples)
    assert pages.cell_table(rows, pages.cpu_and_peak).splitlines()[2:] == [
        "| pairs | 10.0 ns, 3.00 MiB | 20.0 ns, 1.00 MiB |",
        "| ring | 8.00 ms, 1.00 MiB | 1.00 ms, 2.00 MiB |"]
    assert pages.cell_table(pages.of_kind(samples, "threads"), pages.wall).splitlines()[2:] == [
        "| ring | 24.0 ms | 3.00 ms |"]
    assert pages.notes_table(rows).splitlines()[2:] == ["| pairs | n | 4 | 4 |"]


def test_what_fails_is_in_the_tables_and_not_in_the_means(samples):
    failed = samples[0]._replace(row="big", allocator="glibc", failed="it crashed")
    samples += [failed, failed._replace(allocator="osmalloc", failed="", cpu_ns=5, peak_kib=5)]
    table = pages.ratio_table(ratios.figures(samples))
    assert f"| big | {pages.MEANINGS['big']} | 1.00 / 1.00 | failed |" in table
    assert "**1.41 / 1.41**" in table
    page = pages.page(samples, [("cores", "2"), ("left out", "lua is left out: no")])
    assert "**big failed with glibc: it crashed**" in page
    assert "**lua is left out: no**" in page


def test_losses_are_named(samples):
    rows = ratios.figures(samples)
    assert pages.losses(rows).split() == (
        "Over 2 workloads and programs, osmalloc needs 2.83 times the CPU time and 1.73 times the "
        "memory of the best allocator of each (geometric means). Above 1.25: pairs (3.00, peak), "
        "ring (8.00, time).").split()


def test_samples_come_back_from_their_file(samples, tmp_path):
    samples.append(samples[0]._replace(notes={"a": 1, "b": 22}, failed="why, and \"how\""))
    ratios.write(tmp_path / "raw.csv", samples)
    assert ratios.read(tmp_path / "raw.csv") == samples


def test_the_section_is_replaced_and_nothing_else(samples):
    text = f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n"
    new = pages.with_section(text, samples, FACTS)
    assert new == f"before\n{pages.section(samples, FACTS)}\nafter\n"
    assert pages.with_section(new, samples, FACTS) == new
    with pytest.raises(ValueError, match="README.md has no lines"):
        pages.with_section("nothing here", samples, FACTS)


def test_the_section_says_when_and_with_which_versions(samples):
    said = " ".join(pages.section(samples, FACTS).split())
    assert "Measured 2026-11-26 on Debian: osmalloc 0.2.0, glibc 2.36, mimalloc 2.0.9, " \
        "tcmalloc 2.10." in said
    assert "The worst are 8.00 ring in time and 3.00 pairs in memory." in said


def test_the_plot_has_a_dot_for_each_ratio(samples):
    root = ElementTree.fromstring(pages.draw(samples, "cpu_ns", "a < b"))
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(SVG + "circle")]
    (glibc_pairs, above), (glibc_ring, below), (ours_pairs, _), (ours_ring, _) = dots
    assert ours_pairs == glibc_ring and above < below
    assert ours_ring - ours_pairs == pytest.approx(3 * (glibc_pairs - glibc_ring), abs=0.3)
    assert {"osmalloc", "glibc", "pairs", "ring", "a < b"} <= {
        text.text for text in root.iter(SVG + "text")}


@pytest.mark.parametrize("out", [compare.RESULTS, compare.RESULTS.parent / "hardened"])
def test_the_published_pages_are_what_the_data_say(out):
    """The page of results and the plots, from raw.csv: `compare.py --page`."""
    samples, facts = compare.read(out)
    assert {one.row for one in samples} <= set(pages.MEANINGS)
    assert (out / "README.md").read_text() == pages.page(samples, facts)
    for file, (what, title) in pages.PLOTS.items():
        assert (out / file).read_text() == pages.draw(samples, what, title)


def test_the_front_page_has_the_published_results():
    front = compare.FRONT_PAGE.read_text()
    samples, facts = compare.read(compare.RESULTS)
    assert pages.with_section(front, samples, facts) == front
    assert (compare.RESULTS / pages.OVERVIEW).read_text() == pages.draw_overview(samples)


def test_the_overview_has_means_and_worst_rows(samples):
    root = ElementTree.fromstring(pages.draw_overview(samples))
    words = {text.text for text in root.iter(SVG + "text")}
    assert {"osmalloc", "glibc", "mean time", "worst time", "mean memory", "worst memory"} <= words
    assert len(list(root.iter(SVG + "circle"))) == 8
