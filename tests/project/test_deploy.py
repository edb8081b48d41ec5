"""The manifests in deploy/ are what Kubernetes reads, and say what docs/deployment.md says."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import PREFIX, Settings
from tests.benchmarks.capacity import TARGETS
from tests.support.documents import blocks
from tests.support.project import ROOT, described

DEPLOY = ROOT / "deploy"
KUBERNETES = "1.32"  # whose schemas are taken
KSERVE = Path(sys.prefix) / "kserve" / "bin" / "python"


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def of_kind(kind: str, folder: str) -> dict[str, Any]:
    found = itertools.chain.from_iterable(map(documents, (DEPLOY / folder).glob("*.yaml")))
    [manifest] = [document for document in found if document.get("kind") == kind]
    return manifest


def validate(manifest: dict[str, Any]) -> None:
    """By Kubernetes' own schemas; unknown fields fail."""
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def validate_pod(template: dict[str, Any]) -> None:
    """A pod's template within a kind that is not Kubernetes' own."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **template}
    validate(pod)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What `kubectl apply --kustomize` would send, with keys, by its kind."""
    folder = tmp_path_factory.mktemp("deploy") / "kubernetes"
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which builds with kustomize, is not installed")
    shutil.copytree(DEPLOY / "kubernetes", folder)
    shutil.copy(folder / "keys.env.example", folder / "keys.env")
    command = ["kubectl", "kustomize", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {document["kind"]: document for document in yaml.safe_load_all(output)}


def container(kind: str) -> dict[str, Any]:
    """The service's in a Deployment or an InferenceService."""
    if kind == "Deployment":
        pod = of_kind(kind, "kubernetes")["spec"]["template"]["spec"]
    else:
        pod = of_kind(kind, "kserve")["spec"]["predictor"]
    [found] = pod["containers"]
    return {**found, "pod": pod}


def documented() -> dict[str, Any]:
    """The specification of the pod in docs/deployment.md."""
    [pod] = [
        pod
        for text in blocks("yaml", ROOT / "docs" / "deployment.md")
        if "containers" in (pod := yaml.safe_load(text))
    ]
    assert isinstance(pod, dict)
    return pod


@pytest.mark.parametrize(
    "kind",
    ["Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"],
)
def test_what_is_built_is_what_kubernetes_reads(
    kind: str, built: dict[str, dict[str, Any]]
) -> None:
    manifest = built[kind]
    validate(manifest)
    spec = manifest["spec"]
    selector = spec.get("podSelector") or spec.get("selector", {})
    if kind != "HorizontalPodAutoscaler":  # which goes by a name
        assert selector.get("matchLabels", selector) == {"app.kubernetes.io/name": "rowreader"}


def test_a_wrong_field_is_found() -> None:
    manifest = of_kind("Service", "kubernetes")
    manifest["spec"]["prots"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="prots"):
        validate(manifest)


def test_new_keys_roll_the_pods_and_reach_prometheus(built: dict[str, dict[str, Any]]) -> None:
    name = built["Secret"]["metadata"]["name"]
    assert name.startswith("rowreader-keys-")
    [pod] = built["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert pod["env"][0]["valueFrom"]["secretKeyRef"]["name"] == name
    [endpoint] = built["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"]["name"] == name
    assert endpoint["authorization"]["credentials"]["key"] in built["Secret"]["data"]
    [port] = built["Service"]["spec"]["ports"]
    assert (endpoint["port"], port["targetPort"]) == (port["name"], pod["ports"][0]["name"])
    validate(built["Secret"])


@pytest.mark.parametrize("kind", ["Deployment", "InferenceService"])
def test_limits_and_probes_are_those_of_the_page(kind: str) -> None:
    page, found = documented(), container(kind)
    [expected] = page["containers"]
    same = ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "securityContext")
    assert [found[key] for key in same] == [expected[key] for key in same]
    assert found["volumeMounts"] == expected["volumeMounts"]
    assert found["resources"]["limits"] == expected["resources"]["limits"]
    assert found["ports"][0]["containerPort"] == expected["ports"][0]["containerPort"]
    for key in ("terminationGracePeriodSeconds", "volumes"):
        assert found["pod"][key] == page[key]


def test_the_autoscalers_hold_the_share_that_the_table_of_pods_is_for() -> None:
    [metric] = of_kind("HorizontalPodAutoscaler", "kubernetes")["spec"]["metrics"]
    share = metric["resource"]["target"]["averageUtilization"]
    assert share == of_kind("InferenceService", "kserve")["spec"]["predictor"]["scaleTarget"]
    assert share == 100 * TARGETS[0]


@pytest.mark.parametrize("kind", ["Deployment", "InferenceService"])
def test_settings_of_a_pod_exist(kind: str) -> None:
    names = {entry["name"] for entry in container(kind)["env"]} - {"PROTOCOL"}
    assert names <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_pods_of_kserve_and_ray_are_what_kubernetes_reads() -> None:
    predictor = of_kind("InferenceService", "kserve")["spec"]["predictor"]
    own = {"minReplicas", "maxReplicas", "scaleMetric", "scaleTarget"}
    validate_pod({"spec": {key: predictor[key] for key in predictor.keys() - own}})
    cluster = of_kind("RayJob", "ray")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        validate_pod(group["template"])


def test_the_ray_job_runs_our_command_on_the_version_that_is_pinned() -> None:
    spec = of_kind("RayJob", "ray")["spec"]
    assert spec["entrypoint"].startswith("python -m service.bulk ")
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    version = spec["rayClusterSpec"]["rayVersion"]
    assert f"ray=={version}" in pins
    image = (DEPLOY / "ray" / "Dockerfile").read_text()
    assert f"FROM rayproject/ray:{version}-py311-cpu\n" in image
    assert set(described()["optional-dependencies"]["bulk"]) >= {"ray[data]>=2.60"}


# Prints the fields of an InferenceService that KServe's own client does not know.
AS_KSERVE = """
import json, sys
import kserve.models

def unknown(kind, value, path):
    model = getattr(kserve.models, kind, None)
    if model is None:
        return  # a type of Kubernetes, whose own schemas tell
    names = {name: field for field, name in model.attribute_map.items()}
    for key, inner in value.items():
        if key not in names:
            yield f"{path}.{key}"
        elif isinstance(inner, dict):
            yield from unknown(model.openapi_types[names[key]], inner, f"{path}.{key}")

print(*unknown("V1beta1InferenceService", json.load(sys.stdin), ""))
"""


@pytest.mark.slow
def test_kserve_knows_every_field_of_the_inference_service() -> None:
    if not KSERVE.exists():
        pytest.skip("KServe's client is not installed; `make test-all` gives it an environment")
    manifest = of_kind("InferenceService", "kserve")
    reading = subprocess.run(
        [str(KSERVE), "-c", AS_KSERVE],
        input=json.dumps(manifest), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert reading.stdout.split() == []
