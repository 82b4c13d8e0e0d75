"""The networks of Table 1, composed from config: encoder x decoder (Sect. 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import resize_displacement
from mlmi2023.nets.registration.builders import EncoderDecoder, PaddedNet
from mlmi2023.papers.defxattn_reg.cycle import CyclePair


class RegistrationNet(PaddedNet):
    """A network on any image size: works on a reduced and padded copy, answers on the full grid."""

    def __init__(self, core: nn.Module, full: Sequence[int], inner: Sequence[int], factor: int) -> None:
        """Wrap ``core``.

        Args:
            core: network on images of size ``inner``.
            full: image size from outside.
            inner: ``full`` / ``factor``, padded to a multiple of the core's stride.
            factor: how many times smaller the core works (2 on OASIS).
        """
        super().__init__(core, [n // factor for n in full], inner)
        self.full, self.factor = tuple(full), factor

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
        if self.factor == 1:
            return super().forward(moving, fixed)
        for image in (moving, fixed):
            if tuple(image.shape[1:]) != (1, *self.full):
                raise ValueError(f"made for (B, 1, {self.full}), got {tuple(image.shape)}")
        pooled = (F.avg_pool3d(image, self.factor) for image in (moving, fixed))
        return resize_displacement(super().forward(*pooled), self.full)


def build_net(options: Mapping[str, Any], shape: Sequence[int]) -> RegistrationNet | CyclePair:
    """Compose a network.

    Args:
        options: ``encoder: {kind, ...}``, ``decoder: {kind, ...}`` (not for VoxelMorph and LapIRN, which are
            one piece), ``input_scale`` (1, or 1/2 to work at half size), ``checkpoint`` (save memory),
            ``cycle`` (CycleMorph: two such networks); ``kind``, the method's own, is passed over. What else
            an encoder or decoder takes is its constructor's arguments.
        shape: image size (X, Y, Z).

    Returns:
        A network ``net(moving, fixed) -> displacement``; weights from torch's global generator.

    Raises:
        InputError: an unknown kind or option, or sizes that do not belong together.
    """
    unknown = set(options) - {"kind", "cycle", "encoder", "decoder", "input_scale", "checkpoint"}
    if unknown:
        raise InputError(f"{sorted(unknown)[0]}: no option of a network; see defxattn_reg.model.build_net")
    if "cycle" in options:
        one = {key: value for key, value in options.items() if key != "cycle"}
        return CyclePair(build_net(one, shape), build_net(one, shape))
    encoder, decoder = dict(options.get("encoder", {})), dict(options.get("decoder", {}))
    factor = round(1 / float(options.get("input_scale", 1)))
    reduced = [n // factor for n in shape]
    kind = encoder.pop("kind", None)
    if kind == "voxelmorph":
        from mlmi2023.nets.registration.voxelmorph import VoxelMorph

        levels = len(encoder.get("down", (0,) * 4))
        inner = _padded(reduced, 2**levels)
        return RegistrationNet(_make(VoxelMorph, "encoder", encoder, shape=inner), shape, inner, factor)

    if kind == "lapirn":
        from mlmi2023.nets.registration.lapirn import build_lapirn
        from mlmi2023.papers.defxattn_reg.pyramid import ProgressivePyramid

        pyramid = ProgressivePyramid(build_lapirn(encoder, reduced))  # it pads by itself
        return RegistrationNet(pyramid, shape, reduced, factor)

    # monai, which takes seconds to import, is needed from here on
    from mlmi2023.nets.blocks.swin_pyramid import PATCH
    from mlmi2023.papers.defxattn_reg.decoders import DECODERS
    from mlmi2023.papers.defxattn_reg.encoders import ENCODERS

    if kind not in ENCODERS:
        names = ("voxelmorph", "lapirn", *ENCODERS)
        raise InputError(f"encoder.kind: '{kind}' is unknown; take one of {', '.join(names)}")
    head = decoder.pop("kind", None)
    if head not in DECODERS:
        raise InputError(f"decoder.kind: '{head}' is unknown; take one of {', '.join(DECODERS)}")
    saving = bool(options.get("checkpoint", False))
    if head == "time_varying":
        decoder.setdefault("checkpoint", saving)
    levels = len(encoder.get("depths", (0,) * (4 if kind == "self_attention" else 3)))
    inner = _padded(reduced, PATCH * 2 ** (levels - 1))
    left = _make(ENCODERS[kind], "encoder", {"checkpoint": saving, **encoder}, shape=inner)
    right = _make(DECODERS[head], "decoder", decoder, channels=left.channels, shape=inner)
    return RegistrationNet(EncoderDecoder(left, right), shape, inner, factor)


def _padded(shape: Sequence[int], stride: int) -> list[int]:
    return [-(-n // stride) * stride for n in shape]


def _make(kind: Any, key: str, options: dict[str, Any], **sizes: Any) -> Any:
    try:
        return kind(**sizes, **options)
    except (TypeError, ValueError, AssertionError) as error:
        raise InputError(f"{key}: {error}; see {kind.__name__} for what it takes") from error


def on_meta(options: Mapping[str, Any], shape: Sequence[int]) -> RegistrationNet | CyclePair:
    """Build a network without memory for its weights, to count and to check shapes at any size."""
    with torch.device("meta"):
        return build_net(options, shape)
