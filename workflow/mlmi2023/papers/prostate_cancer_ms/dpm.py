"""The decision prediction module: three convolutions that read the network's own map at three scales."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: side of the patches that a layer makes one pixel of
STEP = 4
#: layers at most: patches of 4 x 4, of 16 x 16, the slice
LAYERS = 3
#: label of pixels outside the gland
OUTSIDE = -1


def coarse_labels(labels: Tensor, layers: int = LAYERS, outside: str = "normal") -> list[Tensor]:
    """Return the largest label of each patch of 4 x 4 and of 16 x 16 pixels, and of the slice (Fig. 2).

    Args:
        labels: (B, H, W) whole numbers: 0 normal, 1 indolent, 2 aggressive, -1 outside the gland, which never
            wins over what lies inside.
        layers: how many of the three are wanted.
        outside: what patches without any gland are called: ``normal`` (0) or ``ignore`` (-1).

    Returns:
        (B, H/4, W/4), (B, H/16, W/16) and (B, 1, 1), int64.
    """
    found, maps = [], labels[:, None].float()
    for layer in range(layers):
        # the first two are maxima of 4 x 4 of what came before, the last one is that of all there is
        maps = F.max_pool2d(maps, STEP) if layer < LAYERS - 1 else maps.amax((2, 3), keepdim=True)
        own = maps[:, 0].long()
        found.append(own.clamp_min(0) if outside == "normal" else own)
    return found


class DecisionModule(nn.Module):
    """DPM: convolutions of kernel and stride 4, again, and of the whole rest, with nothing between them.

    At 224 x 224 all three have 2,061 weights, 1.4 % of the 3 x 224 x 224 numbers that they read.

    Args:
        classes: of the map.
        size: rows and columns; must divide by 16.
        layers: how many of the three there are.

    Raises:
        ValueError: the size does not fit, or there are no such layers.
    """

    def __init__(self, classes: int, size: Sequence[int], layers: int = LAYERS) -> None:
        super().__init__()
        if not 1 <= layers <= LAYERS:
            raise ValueError(f"{layers} layers of the decision module; there are 1 to {LAYERS}")
        if any(side % STEP**2 for side in size):
            raise ValueError(f"{' x '.join(map(str, size))} does not divide by {STEP**2}")
        rest = (size[0] // STEP**2, size[1] // STEP**2)
        made: list[nn.Module] = [nn.Conv2d(classes, classes, STEP, STEP) for _ in range(2)]
        self.layers = nn.ModuleList([*made, nn.Conv2d(classes, classes, rest)][:layers])

    def forward(self, chances: Tensor) -> list[Tensor]:
        """Return logits at each scale, fine to coarse.

        Args:
            chances: (B, classes, H, W) probabilities; normal outside the gland.
        """
        found = []
        for layer in self.layers:
            chances = layer(chances)
            found.append(chances)
        return found


def within(chances: Tensor, gland: Tensor) -> Tensor:
    """Return probabilities (B, classes, H, W), those of normal tissue outside the gland (B, 1, H, W)."""
    normal = torch.zeros_like(chances)
    normal[:, 0] = 1
    return torch.where(gland > 0.5, chances, normal)
