"""The tutorials' own training loop for the recipe `lstm-64`, as they write it.

A `DataLoader` without workers over torchvision's `MNIST` with `ToTensor`, image by image; an LSTM
that reads the batch first, Adam at its defaults but for the rate, one step a batch.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from training.networks.configuration import RecurrentConfig
from training.recipes.plain import PlainRecipe


class Network(nn.Module):
    """An LSTM whose last output goes through one linear layer."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 28, 28) to logits (B, 10)."""
        outputs, _ = self.lstm(images)  # (B, 28, hidden)
        logits: Tensor = self.out(outputs[:, -1])
        return logits


class Tutorial:
    """The loop, with the interface that `tests.benchmarks.tools.trainee` drives."""

    def __init__(self, recipe: PlainRecipe, root: Path, device: torch.device) -> None:
        assert isinstance(recipe.network, RecurrentConfig)
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, device
        train = datasets.MNIST(root, train=True, transform=transforms.ToTensor())
        self.loader = DataLoader(train, batch_size=recipe.batch_size, shuffle=True)
        self.network = Network(recipe.network.hidden_size).to(device)
        test = datasets.MNIST(root, train=False)
        self.images, self.labels = (test.data / 255).to(device), test.targets.to(device)

    def run(self, on_step: Callable[[], object]) -> None:
        """Train all epochs."""
        optimizer = torch.optim.Adam(self.network.parameters(), lr=self.recipe.learning_rate)
        criterion = nn.CrossEntropyLoss()
        for _ in range(self.recipe.epochs):
            for images, labels in self.loader:
                rows = images.view(-1, 28, 28).to(self.device)
                loss = criterion(self.network(rows), labels.to(self.device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                on_step()

    @torch.no_grad()
    def accuracy(self) -> float:
        """On all test images, in [0, 1]."""
        return float((self.network(self.images).argmax(1) == self.labels).double().mean())
