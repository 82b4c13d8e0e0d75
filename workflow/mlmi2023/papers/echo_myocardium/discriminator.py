"""The discriminator (Sect. 2.2): that of SASSNet (Li et al. 2020), on images."""

import torch
from torch import Tensor, nn

SLOPE, DROPOUT = 0.2, 0.5
#: classes of its answer: distances of frames without labels, and of those with
UNLABELLED, LABELLED = 0, 1


class Discriminator(nn.Module):
    """Five strided convolutions, of image and distances apart at first, then a linear layer.

    Args:
        width: channels of the first convolutions; doubled by each that follows.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, width, 4, 2, 1)
        self.distances = nn.Conv2d(1, width, 4, 2, 1)
        self.body = nn.Sequential(
            nn.LeakyReLU(SLOPE), nn.Dropout2d(DROPOUT),
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(SLOPE), nn.Dropout2d(DROPOUT),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.LeakyReLU(SLOPE), nn.Dropout2d(DROPOUT),
            nn.Conv2d(4 * width, 8 * width, 4, 2, 1), nn.LeakyReLU(SLOPE),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, 2),
        )  # fmt: skip

    def forward(self, image: Tensor, distances: Tensor) -> Tensor:
        """Return logits (B, 2) for images and distances (B, 1, H, W)."""
        return self.body(self.image(image) + self.distances(distances))  # type: ignore[no-any-return]


def of_kind(answer: Tensor, kind: int) -> Tensor:
    """Return -log of the chance that pairs are of a kind, their mean; 0 without pairs (Eqs. 9, 10)."""
    if not len(answer):
        return answer.sum()
    return -torch.log_softmax(answer, 1)[:, kind].mean()
