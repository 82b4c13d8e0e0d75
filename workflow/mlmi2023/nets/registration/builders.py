"""Registration networks from config: VoxelMorph and TransMorph on images of any size."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError


class EncoderDecoder(nn.Module):
    """An encoder of the pair and a decoder that turns its maps into a field."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        """Join the two."""
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the displacement (B, 3, X, Y, Z)."""
        return self.decoder(self.encoder(moving, fixed), moving, fixed)


class PaddedNet(nn.Module):
    """A network on any image size: pads at the far end to a multiple of its stride, and cuts the field."""

    def __init__(self, core: nn.Module, shape: Sequence[int], inner: Sequence[int]) -> None:
        """Wrap ``core``, a network on images of size ``inner``, for images of size ``shape``."""
        super().__init__()
        self.core, self.shape, self.inner = core, tuple(shape), tuple(inner)

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Register a batch.

        Args:
            moving: (B, 1, X, Y, Z), intensities in [0, 1].
            fixed: same shape.

        Returns:
            Displacement (B, 3, X, Y, Z), float32, in voxels: ``warped(x) = moving(x + u(x))``.

        Raises:
            ValueError: the images are not of the size that the network was made for.
        """
        for image in (moving, fixed):
            if tuple(image.shape[1:]) != (1, *self.shape):
                raise ValueError(f"made for (B, 1, {self.shape}), got {tuple(image.shape)}")
        x, y, z = self.shape
        return self.core(self._pad(moving), self._pad(fixed)).float()[:, :, :x, :y, :z]

    def _pad(self, image: Tensor) -> Tensor:
        lack = [inner - n for n, inner in zip(self.shape, self.inner)]
        return F.pad(image, (0, lack[2], 0, lack[1], 0, lack[0])) if any(lack) else image


def build_registration_net(options: Mapping[str, Any], shape: Sequence[int]) -> PaddedNet:
    """Make a network.

    Args:
        options: ``kind`` (``voxelmorph`` or ``transmorph``) and arguments of
            :class:`~mlmi2023.nets.registration.voxelmorph.VoxelMorph` or of TransMorph's encoder
            (:class:`~mlmi2023.nets.blocks.swin_pyramid.SelfAttentionEncoder`) and, as ``head_channels``,
            ``skip``, ``half_field``, of its decoder (:class:`~mlmi2023.nets.blocks.upward.DirectDecoder`).
        shape: image size (X, Y, Z).

    Returns:
        A network ``net(moving, fixed) -> displacement``; weights from torch's global generator.

    Raises:
        InputError: an unknown kind or option, or sizes that do not belong together.
    """
    own = dict(options)
    kind = own.pop("kind", None)
    if kind == "voxelmorph":
        from mlmi2023.nets.registration.voxelmorph import VoxelMorph

        inner = _padded(shape, 2 ** len(own.get("down", (0,) * 4)))
        return PaddedNet(_make(VoxelMorph, shape=inner, **own), shape, inner)
    if kind == "transmorph":
        # monai, which takes seconds to import, is needed here alone
        from mlmi2023.nets.blocks.swin_pyramid import PATCH, SelfAttentionEncoder
        from mlmi2023.nets.blocks.upward import DirectDecoder

        head = {key: own.pop(key) for key in ("head_channels", "skip", "half_field") if key in own}
        inner = _padded(shape, PATCH * 2 ** (len(own.get("depths", (0,) * 4)) - 1))
        encoder = _make(SelfAttentionEncoder, shape=inner, **own)
        decoder = _make(DirectDecoder, channels=encoder.channels, shape=inner, **head)
        return PaddedNet(EncoderDecoder(encoder, decoder), shape, inner)
    raise InputError(f"config key net.kind is {kind!r}; choose voxelmorph or transmorph")


def _padded(shape: Sequence[int], stride: int) -> list[int]:
    return [-(-n // stride) * stride for n in shape]


def _make(kind: Any, **options: Any) -> Any:
    try:
        return kind(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise InputError(f"config key net: {error}; see {kind.__name__} for what it takes") from error


def parameter_count(net: nn.Module) -> int:
    """Return the number of trainable weights."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def on_meta(options: Mapping[str, Any], shape: Sequence[int]) -> PaddedNet:
    """Build a network without memory for its weights, to count and to check shapes at any size."""
    with torch.device("meta"):
        return build_registration_net(options, shape)
