"""MPR, multi-scale propagation of features (Liu et al., IEEE TPAMI 2022), a baseline of Table 1.

One encoder sees moving and fixed image separately, at 1/2 and 1/4 of their size. On each scale, from the
coarse one, a matching cost between the features of the fixed image and the warped features of the moving one
drives an estimate of a velocity; a context network refines it, and its integral is the field that the finer
scale starts from. Sizes, the seven squarings and the weights of the loss are those of the released model.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import integrate, warp
from mlmi2023.losses.similarity import LNCC
from mlmi2023.losses.smoothness import diffusion
from mlmi2023.nets.blocks.conv3 import Conv3
from mlmi2023.nets.blocks.upward import FieldLayer
from mlmi2023.nets.registration.lapirn import enlarge
from mlmi2023.papers.nio_reg.padded import check_pair, check_sizes, cut, padded

SLOPE, CONTEXT_SLOPE = 0.2, 0.1
STRIDE = 4  # of the coarse scale


class Encoder(nn.Module):
    """Features of one image at 1/2 and at 1/4 of its size."""

    def __init__(self, channels: Sequence[int]) -> None:
        """Make the encoder; ``channels`` of both scales, the finer first."""
        super().__init__()
        self.scales = nn.ModuleList(
            nn.ModuleList([nn.Conv3d(i, o, 4, stride=2, padding=1), Conv3(o, o), Conv3(o, o)])
            for i, o in pairwise([1, *channels])
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 1, X, Y, Z) -> features of 1/2 and 1/4 of the size."""
        found = []
        for scale in self.scales:
            for conv in scale:  # type: ignore[attr-defined]
                image = F.leaky_relu(conv(image), SLOPE)
            found.append(image)
        return found


class Scale(nn.Module):
    """One scale: estimate a velocity from the matching cost, refine it by its context, integrate it."""

    def __init__(self, inputs: int, estimate: Sequence[int], context: Sequence[int], squarings: int) -> None:
        """Make the scale; both parts predict fields near zero at the start."""
        super().__init__()
        self.squarings = squarings
        self.estimate = nn.ModuleList(Conv3(i, o) for i, o in pairwise([inputs, *estimate]))
        self.velocity = FieldLayer(estimate[-1])
        # the view widens by dilations of 1, 2 and 4
        self.context = nn.ModuleList(
            nn.Conv3d(i, o, 3, padding=2**n, dilation=2**n)
            for n, (i, o) in enumerate(pairwise([3, *context]))
        )
        self.refinement = FieldLayer(context[-1])

    def forward(self, inputs: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the field (B, 3, X, Y, Z) float32 in voxels of this scale, and the features of the estimate.

        Args:
            inputs: (B, inputs, X, Y, Z).
            before: field of the coarser scale, enlarged to this one; None on the coarsest.
        """
        for conv in self.estimate:
            inputs = F.leaky_relu(conv(inputs), SLOPE)
        velocity = self.velocity(inputs)
        if before is not None:
            velocity = velocity + before
        around = velocity.to(inputs.dtype)
        for conv in self.context:
            around = F.leaky_relu(conv(around), CONTEXT_SLOPE)
        return integrate(velocity + self.refinement(around), self.squarings), inputs


class MPR(nn.Module):
    """The network. Weights come from torch's global generator."""

    def __init__(
        self,
        features: Sequence[int] = (16, 32),
        estimate: Sequence[int] = (48, 32, 16),
        context: Sequence[int] = (48, 48, 32),
        squarings: int = 7,
    ) -> None:
        """Make the network.

        Args:
            features: channels of the encoder at 1/2 and 1/4 of the size.
            estimate: channels of the convolutions that estimate a velocity.
            context: channels of the dilated convolutions that refine it.
            squarings: of the integration.
        """
        super().__init__()
        if len(features) != 2 or not estimate or not context or squarings < 0:
            raise ValueError("features are two numbers; estimate and context have one or more")
        self.encoder = Encoder(features)
        self.coarse = Scale(features[1] + 1, estimate, context, squarings)
        self.fine = Scale(features[0] + 4 + estimate[-1], estimate, context, squarings)
        self.similarities = [LNCC(window) for window in (5, 7, 9)]

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Register a batch.

        Args:
            moving: (B, 1, X, Y, Z), intensities in [0, 1]; any size.
            fixed: same shape.

        Returns:
            Displacement (B, 3, X, Y, Z) float32, in voxels: ``warped(x) = moving(x + u(x))``.
        """
        check_pair(moving, fixed)
        u = self._fields(padded(moving, STRIDE), padded(fixed, STRIDE))[-1]
        return cut(u, moving.shape[2:])

    def loss(
        self, moving: Tensor, fixed: Tensor, weights: Sequence[float] = (0.8, 3.2, 10.0), smooth: float = 15.0
    ) -> Tensor:
        """Return the loss of a batch, a float32 scalar.

        Args:
            moving: (B, 1, X, Y, Z).
            fixed: same shape.
            weights: of LNCC at 1/4, 1/2 and all of the size, in windows of 5, 7 and 9 voxels.
            smooth: weight of the squared gradient of the field.
        """
        check_pair(moving, fixed)
        pair = torch.cat((padded(moving, STRIDE), padded(fixed, STRIDE)), dim=1)
        fields = self._fields(pair[:, :1], pair[:, 1:])
        pairs = [F.avg_pool3d(pair, 4), F.avg_pool3d(pair, 2), pair]
        total = smooth * diffusion(fields[-1])
        for u, images, similarity, weight in zip(fields, pairs, self.similarities, weights, strict=True):
            warped = warp(images[:, :1], u, padding="border")
            total = total + weight * similarity(warped, images[:, 1:])
        return total

    def _fields(self, moving: Tensor, fixed: Tensor) -> list[Tensor]:
        """Return the fields at 1/4, 1/2 and all of the size, each in voxels of its own grid."""
        # both images in one batch: the encoder treats them alike
        both = [scale.chunk(2) for scale in self.encoder(torch.cat((moving, fixed)))]
        (fine_moving, fine_fixed), (coarse_moving, coarse_fixed) = both
        first, embedding = self.coarse(
            torch.cat((matching_cost(coarse_fixed, coarse_moving), coarse_fixed), dim=1), None
        )
        start = enlarge(first, 2)
        warped = warp(fine_moving, start, padding="border")
        embedding = F.interpolate(embedding, scale_factor=2, mode="trilinear", align_corners=False)
        parts = (matching_cost(fine_fixed, warped), fine_fixed, start.to(fine_fixed.dtype), embedding)
        second, _ = self.fine(torch.cat(parts, dim=1), start)
        return [first, second, enlarge(second, 2)]


def matching_cost(fixed: Tensor, moving: Tensor) -> Tensor:
    """Return the sum over channels of how far features differ, (B, C, X, Y, Z) -> (B, 1, X, Y, Z)."""
    return (fixed - moving).abs().sum(dim=1, keepdim=True)


def build_mpr(options: Mapping[str, Any], shape: Sequence[int]) -> MPR:
    """Make the network from config.

    Args:
        options: arguments of :class:`MPR`, and ``kind: mpr``.
        shape: image size (X, Y, Z).

    Raises:
        InputError: an unknown option, or images that are too small.
    """
    check_sizes(shape, STRIDE)
    try:
        return MPR(**{key: value for key, value in options.items() if key != "kind"})
    except (TypeError, ValueError) as error:
        raise InputError(f"config key net: {error}; see MPR for what it takes") from error
