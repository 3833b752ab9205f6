# SPDX-License-Identifier: BSD-3-Clause
"""What a hosted runner and a reporter of issues read: .github names only what is there."""

import re

import pytest

from checker import tree

ROOT = tree.ROOT
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
CHECK, NIGHTLY = (path.read_text(encoding="utf-8") for path in WORKFLOWS)


def targets():
    """The targets of the Makefile at the top."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def commands(text):
    """What a workflow runs: [command], without what follows in further lines."""
    return re.findall(r"^ *(?:- )?(?:run|command): (?!\||\$\{)(.*)$", text, re.M)


def test_workflows_call_the_same_targets_as_everybody():
    found = {word for text in (CHECK, NIGHTLY) for command in commands(text)
             for word in re.findall(r"\bmake (?!-C|CC=)([a-z-]+)", command)}
    assert {"demo", "stress", "fuzz", "model", "check-musl", "check-cross", "check-arch",
            "bench-family"} <= found <= targets()
    assert ".ci/run" in commands(CHECK)
    assert "exec make check" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_distributions_are_those_of_make_distros():
    """By their releases: the front page lists the same."""
    releases = {"bookworm": "debian:12", "trixie": "debian:13", "jammy": "ubuntu:22.04",
                "noble": "ubuntu:24.04"}
    script = (ROOT / "tests/distros.sh").read_text(encoding="utf-8")
    names = re.findall(r"\[(\w+)\]=", re.search(r"script=\((.*)\)", script)[1])
    images = re.findall(r'"(\w+:[\d.]+)"', CHECK)
    assert images == [releases[name] for name in names]


def test_options_of_the_commands_are_known():
    """Those of the benchmark, the compilers of the stress programs and their sanitizers."""
    compare = (ROOT / "bench/compare.py").read_text(encoding="utf-8")
    options = re.findall(r"--(?!before)[a-z]+(?= )", NIGHTLY.split("bench-family")[1])
    assert options and [option for option in options if f'"{option}"' not in compare] == []
    stress = (ROOT / "tests/test_stress.py").read_text(encoding="utf-8")
    sanitizers = re.search(r"sanitizer: \[(.*)\]", CHECK)[1].split(", ")
    assert [name for name in sanitizers if f'    "{name}": [' not in stress] == []
    assert "PORT_CC" in (ROOT / "tests/conftest.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*WORKFLOWS, *TEMPLATES], ids=lambda path: path.name)
def test_files_are_yaml_of_their_kind(path):
    yaml = pytest.importorskip("yaml")
    made = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path in WORKFLOWS:
        assert made["permissions"] == {"contents": "read"} and True in made    # `on` reads as true
        for job in made["jobs"].values():
            assert job["runs-on"] and job["timeout-minutes"] <= 360
            assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    elif path.stem != "config":
        assert made["name"] and made["description"] and made["labels"]
        fields = [field for field in made["body"] if field["type"] != "markdown"]
        names = [field["id"] for field in fields]
        assert "version" in names and len(names) == len(set(names))
        assert all(field["attributes"]["label"] for field in fields)


def test_templates_name_what_is_there():
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    named = re.findall(r"\b(?:tests|checker|docs)/[\w./]+\w|[A-Z]+\.md", text)
    assert len(named) > 4 and [name for name in named if not (ROOT / name).exists()] == []
    assert (ROOT / "tests/snippets/test-malloc-best-fit.c").exists()
