"""Encoder and decoder of UNETR, from MONAI's blocks, for tokens of any power of two (Sect. 2.3)."""

from collections.abc import Sequence

from monai.networks.blocks import UnetOutBlock, UnetrBasicBlock, UnetrPrUpBlock, UnetrUpBlock
from monai.networks.blocks.patchembedding import PatchEmbeddingBlock
from monai.networks.blocks.transformerblock import TransformerBlock
from torch import Tensor, nn

from mlmi2023.papers.magnet.agnostic import Levels
from mlmi2023.papers.magnet.options import MagnetNet


def depth(patch: int) -> int:
    """Return how often a token's side is halved until it is a voxel."""
    return patch.bit_length() - 1


class Stem(nn.Module):
    """What comes first: tokens of a single image, and convolutions at its own resolution.

    Args:
        size: of the image.
        keys: of the network.
    """

    def __init__(self, size: Sequence[int], keys: MagnetNet) -> None:
        super().__init__()
        self.tokens = PatchEmbeddingBlock(1, tuple(size), keys.patch, keys.hidden, keys.heads, "conv")
        self.voxels = UnetrBasicBlock(3, 1, keys.features, 3, 1, "instance", res_block=True)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return tokens (n, T, hidden) and voxels (n, features, *size) of images (n, 1, *size)."""
        return self.tokens(image), self.voxels(image)


class Trunk(nn.Module):
    """The transformer, and what brings its states to finer grids.

    Args:
        size: of an image.
        keys: of the network.
    """

    def __init__(self, size: Sequence[int], keys: MagnetNet) -> None:
        super().__init__()
        levels = depth(keys.patch)
        self.grid = tuple(side // keys.patch for side in size)
        self.hidden = keys.hidden
        self.blocks = nn.ModuleList(
            TransformerBlock(keys.hidden, keys.mlp, keys.heads) for _ in range(keys.layers)
        )
        self.norm = nn.LayerNorm(keys.hidden)
        #: block whose state each level is made from, as MONAI counts: of twelve those after 3, 6 and 9
        self.taken = [keys.layers * number // levels for number in range(1, levels)]
        self.lifts = nn.ModuleList(
            UnetrPrUpBlock(
                3,
                keys.hidden,
                keys.features * 2**number,
                levels - 1 - number,
                3,
                1,
                2,
                "instance",
                True,
                True,
            )
            for number in range(1, levels)
        )

    def states(self, tokens: Tensor) -> list[Tensor]:
        """Return the tokens after each block, and the normalised last ones."""
        found = []
        for block in self.blocks:
            tokens = block(tokens)
            found.append(tokens)
        return [*found, self.norm(tokens)]

    def on_grid(self, tokens: Tensor) -> Tensor:
        """Return tokens (n, T, hidden) as (n, hidden, *grid)."""
        return tokens.transpose(1, 2).reshape(len(tokens), self.hidden, *self.grid)

    def bottleneck(self, tokens: Tensor) -> Tensor:
        """Return the coarsest level alone."""
        return self.on_grid(self.states(tokens)[-1])

    def forward(self, tokens: Tensor) -> Levels:
        """Return all levels but the finest, from fine to coarse; the last is the bottleneck."""
        states = self.states(tokens)
        lifted = [lift(self.on_grid(states[taken])) for lift, taken in zip(self.lifts, self.taken)]
        return [*lifted, self.on_grid(states[-1])]


class Decoder(nn.Module):
    """From fused levels, finest first, to logits.

    Args:
        keys: of the network.
        classes: of the answer.
    """

    def __init__(self, keys: MagnetNet, classes: int) -> None:
        super().__init__()
        levels, width = depth(keys.patch), keys.features
        inputs = [keys.hidden, *(width * 2**number for number in range(levels - 1, 0, -1))]
        self.ups = nn.ModuleList(
            UnetrUpBlock(3, given, width * 2**number, 3, 2, "instance", True)
            for given, number in zip(inputs, range(levels - 1, -1, -1))
        )
        self.out = UnetOutBlock(3, width, classes)

    def forward(self, levels: Levels) -> Tensor:
        """Return logits (B, classes, *size)."""
        x = levels[-1]
        for up, skip in zip(self.ups, levels[-2::-1]):
            x = up(x, skip)
        return self.out(x)
