"""Keys of the registration networks that papers share (:mod:`mlmi2023.nets.registration`)."""

from typing import Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Positive, Share
from mlmi2023.core.options import Options

Window = tuple[Count, Count, Count]
#: How the pair of images gets to half its size for a skip.
ImageSkip = Literal["pooled", "strided"]


class VoxelMorph(Options):
    """VoxelMorph; channels of the levels down and up, and of the convolutions at the field's size."""

    kind: Literal["voxelmorph"]
    down: Counts = (16, 32, 32, 32)
    up: Counts = (32, 32, 32, 32)
    full: Counts = (32, 16, 16)
    half_field: bool = False


class SelfAttention(Options):
    """TransMorph's encoder of shifted windows; without ``window`` it is a 32nd of the image."""

    embed: Count = 96
    depths: Counts = (2, 2, 4, 2)
    heads: Counts = (4, 4, 8, 8)
    window: Window | None = None
    mlp_ratio: Positive = 4.0
    drop_path: Share = 0.3
    checkpoint: bool = False

    def wrong(self) -> str:
        """Levels have heads each."""
        if len(self.depths) != len(self.heads):
            return f"{len(self.depths)} depths and {len(self.heads)} heads; give one of each per level"
        return ""


class TransMorph(SelfAttention):
    """TransMorph: that encoder, and a convolutional decoder."""

    kind: Literal["transmorph"]
    head_channels: Count = 16
    skip: ImageSkip = "pooled"
    half_field: bool = False


class LapIrn(Options):
    """Conditional LapIRN; smoothness of up to ``condition`` is trained, fields reach ``reach`` a level."""

    kind: Literal["lapirn"]
    channels: Count = 28
    blocks: Count = 5
    levels: Count = 3
    reach: Positive = 0.4
    code: Count = 64
    condition: Amount = 0.4
