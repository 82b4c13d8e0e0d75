"""MagNET: an encoder for each modality, fusion at every level, one decoder (Fig. 1)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlmi2023.papers.magnet.agnostic import Agnostic, Answer, Levels, gathered, places
from mlmi2023.papers.magnet.fusion import Fusion
from mlmi2023.papers.magnet.options import MagnetNet
from mlmi2023.papers.magnet.unetr import Decoder, Stem, Trunk, depth


class Encoders(nn.Module):
    """The encoders of all modalities; how much they share is the key ``sharing``.

    Args:
        modalities: M.
        size: of an image.
        keys: of the network.

    Raises:
        ValueError: tokens do not fill the image.
    """

    def __init__(self, modalities: int, size: Sequence[int], keys: MagnetNet) -> None:
        super().__init__()
        if any(side % keys.patch for side in size):
            raise ValueError(f"{' x '.join(map(str, size))} voxels; tokens of {keys.patch} do not fill them")
        self.stems = nn.ModuleList(
            Stem(size, keys) for _ in range(1 if keys.sharing == "all" else modalities)
        )
        self.trunks = nn.ModuleList(
            Trunk(size, keys) for _ in range(modalities if keys.sharing == "none" else 1)
        )

    def _lifted(self, tokens: list[Tensor], only_bottleneck: bool) -> Levels:
        """Return the levels of tokens that are given modality by modality."""
        trunks = [own for own in self.trunks if isinstance(own, Trunk)]
        if len(trunks) == 1:
            joined = torch.cat(tokens)
            return [trunks[0].bottleneck(joined)] if only_bottleneck else trunks[0](joined)
        parts = [
            [trunk.bottleneck(own)] if only_bottleneck else trunk(own)
            for trunk, own in zip(trunks, tokens)
            if len(own)
        ]
        return [torch.cat(level) for level in zip(*parts)]

    def forward(self, images: Tensor, present: Tensor) -> tuple[Levels, Tensor]:
        """Return all levels, finest first, (n, C, *grid) each, and patient and modality (n, 2)."""
        rows = gathered(present)
        made = [self._stem(m)(images[own, m, None]) for m, own in enumerate(rows) if len(own)]
        tokens = self._by_modality(rows, [tokens for tokens, _ in made])
        return [torch.cat([voxels for _, voxels in made]), *self._lifted(tokens, False)], places(rows)

    def bottleneck(self, images: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Return the coarsest level alone, and patient and modality."""
        rows = gathered(present)
        made = [self._stem(m).tokens(images[own, m, None]) for m, own in enumerate(rows) if len(own)]
        return self._lifted(self._by_modality(rows, made), True)[0], places(rows)

    def _stem(self, modality: int) -> Stem:
        found = self.stems[modality if len(self.stems) > 1 else 0]
        assert isinstance(found, Stem)
        return found

    @staticmethod
    def _by_modality(rows: list[Tensor], made: list[Tensor]) -> list[Tensor]:
        """Return tokens by modality, empty ones where nobody has it."""
        left, nothing = iter(made), made[0][:0]
        return [next(left) if len(own) else nothing for own in rows]


class MagNet(Agnostic):
    """The network of Fig. 1 without discriminator and projection, which training alone needs.

    Args:
        modalities: M.
        classes: of the answer, the background included.
        size: of an image.
        keys: of the network.
    """

    def __init__(self, modalities: int, classes: int, size: Sequence[int], keys: MagnetNet) -> None:
        super().__init__()
        self.encoders = Encoders(modalities, size, keys)
        widths = [*(keys.features * 2**number for number in range(depth(keys.patch))), keys.hidden]
        self.fusions = nn.ModuleList(Fusion(width, keys) for width in widths)
        self.decoder = Decoder(keys, classes)

    def encode(self, images: Tensor, present: Tensor) -> tuple[Levels, Tensor]:
        """Return features of the images that are there; see :class:`.agnostic.Agnostic`."""
        return self.encoders(images, present)

    def decode(self, levels: Levels, where: Tensor, count: int) -> Answer:
        """Fuse each level over modalities, then decode."""
        fused = [fusion(level, where, count) for fusion, level in zip(self.fusions, levels)]
        return Answer(self.decoder(fused), fused[-1], levels[-1].flatten(2).mean(2), where)


class Methylation(nn.Module):
    """The trained encoders and the fusion of their coarsest level, with a linear classifier (Sect. 3).

    Args:
        net: whose encoders these are.
        hidden: channels of the coarsest level.
    """

    def __init__(self, net: MagNet, hidden: int) -> None:
        super().__init__()
        self.encoders, self.fusion = net.encoders, net.fusions[-1]
        self.head = nn.Linear(hidden, 1)

    def forward(self, images: Tensor, present: Tensor) -> Tensor:
        """Return logits (B,) of images (B, M, *size) of which ``present`` (B, M) are there."""
        level, where = self.encoders.bottleneck(images, present)
        fused = self.fusion(level, where, len(images))
        return self.head(fused.flatten(2).mean(2))[:, 0]
