"""Manifests for the tests of what reads them; their models are nowhere."""

from pathlib import Path

from models.manifest import File, Manifest, Metric, Parity, Tensor

ADDER = Manifest(
    name="adder",
    task="regress",
    recipe={},
    labels=(),
    inputs=(
        Tensor(name="rows", dtype="float32", dims=("batch", 2), range=(0, 1)),
        Tensor(name="total", dtype="float32", dims=("batch",)),
    ),
    outputs=(
        Tensor(name="sum", dtype="float32", dims=("batch",)),
        Tensor(name="next_total", dtype="float32", dims=("batch",)),
    ),
    files=(),
    metrics=(),
    parity=(),
    provenance={},
)


def example(folder: Path, name: str = "example") -> Manifest:
    """A complete manifest whose one file lies in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(b"graph")
    return Manifest(
        name=name,
        task="classify",
        recipe={"cell": "lstm"},
        labels=("0", "1"),
        inputs=(Tensor(name="rows", dtype="float32", dims=("batch", 28, 28), range=(0.0, 1.0)),),
        outputs=(Tensor(name="logits", dtype="float32", dims=("batch", 2)),),
        files=(File.of(folder / "model.onnx", "onnx", opset=17),),
        metrics=(Metric(split="test", name="accuracy", value=1.0, n=10_000),),
        parity=(
            Parity(
                backend="onnxruntime",
                provider="CPUExecutionProvider",
                batch_size=1,
                max_difference=1e-6,
                agreed=10,
                n=10,
                accuracy=0.99,
            ),
        ),
        provenance={"dataset": "mnist"},
    )
