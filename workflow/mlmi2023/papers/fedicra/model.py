"""The network of every site: U-Net, and the site-contrastive channel selection SCR at its bottom (Fig. 2)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Return two 3x3 convolutions, each with batch norm and leaky ReLU."""
    parts: list[nn.Module] = []
    for channels in (inputs, outputs):
        parts += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU()]
    return nn.Sequential(*parts)


class Encoder(nn.Module):
    """Five levels with a maximum over 2x2 pixels between them; part of phi."""

    def __init__(self, channels: int, features: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.ModuleList(block(a, b) for a, b in zip((channels, *features), features))

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the maps of all levels, finest first."""
        maps = [self.levels[0](image)]
        for level in self.levels[1:]:
            maps.append(level(F.max_pool2d(maps[-1], 2)))
        return maps


class Decoder(nn.Module):
    """Four levels up and the classifier: the task head, theta."""

    def __init__(self, features: Sequence[int], classes: int) -> None:
        super().__init__()
        steps = list(zip(features[::-1], features[-2::-1]))
        self.narrow = nn.ModuleList(nn.Conv2d(below, above, 1) for below, above in steps)
        self.levels = nn.ModuleList(block(2 * above, above) for _, above in steps)
        self.classify = nn.Conv2d(features[0], classes, 1)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return logits (B, classes, H, W) and the maps of the four stages, coarsest first."""
        x, stages = maps[-1], []
        for narrow, level, skip in zip(self.narrow, self.levels, maps[-2::-1]):
            x = F.interpolate(narrow(x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = level(torch.cat([skip, x], dim=1))
            stages.append(x)
        return self.classify(x), stages


class ChannelSelection(nn.Module):
    """SCR: from a map f (B, C, h, w) and a site's code to an attention (B, C) over channels.

    The one-hot code goes through two fully connected layers, c*; c* and the mean of f through one and a
    sigmoid.
    """

    def __init__(self, channels: int, sites: int) -> None:
        super().__init__()
        self.sites = sites
        self.expand = nn.Sequential(nn.Linear(sites, channels), nn.ReLU(), nn.Linear(channels, channels))
        self.attend = nn.Linear(2 * channels, channels)

    def forward(self, bottom: Tensor, site: int) -> Tensor:
        """Return the attention of a site, in (0, 1)."""
        code = torch.zeros(len(bottom), self.sites, device=bottom.device)
        code[:, site] = 1
        return self.attend(torch.cat([self.expand(code), bottom.mean((2, 3))], dim=1)).sigmoid()


class Seen(NamedTuple):
    """What a forward pass leaves behind.

    Attributes:
        logits: (B, classes, H, W).
        stages: maps of the decoder's stages, coarsest first.
        bottom: the encoder's last map f_k (B, C, h, w).
        attention: (B, C) of the site; None without SCR.
        embedding: (B, C), mean of f'_k over places.
    """

    logits: Tensor
    stages: list[Tensor]
    bottom: Tensor
    attention: Tensor | None
    embedding: Tensor


class SiteUnet(nn.Module):
    """U-Net with SCR in the middle, or without.

    Args:
        channels: of the image.
        classes: of the answer, the background included.
        size: rows and columns of the image.
        features: channels of the levels.
        scr: whether SCR is there.
        sites: how many there are.

    Raises:
        InputError: the image cannot be halved four times.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: Sequence[int],
        features: Sequence[int] = (16, 32, 64, 128, 256),
        scr: bool = False,
        sites: int = 1,
    ) -> None:
        super().__init__()
        if any(int(side) % 16 for side in size):
            raise InputError(
                f"images have {size[0]} x {size[1]} pixels, the network halves them four times; set the "
                "task's key size to multiples of 16"
            )
        self.encoder = Encoder(channels, features)
        self.scr = ChannelSelection(features[-1], sites) if scr else None
        self.decoder = Decoder(features, classes)

    def see(self, image: Tensor, site: int = 0) -> Seen:
        """Return logits and all that losses and figures need, as the site ``site`` sees the image."""
        maps = self.encoder(image)
        bottom, attention = maps[-1], None
        if self.scr is not None:
            attention = self.scr(bottom, site)
            maps[-1] = bottom + bottom * attention[..., None, None]
        logits, stages = self.decoder(maps)
        return Seen(logits, stages, bottom, attention, maps[-1].mean((2, 3)))

    def forward(self, image: Tensor, site: int = 0) -> Tensor:
        """Return logits (B, classes, H, W)."""
        return self.see(image, site).logits


class Federation(nn.Module):
    """What is kept of a training: the server's network and those of the sites, in their order.

    Attributes:
        server: the global model.
        sites: one for each site; one for all with pooled images.
    """

    def __init__(self, first: SiteUnet, others: Sequence[SiteUnet]) -> None:
        super().__init__()
        self.server, self.sites = first, nn.ModuleList(others)
