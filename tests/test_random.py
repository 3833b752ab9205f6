# SPDX-License-Identifier: BSD-3-Clause
"""Random sequences of calls: the library must agree with the model, call by call.

The sequences are the same every time; tests/random_calls.py generates others for a given time. Both
compare results, errno, system calls, headers, contents and the library's own audit. The second
half of this file shows that wrong models and wrong libraries are found.
"""

import random
import subprocess
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.harness.generated import random_calls, replay
from tests.harness.spec import mistakes, model, sequences

# Sequences of each profile that `make check` runs.
COUNTS = {"churn": 350, "edges": 350, "break": 300, "failures": 350, "foreign": 250,
          "misuse": 250, "mixed": 250}
LONG_SEQUENCES = 20
CHOICES = st.integers(0, (1 << 32) - 1)     # two numbers of 16 bits: one draw costs less


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(driver, directory of the library) of the library as it is now."""
    return replay.build(out=tmp_path_factory.mktemp("replay"))


@pytest.fixture(scope="module")
def driver(built):
    """A running driver of the library."""
    with replay.Replay(*built) as running:
        yield running


@pytest.fixture(scope="module", params=["as-shipped", "debug-small-cells"])
def either(request, driver, tmp_path_factory):
    """A running driver: of the library, and of a debug build whose index has small cells."""
    if request.param == "as-shipped":
        yield driver
        return
    built = replay.build_with(replay.SMALL_CELLS, tmp_path_factory.mktemp("debug"),
                              "-O1 -g -DOSMEM_DEBUG")
    with replay.Replay(*built) as running:
        yield running


# ---- the library against the model ----------------------------------------------------------

def actions_of(profile):
    """Hypothesis's source of actions. Shrinking makes them "none", which is no operation."""
    kinds = st.sampled_from(sequences.kinds_of(profile))
    return st.lists(st.tuples(kinds, CHOICES), min_size=20, max_size=60)


def operations_of(profile, actions):
    """The operations that actions mean, up to a misuse that ends the process."""
    player = sequences.Player()
    operations = []
    for kind, choices in actions:
        action = kind, choices & 0xffff, choices >> 16
        operation = sequences.operation_for(player, profile, action)
        if operation is None:
            continue
        operations.append(operation)
        player.play(operation)
        if player.ended:
            break
    return operations


def test_enough_sequences():
    assert set(COUNTS) == set(sequences.PROFILES)
    assert sum(COUNTS.values()) >= 2000


@pytest.mark.parametrize("profile", COUNTS)
def test_library_does_what_the_model_says(driver, profile):
    ran = []

    @settings(max_examples=COUNTS[profile], derandomize=True, database=None, deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(actions_of(profile))
    def compare(actions):
        operations = operations_of(profile, actions)
        ran.append(len(operations))
        replay.check(driver, operations)

    compare()
    assert len(ran) >= COUNTS[profile]


def test_long_sequences(either):
    rng = random.Random("long sequences")
    for _ in range(LONG_SEQUENCES):
        profile = rng.choice(["churn", "edges", "break", "failures", "foreign"])
        actions = [(kind, a | b << 16)
                   for kind, a, b in sequences.random_actions(rng, profile, 500, 125)]
        replay.check(either, operations_of(profile, actions))


def crowd(rng, sizes):
    """Operations that free blocks of these sizes, close together, and take all of them again.

    The index gets them in random order, some while others leave it: every shape of its trees.
    """
    operations = []
    for size in sizes:
        operations += [("m", size), ("m", 8)]
    holes = [("f", (2 * number, 0)) for number in range(len(sizes))]
    rng.shuffle(holes)
    wanted = rng.sample(sizes, len(sizes))
    half = len(sizes) // 2
    operations += holes[:half] + [("m", size) for size in wanted[:half // 2]]
    return operations + holes[half:] + [("m", size) for size in wanted[half // 2:]]


@pytest.mark.parametrize("sizes", [[8] * 40, [24] * 200, [1000] * 200, range(32000, 32400, 8),
                                   [48000, 48032, 48008, 48024, 48016] * 8],
                         ids=lambda sizes: f"{len(sizes)}-of-{sizes[0]}")
def test_h2_many_holes_that_are_nearly_equal(either, sizes):
    rng = random.Random("crowd")
    for _ in range(8):
        replay.check(either, crowd(rng, sizes))


def test_h2_holes_stay_known_when_the_heap_outgrows_them(either):
    """Each round leaves holes of another size and doubles the heap; then all are allocated."""
    rng = random.Random("outgrown")
    operations, rounds = [], 5
    for number in range(rounds):
        begin = len(operations)
        operations += [("m", 1000 + 8 * number), ("m", 8)] * 40
        holes = [("f", (begin + 2 * i, 0)) for i in range(40)]
        rng.shuffle(holes)
        operations += holes + [("m", 131032)] * (1 << number)
    operations += [("m", 1000 + 8 * number) for number in range(rounds) for _ in range(40)]
    replay.check(either, operations)


def test_sequences_reach_every_rule():
    """A rule that random sequences never apply is not tested by them."""
    applied = set()
    rng = random.Random("rules")
    for number in range(1, 400):
        for step in random_calls.make(rng, number)[1].steps:
            applied.update(step.rules if step else ())
    assert applied >= set("W1 W2 W3 W4 W5 F1 H1 H2 H3 H4 H6 S1 S2 R1 R2 X1 X2 X3 X4 X5 X6 X7 X8 "
                          "X9 M1 B1 B2 B4".split())


def test_g6_freed_payload_stays_until_the_next_search(driver):
    """Frees, in-place reallocs and mappings in between change nothing."""
    replay.check(driver, sequences.parse(
        "m 8; m 8; m 100; m 8; f 0; f 1; m 131040; c 1 5000; f 2; f 6; m 24"))


# ---- wrong models are noticed ---------------------------------------------------------------

class SplitsAt32(model.Model):
    """Splits if only a header remains (S1 requires 8 more bytes)."""

    def _split(self, block, n):
        rest = block.size - model.aligned(n)
        if rest == model.HEADER:
            block.size -= rest
            behind = model.Block(block.end, 0, model.FREE)
            self.heap.insert(self.heap.index(block) + 1, behind)
        else:
            super()._split(block, n)


class RefusesFreeBlock(model.Model):
    """os_realloc() of a free block sets EINVAL (X2 says nothing changes)."""

    def _realloc(self, p, n):
        block = self._block_of_payload(p)
        if block is not None and block.status == model.FREE:
            return self._give_up("B4", model.EINVAL)
        return super()._realloc(p, n)


class KeepsAbsorbed(model.Model):
    """A refused growth leaves absorbed neighbours absorbed (B1 forbids it)."""

    def _search_heap(self, n):
        heap = list(self.heap)
        try:
            return super()._search_heap(n)
        except model.SystemCallFailed:
            self.heap = heap
            raise

    def _call(self, name, args, work):
        step = super()._call(name, args, work)
        if "X8" in step.rules and "B1" in step.rules:
            self._absorb_until(self._block_of_payload(args[0]), args[1])
        return step


class IgnoresForeignBreak(model.Model):
    """Grows the last block although other code moved the break (B2)."""

    def _ends_at_break(self, block):
        return block is self.heap[-1]


# Those that can be given another start; the others change the page size, which W2's do here.
MODELS = [m for m in mistakes.MISTAKES if m.calloc_limit == mistakes.Mistake.calloc_limit] + \
         [SplitsAt32, RefusesFreeBlock, KeepsAbsorbed, IgnoresForeignBreak]


@pytest.mark.parametrize("wrong_model", MODELS, ids=lambda m: m.__name__)
def test_wrong_model_is_noticed(driver, wrong_model):
    rng = random.Random("wrong models")
    for number in range(1, 1500):
        operations = random_calls.make(rng, number)[0]
        if replay.diverges(driver, operations, wrong_model):
            return
    pytest.fail(f"1500 sequences do not show that {wrong_model.__doc__}")


def test_divergence_is_shrunk_and_can_be_replayed(driver):
    """Merging at free differs from merging before a search in few operations (H1, X7)."""
    def fails(candidate):
        return replay.diverges(driver, candidate, mistakes.MergesAtFree)

    rng = random.Random("shrinking")
    found = next(operations for operations in iter(lambda: random_calls.make(rng, 1)[0], None)
                 if fails(operations))
    shrunk = sequences.shrink(found, fails)
    assert fails(shrunk)
    assert len(shrunk) <= 8
    with pytest.raises(replay.Divergence) as caught:
        replay.check(driver, shrunk, mistakes.MergesAtFree)
    report = str(caught.value)
    assert replay.replay_command(caught.value.operations) in report
    assert "expected  " in report and "actual    " in report and "heap: " in report


# ---- wrong libraries are noticed ------------------------------------------------------------

# Mistake of random_wrong.c, a sequence that shows it, what the report must say.
WRONG_LIBRARIES = [
    ("FREED_BYTES", "m 100; f 0", "freed-content=h20"),
    ("COPY", "m 100; r 0 200", "not-copied=h20"),
    ("NOT_ZERO", "c 3 10", "not-zero=h20"),
    ("NEIGHBOUR", "m 8; m 8", "content=h20"),
    ("STATUS", "m 8; m 8", "changed=h20"),
    ("ERRNO", "m 8", "actual    q b20000 = h20 11"),
    ("QUERY", "m 8", "actual    q b20000 q ="),
    ("FOREIGN", "s 8; m 200000", "foreign=h7"),
    ("CRASH", "m 8; r 0 16", "killed by signal 11"),
    ("QUIET", "m 8; f 0+1", "expected  abort"),
    ("TALKS", "m 8; f 0+1", "stderr: misuse"),
]


@pytest.fixture(scope="module")
def wrong(built, tmp_path_factory):
    """A function: name of a mistake -> (driver, directory) of a library with it."""
    out = tmp_path_factory.mktemp("wrong")
    names = ("os_malloc", "os_calloc", "os_realloc", "os_free")
    renamed = [f"--redefine-sym={pair}" for name in names
               for pair in (f"{name}=right_{name}", f"wrong_{name}={name}")]
    subprocess.run(["objcopy", *renamed, built[1] / "libosmem.a", out / "right.a"], check=True)

    def build(mistake):
        library = out / mistake
        library.mkdir(exist_ok=True)
        subprocess.run(["cc", "-fPIC", "-O1", "-I", ROOT / "utils", f"-DMISTAKE={mistake}",
                        "-c", ROOT / "tests/random_wrong.c", "-o", library / "wrong.o"],
                       check=True)
        subprocess.run(["objcopy", *renamed, library / "wrong.o"], check=True)
        subprocess.run(["cc", "-shared", library / "wrong.o", out / "right.a",
                        "-o", library / "libosmem.so"], check=True)
        return replay.build(library, library)
    return build


@pytest.mark.parametrize("mistake, text, said", WRONG_LIBRARIES)
def test_wrong_library_is_noticed(wrong, driver, mistake, text, said):
    operations = sequences.parse(text)
    replay.check(driver, operations)
    with replay.Replay(*wrong(mistake)) as running:
        with pytest.raises(replay.Divergence) as caught:
            replay.check(running, operations)
    assert said in str(caught.value)


def test_y2_break_touched_before_main_is_noticed(wrong):
    with pytest.raises(replay.Divergence, match="Y2"):
        replay.Replay(*wrong("EARLY"))


# ---- the sequences' text --------------------------------------------------------------------

def test_text_of_a_sequence_can_be_read_back():
    text = "m 100; c 3 40; r 0 500; f nil; r 2+8 1; f heap-32; s -24; x 1"
    assert sequences.text_of(sequences.parse(text)) == text


@pytest.mark.parametrize("text", ["q 1", "m", "m x", "f 1 2", "f moon", "r 0"])
def test_wrong_text_is_refused(text):
    with pytest.raises(ValueError):
        sequences.parse(text)


def test_dropping_a_realloc_hands_its_pointer_on():
    operations = sequences.parse("m 8; m 16; r 0 24; r 2+8 1; f 2; f 1")
    assert sequences.text_of(sequences.without(operations, 2)) == "m 8; m 16; r 0+8 1; f 0; f 1"
    assert sequences.text_of(sequences.without(operations, 0)) == "m 16; f 0"


# ---- the command ----------------------------------------------------------------------------

def run_fuzz(capsys, *arguments):
    """Run the command here; its exit status and output."""
    status = random_calls.main(list(arguments))
    return SimpleNamespace(status=status, out=capsys.readouterr().out)


def test_fuzz_replays_a_sequence(capsys, built):
    done = run_fuzz(capsys, "--library", str(built[1]), "--replay", "m 100; f 0; f 0")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines()] == ["0", "1", "2"]
    assert done.out.splitlines()[2].endswith("abort")


def test_fuzz_shrinks_and_shows_a_divergence(capsys, wrong):
    _, library = wrong("COPY")
    done = run_fuzz(capsys, "--library", str(library), "--sequences", "200", "-j", "1",
                    "--seed", "1")
    assert done.status == 1
    assert "not-copied" in done.out
    assert "again     python3 tests/random_calls.py --replay" in done.out


def test_fuzz_reports_a_break_touched_too_early(capsys, wrong):
    _, library = wrong("EARLY")
    done = run_fuzz(capsys, "--library", str(library), "--sequences", "200")
    assert done.status == 1
    assert "Y2" in done.out


def test_fuzz_counts_what_it_ran(capsys, built):
    done = run_fuzz(capsys, "--library", str(built[1]), "--sequences", "200", "-j", "1",
                    "--seed", "1")
    assert done.status == 0
    assert done.out.startswith("no divergence: 200 sequences")


def test_fuzz_says_what_it_cannot_do(capsys, tmp_path):
    assert random_calls.main(["--library", str(tmp_path), "--replay", "m 1"]) == 2
    assert "no libosmem.so" in capsys.readouterr().err
