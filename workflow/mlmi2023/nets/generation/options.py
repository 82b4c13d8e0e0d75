"""Keys of diffusion processes, their noise and their U-Net (:mod:`mlmi2023.nets.generation`)."""

from typing import Literal

from mlmi2023.core.conditions import Count, Counts, Positive, Share
from mlmi2023.core.options import Options


class Process(Options):
    """A diffusion process.

    Attributes:
        steps: T; levels count from 0, little noise, to T - 1.
        schedule: ``cosine`` (Nichol and Dhariwal), or ``linear`` from the first of ``betas`` to the last.
        betas: first and last variance of the linear schedule.
        predicts: what the network's answer is: the ``noise``, the ``clean`` image or the ``velocity``.
        clip: clean images lie in -1 to 1, and estimates of them are cut to it.
    """

    steps: Count = 1000
    schedule: Literal["cosine", "linear"] = "cosine"
    betas: tuple[Positive, Positive] = (1e-4, 0.02)
    predicts: Literal["noise", "clean", "velocity"] = "clean"
    clip: bool = True

    def wrong(self) -> str:
        """Variances rise and stay below 1."""
        low, high = self.betas
        return "" if low <= high < 1 else f"betas {[low, high]} must rise and lie below 1"


class GaussianNoise(Options):
    """White noise."""

    kind: Literal["gaussian"]


class SimplexNoise(Options):
    """Simplex noise: the first octave has features of ``frequency`` pixels, each next one of half of that.

    Amplitudes fall by ``persistence`` from octave to octave; the sum has the standard deviation ``spread``.
    """

    kind: Literal["simplex"]
    octaves: Count = 6
    persistence: Share = 0.8
    frequency: Positive = 64.0
    spread: Positive = 1.0


Noise = GaussianNoise | SimplexNoise


class DiffusionUnet(Options):
    """MONAI's diffusion U-Net.

    Attributes:
        channels: of each level, from the image's resolution down.
        blocks: residual ones in each level.
        attention: levels that have self-attention, 0 is the finest; the bottleneck has it in any case.
        head: channels of an attention head.
        groups: of the normalisation.
        resample: residual blocks go up and down, in the place of plain convolutions.
    """

    channels: Counts = (128, 256, 256)
    blocks: Count = 3
    attention: tuple[int, ...] = ()
    head: Count = 64
    groups: Count = 32
    resample: bool = True

    def wrong(self) -> str:
        """Channels divide into groups and heads, attention has its levels."""
        if any(count % self.groups for count in self.channels):
            return f"channels {list(self.channels)} must be multiples of groups ({self.groups})"
        if any(not 0 <= level < len(self.channels) for level in self.attention):
            return f"attention {list(self.attention)} names a level beyond the {len(self.channels)} there are"
        levels = {*self.attention, len(self.channels) - 1}
        if any(self.channels[level] % self.head for level in levels):
            return f"channels of levels with attention must be multiples of head ({self.head})"
        return ""
