"""What all detectors stand on: a ResNet with a feature pyramid, heads, and reading features at places."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.resnet import ResNet

#: distance of the cells of the pyramid's levels, fine to coarse
STRIDES = (8, 16, 32)


class Trunk(nn.Module):
    """ResNet and feature pyramid (Lin et al. 2017): maps at 1/8, 1/16 and 1/32 of the image.

    Args:
        channels: of the image.
        depths: bottlenecks of the ResNet's stages; (3, 4, 6, 3) is ResNet-50.
        width: of its stem.
        pyramid: channels of every map that comes out.
    """

    def __init__(self, channels: int, depths: Sequence[int], width: int, pyramid: int) -> None:
        super().__init__()
        from monai.networks.blocks.feature_pyramid_network import FeaturePyramidNetwork

        self.encoder = ResNet(channels, depths, width)
        self.pyramid = FeaturePyramidNetwork(2, self.encoder.channels[-3:], pyramid)
        self.channels = pyramid

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return maps (B, pyramid, h, w) of an image (B, C, H, W), fine to coarse."""
        maps = self.encoder(image)[-3:]
        return list(self.pyramid(OrderedDict(enumerate(maps))).values())


def fused(maps: Sequence[Tensor]) -> list[Tensor]:
    """Return all maps at the size of the first."""
    size = list(maps[0].shape[2:])
    rest = [F.interpolate(m, size=size, mode="bilinear", align_corners=False) for m in maps[1:]]
    return [maps[0], *rest]


class Head(nn.Sequential):
    """Three 3x3 convolutions with batch normalisation and ReLU, and a 3x3 convolution."""

    def __init__(self, width: int, outputs: int, depth: int = 3) -> None:
        layers: list[nn.Module] = []
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        last = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        super().__init__(*layers, last)


def cells(shape: Sequence[int], stride: int, device: torch.device) -> Tensor:
    """Return x and y of the middles of a map's cells, row by row, (h w, 2), in pixels of the image."""
    y, x = (stride * (torch.arange(n, device=device) + 0.5) - 0.5 for n in shape)
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).flatten(0, 1)


def anchors(maps: Sequence[Tensor], shapes: Sequence[tuple[float, float]]) -> Tensor:
    """Return boxes (M, 4) about the middles of all cells of all levels, in pixels from 0 at the first one's.

    Args:
        maps: of the pyramid's levels.
        shapes: height and width of each cell's boxes, in cells.
    """
    found = []
    for m, stride in zip(maps, STRIDES):
        half = stride * torch.tensor([[w, h] for h, w in shapes], device=m.device) / 2
        grid = cells(m.shape[2:], stride, m.device)[:, None]
        found.append(torch.cat([grid - half, grid + half], -1).flatten(0, 1))
    return torch.cat(found)


def proposed(head: nn.Module, maps: Sequence[Tensor], shapes: int) -> tuple[Tensor, Tensor]:
    """Return objectness logits (B, M) and box codes (B, M, 4) of all anchors, in their order.

    Args:
        head: to 5 numbers for each shape.
        maps: of the pyramid's levels.
        shapes: anchors of a cell.
    """
    flat = [head(m).unflatten(1, (shapes, 5)).permute(0, 3, 4, 1, 2).flatten(1, 3) for m in maps]
    both = torch.cat(flat, dim=1)
    return both[..., 0], both[..., 1:]


def read_at(maps: Tensor, places: Tensor, size: Sequence[int]) -> Tensor:
    """Return features (B, M, C) of maps (B, C, h, w) at places (B, M, 2) in pixels of an image (H, W)."""
    scale = torch.tensor([size[1], size[0]], device=places.device, dtype=places.dtype)
    grid = (2 * places + 1) / scale - 1
    found = F.grid_sample(maps, grid[:, :, None], mode="bilinear", padding_mode="border", align_corners=False)
    return found[..., 0].transpose(1, 2)


def check_size(size: Sequence[int]) -> None:
    """Refuse an image whose sides the pyramid does not divide.

    Raises:
        ValueError: a side is no multiple of 32.
    """
    if any(side % STRIDES[-1] for side in size):
        raise ValueError(f"an image of {size[0]} x {size[1]} does not divide by {STRIDES[-1]}")
