"""The README and docs/ say what the code does: their tables, commands, options, files and links."""

import contextlib
import functools
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import prometheus_client
import pytest
import yaml

from models.manifest import Role, discover, read
from service.inference.classifier import PreviewedPrediction, Reason
from service.inference.number import NumberReason
from service.metrics import Metrics
from service.openapi.document import routes
from service.paths import PROBES
from service.settings import PREFIX, Settings
from tests.support import dockerfile, documents
from tests.support.documents import PAGES, README, section
from tests.support.pictures.damaged_pictures import KINDS
from tests.support.project import ROOT
from training.recipes.shipped import RECIPES
from training.recipes.tutorials import TUTORIALS

PROSE = {page: documents.prose(page) for page in PAGES}
WHOLE = "\n".join(documents.text(page) for page in PAGES)
CODE = [code for text in PROSE.values() for code in re.findall(r"`([^`\n]+)`", text)]
LINES = [line for page in PAGES for block in documents.blocks("console", page)
         for line in block.splitlines()]  # fmt: skip
COMMANDS = [line.removeprefix("$ ").split(" #")[0].strip() for line in LINES]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Without those that a make within a make would speak by.
ENVIRON = {name: v for name, v in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def of(*programs: str) -> list[str]:
    """The commands that call one of `programs`."""
    return [command for command in COMMANDS if called(command) in programs]


def called(command: str) -> str:
    """The program, behind variables that are set for it and commands whose output it reads."""
    words = shlex.split(command.rpartition(" | ")[2])
    return next(word for word in words if not re.match(r"[A-Z_]+=", word))


class TestPages:
    def test_the_readme_is_a_door(self) -> None:
        assert len(documents.text(README).splitlines()) <= 150
        linked = set(re.findall(r"\]\((docs/[\w-]+\.md)", documents.text(README)))
        assert linked == {f"docs/{page.name}" for page in PAGES if page != README}

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_a_page_opens_with_its_title_and_what_it_is_for(self, page: Path) -> None:
        title, empty, opening, *_ = documents.text(page).splitlines()
        assert title.startswith("# ")
        assert not empty
        assert len(opening) > 80, opening
        assert page == README or re.search(r"\bthose who\b", opening), opening

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_every_file_and_heading_that_it_links_exists(self, page: Path) -> None:
        for target in re.findall(r"\]\(([^):]+)\)", PROSE[page]):
            name, _, anchor = target.partition("#")
            file = page.parent / name if name else page
            assert file.is_file(), target
            assert not anchor or anchor in anchors(file), target

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_every_table_has_as_many_cells_in_each_row(self, page: Path) -> None:
        for table in re.findall(r"(?:^\|.*\n)+", PROSE[page], re.MULTILINE):
            widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(widths) == 1, table


@functools.cache
def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", documents.prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestTables:
    @pytest.mark.parametrize("name", documents.SECTIONS)
    def test_a_table_is_what_the_code_says(self, name: str) -> None:
        assert section(name) == documents.SECTIONS[name](), "run python -m tests.support.documents"

    def test_every_published_model_is_in_the_table_of_proofs(self) -> None:
        published = {folder.name for folder in discover(ROOT / "models")}
        assert {documents.cells(row)[0] for row in section("proofs").splitlines()[2:]} == {
            f"`{name}`" for name in published
        }

    def test_every_shipped_form_is_in_its_table_as_its_manifest_has_it(self) -> None:
        rows = {
            tuple(cells[:2]): cells for cells in map(documents.cells, section("forms").splitlines())
        }
        forms: dict[str, Role] = {"ONNX": "onnx", "TorchScript": "torchscript"}
        for name, recipe in RECIPES.items():
            manifest = read(ROOT / "models" / recipe.name)
            accuracy = manifest.metric("test", "accuracy")
            for form, role in forms.items():
                right, size, _, _, _, same = rows[f"`{name}`", form][2:]
                assert right == f"{accuracy.value:.2%}"
                assert size == f"{manifest.file(role).size / 1000:,.0f} kB"
                assert same == f"{accuracy.n:,} of {accuracy.n:,}"

    def test_every_kind_of_damage_is_in_its_table(self) -> None:
        cells = [documents.cells(row) for row in section("damage").splitlines()[2:]]
        told = {name for row in cells for name in (row[0], row[3])} - {"", "**mean**"}
        assert told == {kind.replace("_", " ") for kind in KINDS}

    def test_every_tutorial_is_in_its_table_beside_its_own_figure(self) -> None:
        rows = section("tutorials").splitlines()
        for name, tutorial in TUTORIALS.items():
            [row] = [row for row in rows if row.startswith(f"| `{name}`: ")]
            assert row.startswith(f"| `{name}`: {tutorial.summary} | {tutorial.figure} | "), name
            assert row.endswith(f" | {tutorial.seeds} |"), name
            for note in tutorial.notes:
                assert any(line.startswith(f"- `{name}`: ") and note in line for line in rows), note

    def test_the_readme_says_how_often_half_of_the_rows_are_enough(self) -> None:
        reading = read(ROOT / "models" / "lstm-rows").row_reading
        assert reading
        told = f"After 14 of the 28 rows the LSTM reads {100 * reading.accuracies[13]:.0f} %"
        assert told in documents.text(README)

    @pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
    def test_every_field_of_a_prediction_is_told(self, page: str) -> None:
        told = set(columns(ROOT / page, "field"))
        assert told == PreviewedPrediction.model_fields.keys()

    def test_every_reason_is_told(self) -> None:
        assert columns(ROOT / "docs" / "api.md", "reason") == list(get_args(Reason))
        of_numbers = columns(ROOT / "docs" / "api.md", "reason of a number")
        assert of_numbers == list(get_args(NumberReason))
        [row] = re.findall(r"^\| `reason` \|.*$", documents.text(README), re.MULTILINE)
        assert re.findall(r"`(\w+)`", row)[1:] == list(get_args(Reason))

    def test_every_metric_is_told_with_its_labels(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made: dict[str, list[str]] = {}

        def record(suffix: str, kind: Any, name: str, *arguments: Any, **more: Any) -> Any:
            figure = kind(name, *arguments, **more, registry=None)
            made[name + suffix] = arguments[1] if len(arguments) > 1 else []
            return figure

        for kind in ("Counter", "Gauge", "Histogram"):
            suffix = "_total" if kind == "Counter" else ""
            recorder = functools.partial(record, suffix, getattr(prometheus_client, kind))
            monkeypatch.setattr(prometheus_client, kind, recorder)
        Metrics()
        page = (ROOT / "docs" / "deployment.md").read_text()
        rows = re.findall(r"^\| `(rowreader_\w+)` \| (.*?) \|", page, re.MULTILINE)
        assert {name: re.findall(r"`(\w+)`", labels) for name, labels in rows} == made

    def test_every_route_that_is_told_exists(self) -> None:
        told = {path for code in CODE for path in re.findall(r"^(?:GET|POST) (/\S*)$", code)}
        places = {"NAME": "{model_name}", "versions/1": "versions/{model_version}"}
        paths = {re.sub("NAME|versions/1", lambda found: places[found[0]], path) for path in told}
        assert {"/predict", "/v2/models/{model_name}/infer"} <= paths
        assert paths <= set(routes(Settings(monitor=Path("kept"))))

    def test_every_route_without_a_key_is_told(self) -> None:
        text = PROSE[ROOT / "docs" / "configuration.md"]
        [sentence] = re.findall(r"but the probes: (.*?)\. ", text)
        assert set(re.findall(r"`(.*?)`", sentence)) == PROBES


def columns(page: Path, title: str) -> list[str]:
    """The code in the first cells of the table whose first column is called `title`."""
    [table] = re.findall(rf"^\| {title} \|.*\n((?:^\|.*\n)+)", documents.prose(page), re.MULTILINE)
    firsts = [documents.cells(row)[0] for row in table.splitlines()[1:]]
    return [code for first in firsts for code in re.findall(r"`(\w+)`", first)]


class TestNames:
    def test_every_setting_that_is_named_exists(self) -> None:
        named = set(re.findall(rf"{PREFIX}[A-Z0-9_]*[A-Z0-9]", WHOLE))
        assert named <= {PREFIX + name.upper() for name in Settings.model_fields}

    def test_every_file_that_is_named_exists(self) -> None:
        inside = re.compile(
            r"(?:service|training|models|tests|docs)/[\w./*-]*|\.ci/\w+|[\w-]+\.(?:toml|md|txt)|"
            r"bentofile\.yaml|Dockerfile|Makefile"
        )
        named = {code for code in CODE if inside.fullmatch(code) and "NAME" not in code}
        named |= set(re.findall(r"=@([\w./]+)", "\n".join(COMMANDS)))
        assert {"docs/seven.png", "training/parity/proof.py", "models/", "pyproject.toml"} <= named
        missing = {path for path in named if not list(ROOT.glob(path.rstrip("/")))}
        assert missing == set()

    def test_every_module_that_is_named_exists(self) -> None:
        dotted = re.compile(r"(?:service|training|models|tests)(?:\.[a-z_]\w*)+")
        named = {
            name
            for code in CODE
            for name in dotted.findall(code)
            if not re.search(r"\.py\b|/", code)
        }
        named |= {name for c in COMMANDS for name in re.findall(r"python -m ([\w.]+)", c)}
        assert {"training.export", "tests.benchmarks.bench"} <= named
        for name in named:
            path = ROOT / name.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), name

    def test_every_make_target_that_is_named_exists(self) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        named = {
            name for text in (*COMMANDS, *CODE) for name in re.findall(r"^make ([a-z-]+)", text)
        }
        assert {"serve", "test", "train", "bench"} <= named
        assert named <= targets

    def test_every_extra_that_is_named_exists(self) -> None:
        extras = PROJECT["project"]["optional-dependencies"]
        named = {name for text in (*COMMANDS, *CODE)
                 for name in re.findall(r"^pip install '\.\[(\w+)\]'", text)}  # fmt: skip
        assert named
        assert named <= extras.keys()
        others = {
            name for code in CODE for name in re.findall(r"^pip install '([a-z]+\[\w+\])'", code)
        }
        assert {f"{name.split('>')[0]}" for name in extras["dev"]} >= others


class TestCommands:
    def test_a_block_of_commands_holds_nothing_else(self) -> None:
        assert [line for line in LINES if not line.startswith("$ ")] == []

    def test_every_command_is_of_a_kind_that_is_tested(self) -> None:
        # Those of curl are run by tests/e2e/test_readme.py.
        kinds = {"make", "python", "bentoml", "docker", "kubectl", "ray", "pip", "pytest", "curl"}
        assert {called(command) for command in COMMANDS} == kinds

    @pytest.mark.parametrize("command", dict.fromkeys(of("make")))
    def test_make_knows_the_command(self, command: str) -> None:
        dry = subprocess.run(
            ["bash", "-c", f"{command} --dry-run"],
            cwd=ROOT, env=ENVIRON, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert dry.returncode == 0, dry.stderr
        for line in dry.stdout.splitlines():
            if found := re.search(r"python -m ((?:training|tests)\..*)", line):
                check_options(*shlex.split(found[1]))
            elif found := re.search(r"-m pytest .*", line):
                check_pytest(shlex.split(found[0])[2:])

    @pytest.mark.parametrize("command", dict.fromkeys(of("python")))
    def test_python_knows_the_command(self, command: str) -> None:
        _, m, module, *arguments = shlex.split(command)
        assert m == "-m"
        check_options(module, *arguments)

    def test_what_kubectl_is_given_exists(self) -> None:
        for command in of("kubectl"):
            assert (ROOT / shlex.split(command)[-1]).exists(), command

    @pytest.mark.parametrize("command", dict.fromkeys(of("ray")))
    def test_what_ray_runs_is_a_command_of_ours(self, command: str) -> None:
        _, m, module, *arguments = shlex.split(command.partition(" -- ")[2])
        assert m == "-m"
        check_options(module, *arguments)

    @pytest.mark.parametrize("command", dict.fromkeys(of("pytest")))
    def test_pytest_knows_the_command(self, command: str) -> None:
        check_pytest(shlex.split(command)[1:])

    @pytest.mark.parametrize("command", [c for c in dict.fromkeys(of("bentoml")) if "--" in c])
    def test_bentoml_knows_the_options(self, command: str) -> None:
        words = shlex.split(command)
        # BentoML hides some options from its help, but refuses those that it does not know.
        done = subprocess.run(
            [sys.executable, "-m", *words[words.index("bentoml") :], "--help"],
            cwd=ROOT, env={**ENVIRON, "BENTOML_DO_NOT_TRACK": "true"}, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def test_every_image_that_is_built_and_run_is_in_the_dockerfile(self) -> None:
        built = [shlex.split(command) for command in of("docker") if " build " in command]
        tags = {words[words.index("--tag") + 1] for words in built}
        devices = set(re.findall(r"DEVICE=(cpu|gpu)", " ".join(" ".join(words) for words in built)))
        assert devices == {"cpu"}
        assert devices <= dockerfile.stages().keys()
        run = [shlex.split(command) for command in of("docker") if " run " in command]
        assert {words[-1] for words in run} == tags
        [exposed] = dockerfile.image("EXPOSE")
        for words in run:
            assert words[words.index("--publish") + 1] == f"3000:{exposed.rest}"


def is_option(word: str) -> bool:
    return word.startswith("--")


@functools.cache
def helped(module: str) -> str:
    """What the command `module` says of its options."""
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
        patch.setattr("sys.argv", [module, "--help"])
        patch.setenv("COLUMNS", "200")  # a name that is cut in two is not found
        name = ".".join(command_file(module).relative_to(ROOT).with_suffix("").parts)
        with pytest.raises(SystemExit, match="0"):
            importlib.import_module(name).main()
    return shown.getvalue()


def command_file(module: str) -> Path:
    """What `python -m module` runs."""
    path = ROOT / module.replace(".", "/")
    return path / "__main__.py" if path.is_dir() else path.with_suffix(".py")


def check_options(module: str, *arguments: str) -> None:
    """Every option and every name among the `arguments` is one that the module knows."""
    assert command_file(module).is_file()
    for argument in without_values(module, arguments):
        known = re.search(rf"(?<![\w-]){argument}(?![\w-])", helped(module), re.IGNORECASE)
        assert known, f"{module} does not know {argument}"


def without_values(module: str, arguments: tuple[str, ...]) -> Iterator[str]:
    """The `arguments` without what an option is given."""
    value = False
    for argument in arguments:
        if not value:
            yield argument
        # An option that takes a value shows it by a word in capitals, or by choices.
        value = is_option(argument) and bool(re.search(rf"{argument} [A-Z{{]", helped(module)))


def check_pytest(arguments: list[str]) -> None:
    """The paths among the `arguments` exist, and so do the marks."""
    marks = {mark.partition(":")[0] for mark in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}
    for option, argument in zip(["", *arguments], arguments, strict=False):
        if option == "-m":
            assert set(argument.split()) - {"not", "and", "or"} <= marks, argument
        elif not argument.startswith("-"):
            assert (ROOT / argument).exists(), argument


def test_make_help_groups_commands_by_what_people_want() -> None:
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, env=ENVIRON, check=True, capture_output=True, text=True
    )
    groups: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if found := re.match(r"  make ([a-z-]+) ", line):
            groups[list(groups)[-1]].append(found[1])
        elif line:
            groups[line.rstrip(":")] = []
    wanted = {
        "Serve": ["serve"],
        "Test": ["test"],
        "Train": ["train", "reproduce"],
        "Measure": ["bench"],
        "Develop": ["lint", "format", "clean"],
    }
    for group, targets in wanted.items():
        assert set(targets) <= set(groups[group])
    shown = sorted(target for targets in groups.values() for target in targets)
    makefile = (ROOT / "Makefile").read_text()
    assert shown == sorted(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_every_yaml_can_be_read() -> None:
    """What the one of traces does is tested by tests/e2e/test_tracing.py, the pod below."""
    found = [block for page in PAGES for block in documents.blocks("yaml", page)]
    assert [sorted(yaml.safe_load(block)) for block in found] == [
        ["containers", "terminationGracePeriodSeconds", "volumes"],
        ["services"],
    ]


def test_the_pod_fits_the_image() -> None:
    pod = yaml.safe_load(documents.blocks("yaml", ROOT / "docs" / "deployment.md")[0])
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
