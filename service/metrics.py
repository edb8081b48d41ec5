"""What the service counts and times for Prometheus; BentoML shows it at `/metrics`.

Of all workers together: BentoML has prometheus_client keep its figures in files that they share.
"""

import functools
from collections.abc import Iterable
from contextlib import AbstractContextManager

# From a tenth of a millisecond, below which nothing matters, to what only overload explains.
_SECONDS = (1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Every figure of the service, each labelled with few values only."""

    def __init__(self) -> None:
        # Imported late: BentoML first has to say where the workers' files are.
        from prometheus_client import Counter, Gauge, Histogram

        def seconds(name: str, words: str) -> Histogram:
            return Histogram(f"rowreader_{name}_seconds", words, buckets=_SECONDS)

        # Looking a figure up by its labels takes longer than counting; there are few of each.
        self._requests = functools.cache(
            Counter(
                "rowreader_requests",
                "Answers, by route, model and status; of a WebSocket the code of its close.",
                ["route", "model", "status"],
            ).labels
        )
        self._predictions = functools.cache(
            Counter(
                "rowreader_predictions", "Digits read, accepted or not.", ["model", "digit"]
            ).labels
        )
        self._rejections = functools.cache(
            Counter("rowreader_rejections", "Pictures not accepted.", ["model", "reason"]).labels
        )
        self._batch = functools.cache(
            Histogram(
                "rowreader_batch_size",
                "Pictures in one run of a model.",
                ["model"],
                buckets=_IMAGES,
            ).labels
        )
        self._monitored = Counter(
            "rowreader_monitored",
            "Predictions and corrections that were kept, or lost as they could not be written.",
            ["what", "outcome"],
        )
        self._corrections = Counter(
            "rowreader_feedback",
            "Right answers that were told, by whether the model had read the same.",
            ["model", "outcome"],
        )
        self._queue = seconds(
            "queue", "Work waiting for its turn: for a thread, a process that parses, or a run."
        )
        self._preprocess = seconds(
            "preprocess", "From the bytes of an image to what a model reads."
        )
        self._inference = functools.cache(
            Histogram(
                "rowreader_inference_seconds", "One run of a model.", ["model"], buckets=_SECONDS
            ).labels
        )
        self._provider = Gauge(
            "rowreader_provider_info",
            "What really runs each model: 1.",
            ["model", "provider"],
            multiprocess_mode="max",
        )

    def answered(self, route: str, model: str, status: int) -> None:
        """Count an answer; `route` and `model` are ours, or one name for all others."""
        self._requests(route, model, str(status)).inc()

    def providers(self, providers: dict[str, str]) -> None:
        """Say what runs each model."""
        for model, provider in providers.items():
            self._provider.labels(model, provider).set(1)

    def queued(self, seconds: float) -> None:
        """Count that work waited for `seconds`."""
        self._queue.observe(seconds)

    def preprocessing(self) -> AbstractContextManager[object]:
        """Time the reading of one image."""
        return self._preprocess.time()

    def inference(self, model: str, count: int) -> AbstractContextManager[object]:
        """Count one run of `model` over `count` pictures, and time it."""
        self._batch(model).observe(count)
        return self._inference(model).time()

    def predicted(self, model: str, digits: Iterable[int], reason: str | None) -> None:
        """Count the digits that `model` read, and the reason for not accepting them, if any."""
        for digit in digits:
            self._predictions(model, str(digit)).inc()
        if reason:
            self._rejections(model, reason).inc()

    def monitored(self, what: str, kept: int, *, lost: int) -> None:
        """Count lines of a kind that were kept, and that could not be."""
        self._monitored.labels(what, "kept").inc(kept)
        self._monitored.labels(what, "lost").inc(lost)

    def corrected(self, model: str, *, right: bool) -> None:
        """Count that somebody has told the right answer, which `model` had read or not."""
        self._corrections.labels(model, "right" if right else "wrong").inc()
