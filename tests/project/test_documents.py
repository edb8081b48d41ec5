"""The README says what the code does: its tables, its commands, its paths."""

import re
import subprocess
import sys

import pytest
import yaml

from service.paths import PROBES
from tests.support import dockerfile, documents
from training.recipes.tutorials import TUTORIALS

TEXT = documents.README.read_text(encoding="utf-8")
ROOT = documents.README.parent
SHELL = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line.removeprefix("$ ") for block in SHELL for line in block.splitlines()]


@pytest.mark.parametrize("name", documents.SECTIONS)
def test_a_table_is_what_the_code_says(name: str) -> None:
    assert documents.section(TEXT, name) == documents.SECTIONS[name](), (
        "run python -m tests.support.documents"
    )


def test_every_tutorial_is_in_the_table_beside_its_own_figure() -> None:
    rows = documents.section(TEXT, "tutorials").splitlines()
    for name, tutorial in TUTORIALS.items():
        [row] = [row for row in rows if row.startswith(f"| `{name}`: ")]
        assert row.startswith(f"| `{name}`: {tutorial.summary} | {tutorial.figure} | "), name
        assert row.endswith(f" | {tutorial.seeds} |"), name
        for note in tutorial.notes:
            assert any(line.startswith(f"- `{name}`: ") and note in line for line in rows), note


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", " ".join([*COMMANDS, *re.findall("`.*?`", TEXT)])))
    assert named
    assert named <= targets


@pytest.mark.parametrize(
    "module", sorted(set(re.findall(r"python -m ((?:training|tests)\.[\w.]+)", TEXT)))
)
def test_every_module_that_it_runs_exists(module: str) -> None:
    assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_every_heading_that_it_links_exists() -> None:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL), re.M)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert {"two-commands", "developing"} <= linked
    assert linked <= anchors


def test_every_route_without_a_key_is_named() -> None:
    [sentence] = re.findall(r"but the probes: (.*?)\. ", TEXT)
    assert set(re.findall(r"`(.*?)`", sentence)) == PROBES


def test_every_file_that_it_links_or_posts_exists() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT) + re.findall(r"=@([\w./-]+)", TEXT)
    assert "docs/seven.png" in linked
    for path in linked:
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("python -m training")])
def test_every_option_of_a_training_command_is_known(command: str) -> None:
    module, *arguments = command.split("#", maxsplit=1)[0].split()[2:]
    shown = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for argument in arguments:
        assert argument in shown, f"{module} does not know {argument}"


def test_every_image_that_it_builds_is_a_stage_of_the_dockerfile() -> None:
    builds = [command for command in COMMANDS if command.startswith("docker build")]
    devices = set(re.findall(r"DEVICE=(\w+)", " ".join(builds)))
    assert devices == {"cpu"}
    assert devices <= dockerfile.stages().keys()


def test_the_pod_fits_the_image() -> None:
    [pod] = [
        yaml.safe_load(block)
        for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
        if "containers:" in block
    ]
    [container] = pod["containers"]
    [exposed], [command] = dockerfile.image("EXPOSE"), dockerfile.image("CMD")
    assert container["ports"] == [{"containerPort": int(exposed.rest)}]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [probe["path"] for probe in probes] == ["/livez", "/livez", "/readyz"]
    assert {probe["path"] for probe in probes} <= PROBES
    assert {probe["port"] for probe in probes} == {int(exposed.rest)}
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = int(command.command[command.command.index("--timeout-graceful-shutdown") + 1])
    assert pod["terminationGracePeriodSeconds"] > before + grace
    [mount], [volume] = container["volumeMounts"], pod["volumes"]
    assert mount == {"name": volume["name"], "mountPath": "/tmp"}
