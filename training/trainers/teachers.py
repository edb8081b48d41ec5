"""Classifiers that teach another one (distillation, arXiv 1503.02531)."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Divides logits before they become probabilities that are compared, so that digits that are taken
# for less likely count, too.
TEMPERATURE = 2.0


class Teachers:
    """Networks whose mean answer is learned; `digests` has the SHA-256 of each one's file, by name.

    Each is in eval mode and maps rows (n, 28, 28) float32 in [0, 1] to logits (n, 10).
    """

    def __init__(self, networks: Mapping[str, nn.Module], digests: Mapping[str, str]) -> None:
        self.digests = dict(digests)
        self._networks = list(networks.values())

    def to(self, device: torch.device) -> "Teachers":
        """Move them to `device`; returns them."""
        for network in self._networks:
            network.to(device)
        return self

    @torch.no_grad()
    def answer(self, rows: Tensor) -> Tensor:
        """Logits (n, 10) for rows (n, 28, 28) float32 in [0, 1]: of the mean of all answers.

        Divided by `TEMPERATURE` and put through softmax, they are the mean of what the teachers'
        own give in the same way.
        """
        answers = [(network(rows) / TEMPERATURE).softmax(dim=1) for network in self._networks]
        mean = torch.stack(answers).mean(dim=0)
        # A probability that is too small for float32 would become an infinite logit.
        return TEMPERATURE * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
