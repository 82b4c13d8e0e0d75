"""U-HeMIS (Havaei et al. 2016, as a U-Net) and U-HVED (Dorent et al. 2019), and the U-Net that they share.

Compact, from the papers' descriptions: they differ in how levels of different modalities become one.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.nets.basic_unet import Down, TwoConv, UpCat
from torch import Tensor, nn

from mlmi2023.papers.magnet.agnostic import Agnostic, Answer, Levels, added, gathered, numbers, places

ACT, NORM = ("leakyrelu", {"negative_slope": 0.1}), ("instance", {"affine": True})
#: bounds of the logarithm of a variance
FLOOR, TOP = -10.0, 10.0


class ConvEncoder(nn.Module):
    """Levels of images (n, channels, *size), finest first; each halves the grid."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = TwoConv(3, channels, widths[0], ACT, NORM, True)
        self.downs = nn.ModuleList(Down(3, a, b, ACT, NORM, True) for a, b in pairwise(widths))

    def forward(self, images: Tensor) -> Levels:
        """Return the levels."""
        levels = [self.first(images)]
        for down in self.downs:
            levels.append(down(levels[-1]))
        return levels


class ConvDecoder(nn.Module):
    """From levels of ``given`` channels to an answer of ``out``; ``widths`` are those on the way up."""

    def __init__(self, given: Sequence[int], widths: Sequence[int], out: int) -> None:
        super().__init__()
        ups: list[nn.Module] = []
        below = given[-1]
        for skip, width in zip(given[-2::-1], widths[-2::-1]):
            ups.append(UpCat(3, below, skip, width, ACT, NORM, True, halves=False))
            below = width
        self.ups, self.out = nn.ModuleList(ups), nn.Conv3d(below, out, 1)

    def forward(self, levels: Levels) -> Tensor:
        """Return the answer at the finest level's grid."""
        x = levels[-1]
        for up, skip in zip(self.ups, levels[-2::-1]):
            x = up(x, skip)
        return self.out(x)


class ConvAgnostic(Agnostic):
    """Encoders of their own for all modalities.

    Args:
        modalities: M.
        size: of an image.
        widths: channels of the levels.

    Raises:
        ValueError: the image cannot be halved so often.
    """

    def __init__(self, modalities: int, size: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        factor = 2 ** (len(widths) - 1)
        if any(side % factor for side in size):
            raise ValueError(
                f"{' x '.join(map(str, size))} voxels; {len(widths)} levels need multiples of {factor}"
            )
        self.encoders = nn.ModuleList(ConvEncoder(1, widths) for _ in range(modalities))

    def encode(self, images: Tensor, present: Tensor) -> tuple[Levels, Tensor]:
        """Return features of the images that are there; see :class:`.agnostic.Agnostic`."""
        rows = gathered(present)
        made = [
            encoder(images[own, number, None])
            for number, (encoder, own) in enumerate(zip(self.encoders, rows))
            if len(own)
        ]
        return [torch.cat(level) for level in zip(*made)], places(rows)


class Hemis(ConvAgnostic):
    """Mean and variance over the modalities that are there; the variance of one is 0."""

    def __init__(self, modalities: int, classes: int, size: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__(modalities, size, widths)
        self.decoder = ConvDecoder([2 * width for width in widths], widths, classes)

    def decode(self, levels: Levels, where: Tensor, count: int) -> Answer:
        """Merge each level, then decode."""
        merged = [torch.cat(moments(level, where, count), 1) for level in levels]
        return Answer(self.decoder(merged), merged[-1], levels[-1].flatten(2).mean(2), where)


def moments(level: Tensor, where: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return mean and variance over each patient's modalities, (count, C, *grid) each."""
    mean = added(level, where, count)
    several = numbers(where, count, mean)
    mean = mean / several
    spread = added((level - mean[where[:, 0]]) ** 2, where, count)
    return mean, spread / several


class Hved(ConvAgnostic):
    """A Gaussian of each level and modality; their product with the prior N(0, 1) is what is decoded.

    The last channels of the second decoder are the images of all modalities, given or not.
    """

    def __init__(self, modalities: int, classes: int, size: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__(modalities, size, widths)
        self.gaussians = nn.ModuleList(
            nn.ModuleList(nn.Conv3d(width, 2 * width, 1) for width in widths) for _ in range(modalities)
        )
        self.decoder = ConvDecoder(widths, widths, classes)
        self.painter = ConvDecoder(widths, widths, modalities)

    def encode(self, images: Tensor, present: Tensor) -> tuple[Levels, Tensor]:
        """Return means and logarithms of variances, as channels, of the images that are there."""
        levels, where = super().encode(images, present)
        counts = [len(own) for own in gathered(present)]
        found = []
        for number, level in enumerate(levels):
            parts = [
                own[number](part)  # type: ignore[index]
                for own, part in zip(self.gaussians, level.split(counts))
                if len(part)
            ]
            found.append(torch.cat(parts))
        return found, where

    def decode(self, levels: Levels, where: Tensor, count: int) -> Answer:
        """Multiply the Gaussians, draw from the product in training, take its mean elsewhere, decode."""
        pairs = [product(level, where, count) for level in levels]
        codes = [
            mean + (0.5 * logvar).exp() * torch.randn_like(mean) if self.training else mean
            for mean, logvar in pairs
        ]
        images = self.painter(codes) if self.training else None
        means, logvars = [mean for mean, _ in pairs], [logvar for _, logvar in pairs]
        each = levels[-1].flatten(2).mean(2)
        return Answer(self.decoder(codes), means[-1], each, where, means, logvars, images)


def product(level: Tensor, where: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return mean and logarithm of the variance of each patient's product of Gaussians and the prior.

    Args:
        level: (n, 2 C, *grid), means and then logarithms of variances.
        where: patient and modality of each (n, 2).
        count: of patients.
    """
    mean, logvar = level.chunk(2, 1)
    precision = (-logvar.clamp(FLOOR, TOP)).exp()
    total = 1 + added(precision, where, count)
    return added(precision * mean, where, count) / total, -total.log()


def divergence(means: Sequence[Tensor], logvars: Sequence[Tensor]) -> Tensor:
    """Return the KL divergence from N(0, 1), per code, a mean over levels."""
    own = [0.5 * (m**2 + v.exp() - 1 - v).mean() for m, v in zip(means, logvars)]
    return torch.stack(own).mean()


class PlainUnet(nn.Module):
    """A U-Net of several channels that also returns its coarsest level (ACN's paths)."""

    def __init__(self, channels: int, classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = ConvEncoder(channels, widths)
        self.decoder = ConvDecoder(widths, widths, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and the coarsest level of images (B, channels, *size)."""
        levels = self.encoder(images)
        return self.decoder(levels), levels[-1]
