"""br-U-Net: a U-Net with an encoder for T2 and one for ADC (Bhattacharya et al. 2022), of MONAI's parts."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class BranchedUNet(nn.Module):
    """Two encoders, whose maps are joined at every level and in the deepest, and one decoder.

    Args:
        channels: of the input, half of them T2 and the other half ADC.
        classes: of the answer.
        size: rows and columns; must divide by 16.
        features: channels of the five levels of each encoder, and of the last one on the way up.

    Raises:
        ValueError: the size or the channels do not fit.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        features: Sequence[int] = (64, 128, 256, 512, 1024, 64),
    ) -> None:
        from monai.networks.nets.basic_unet import Down, TwoConv, UpCat

        super().__init__()
        if channels % 2 or any(side % 16 for side in size):
            raise ValueError(
                f"{channels} channels of {' x '.join(map(str, size))}; needs as many of T2 as of ADC, and a "
                "size that divides by 16"
            )
        keys = {"act": "relu", "norm": "batch", "bias": True}
        *down, last = features
        self.encoders = nn.ModuleList(
            nn.ModuleList(
                [
                    TwoConv(2, channels // 2, down[0], **keys),  # type: ignore[arg-type]
                    *(Down(2, a, b, **keys) for a, b in pairwise(down)),  # type: ignore[arg-type]
                ]
            )
            for _ in range(2)
        )
        self.decoder = nn.ModuleList()
        below = 2 * down[-1]
        for level in range(len(down) - 2, -1, -1):
            out = down[level] if level else last
            # the last step keeps its channels, as in MONAI's U-Net
            self.decoder.append(
                UpCat(2, below, 2 * down[level], out, upsample="deconv", halves=level > 0, **keys)  # type: ignore[arg-type]
            )
            below = out
        self.final = nn.Conv2d(last, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, classes, H, W) of an image (B, channels, H, W), T2 before ADC."""
        levels: list[list[Tensor]] = []
        for encoder, own in zip(self.encoders, image.chunk(2, 1)):
            maps = []
            for stage in encoder:  # type: ignore[attr-defined]
                own = stage(own)
                maps.append(own)
            levels.append(maps)
        joined = [torch.cat(pair, 1) for pair in zip(*levels)]
        found = joined[-1]
        for up, skip in zip(self.decoder, joined[-2::-1]):
            found = up(found, skip)
        return self.final(found)
