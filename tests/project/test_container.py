"""Dockerfile and bentofile.yaml say what pyproject.toml says, and the image is not root's."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.support.dockerfile import Instruction, image, stages
from tests.support.project import ROOT, described

PROJECT = described()
BENTOFILE: dict[str, Any] = yaml.safe_load((ROOT / "bentofile.yaml").read_text())


def run(stage: str, naming: str) -> Instruction:
    """The one RUN of `stage` that names this."""
    [found] = [i for i in stages()[stage] if i.word == "RUN" and naming in i.rest]
    return found


def requirements(device: str, folder: Path) -> list[str]:
    """What the Dockerfile's own commands make of pyproject.toml, all but the installation."""
    shutil.copy(ROOT / "pyproject.toml", folder)
    commands = [run("base", "tomllib").rest]
    if device == "cpu":
        commands.append(run("cpu", "sed").rest.partition("&&")[0])
    (folder / "python").symlink_to(sys.executable)
    for command in commands:
        environment = {"PATH": f"{folder}:/usr/bin:/bin"}
        subprocess.run(["sh", "-ec", command], cwd=folder, env=environment, check=True)
    return (folder / "requirements.txt").read_text().splitlines()


def test_the_bento_installs_the_dependencies_and_cuda() -> None:
    cuda = PROJECT["optional-dependencies"]["cuda"]
    assert BENTOFILE["python"]["packages"] == [*PROJECT["dependencies"], *cuda]


def test_the_gpu_image_installs_the_dependencies_and_cuda(tmp_path: Path) -> None:
    cuda = PROJECT["optional-dependencies"]["cuda"]
    assert requirements("gpu", tmp_path) == [*PROJECT["dependencies"], *cuda]


def test_the_cpu_image_installs_the_same_without_cuda(tmp_path: Path) -> None:
    installed = [Requirement(line) for line in requirements("cpu", tmp_path)]
    dependencies = [Requirement(line) for line in PROJECT["dependencies"]]
    expected = {requirement.name for requirement in dependencies} - {"onnxruntime-gpu"}
    assert {requirement.name for requirement in installed} == expected
    assert not any(requirement.extras for requirement in installed)


@pytest.mark.parametrize("device", ["gpu", "cpu"])
def test_what_is_installed_is_held_to_the_constraints(device: str) -> None:
    command = run(device, "pip install").words
    assert command[-2:] == ["constraints.txt", "requirements.txt"]


def test_both_builds_of_onnx_runtime_are_of_one_version() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.startswith("onnxruntime")
    )
    assert pins["onnxruntime"] == pins["onnxruntime-gpu"]


def test_both_images_have_one_python() -> None:
    base = stages()["base"][0].words[0]
    assert base == f"python:{BENTOFILE['docker']['python_version']}-slim"
    classifier = f"Programming Language :: Python :: {BENTOFILE['docker']['python_version']}"
    assert classifier in PROJECT["classifiers"]


def test_each_device_is_a_stage_and_the_gpu_is_the_default() -> None:
    [argument] = [instruction.rest for instruction in stages()[""] if instruction.word == "ARG"]
    assert argument == "DEVICE=gpu"
    assert image("FROM")[0].rest == "${DEVICE}"
    assert {"gpu", "cpu"} <= stages().keys()


def test_it_runs_as_a_numbered_user_who_is_not_root() -> None:
    [user] = image("USER")
    assert [int(part) > 0 for part in user.rest.split(":")] == [True, True]
    created = run("base", "useradd").words
    assert created[created.index("useradd") + 1] == user.rest.split(":")[0]


def test_it_holds_what_the_bento_holds() -> None:
    copied = {instruction.words[0] for instruction in image("COPY")}
    packed = {path.partition("/")[0] for path in BENTOFILE["include"]}
    assert copied == packed | {"bentofile.yaml"}


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copies = [i for stage in stages().values() for i in stage if i.word == "COPY"]
    sources = [source for instruction in copies for source in instruction.words[:-1]]
    assert "models" in sources
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)


def test_idle_connections_are_kept_for_longer_than_proxies_keep_them() -> None:
    """Proxies keep them for a minute, and send the next request on one that was just closed."""
    [command] = image("CMD")
    for arguments in (command.command, (ROOT / "Makefile").read_text().split()):
        seconds = arguments[arguments.index("--timeout-keep-alive") + 1]
        assert int(seconds) > 60
