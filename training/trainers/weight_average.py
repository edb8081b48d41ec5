"""An exponential moving average of a network's weights."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Weights = tuple[Tensor, ...] | list[Tensor]


def weight_average(network: nn.Module, decay: float) -> AveragedModel:
    """An average that starts at the weights of `network`; it is in eval mode and has no gradients.

    Call `update_parameters(network)` after every optimiser step. Step k, from 0, keeps the share
    min(`decay`, (1 + k) / (10 + k)) of the average and takes the rest from `network`: a short
    memory at first, or the average would hold on to the random start.
    """

    def update(averages: Weights, weights: Weights, _count: Tensor | int) -> None:
        # Read from the model, where it is on the CPU: the argument is a copy on the GPU.
        count = int(average.n_averaged)
        keep = min(decay, count / (9 + count))
        get_ema_multi_avg_fn(keep)(averages, weights, count)

    average = AveragedModel(network, multi_avg_fn=update)
    # The start counts as the first of the averaged; otherwise the first update would replace it.
    average.n_averaged += 1
    return average.requires_grad_(False).eval()
