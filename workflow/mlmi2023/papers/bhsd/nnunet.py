"""nnU-Net's plan (Isensee et al. 2021): kernels, strides and widths that follow from patch and voxel size."""

from collections.abc import Sequence
from typing import NamedTuple

from monai.networks.nets import DynUNet
from torch import Tensor, nn

#: voxels of the coarsest map along an axis, at least; and how often an axis is halved, at most
LEAST, MOST_HALVED = 4, 5
#: voxels are as good as cubes while no side is that much longer than the shortest
ALIKE = 2.0


class Plan(NamedTuple):
    """Kernels and strides of each level, the finest first, and its channels."""

    kernels: list[tuple[int, ...]]
    strides: list[tuple[int, ...]]
    features: list[int]


def plan_of(
    patch: Sequence[int], spacing: Sequence[float], base: int = 32, most: int = 320, levels: int = 6
) -> Plan:
    """Return the plan of a 3D U-Net.

    An axis is halved while its map has at least twice :data:`LEAST` voxels and its voxels are not
    :data:`ALIKE` times as long as the shortest of those that can be halved; a kernel is flat across an axis
    as long as voxels are that long there. Channels double from level to level up to ``most``.

    Args:
        patch: voxels along T, H, W.
        spacing: mm along T, H, W.
        base: channels of the finest level.
        most: channels of a level, at most.
        levels: at most.
    """
    sizes, sides = [int(n) for n in patch], [float(s) for s in spacing]
    halved, thick = [0] * len(sizes), [False] * len(sizes)
    kernels: list[tuple[int, ...]] = []
    strides: list[tuple[int, ...]] = [(1,) * len(sizes)]
    while True:
        shortest = min(side for side, size in zip(sides, sizes) if size > 1)
        thick = [
            old or (size > 1 and side / shortest < ALIKE) for old, side, size in zip(thick, sides, sizes)
        ]
        kernels.append(tuple(3 if own else 1 for own in thick))
        roomy = [k for k, size in enumerate(sizes) if size >= 2 * LEAST and halved[k] < MOST_HALVED]
        if not roomy or len(kernels) == levels:
            break
        near = ALIKE * min(sides[k] for k in roomy)
        chosen = [k for k in roomy if sides[k] < near]
        strides.append(tuple(2 if k in chosen else 1 for k in range(len(sizes))))
        for k in chosen:
            sizes[k], sides[k], halved[k] = -(-sizes[k] // 2), 2 * sides[k], halved[k] + 1
    return Plan(kernels, strides, [min(most, base * 2**level) for level in range(len(kernels))])


class NnUnet(nn.Module):
    """The network of a plan with deep supervision: MONAI's DynUNet.

    (B, channels, T, H, W) to logits (B, classes, T, H, W); while training to a list of them, finest first,
    each at its own size, as nnU-Net has it. MONAI would enlarge them to the patch.

    Args:
        channels: of the image.
        classes: of the answer.
        size: T, H, W of a patch.
        spacing: mm along T, H, W.
        base: channels of the finest level.
        most: channels of a level, at most.
        levels: at most.

    Raises:
        ValueError: the patch does not divide by the plan's strides.
    """

    def __init__(
        self, channels: int, classes: int, size: Sequence[int], spacing: Sequence[float] = (5.0, 0.5, 0.5),
        base: int = 32, most: int = 320, levels: int = 6,
    ) -> None:  # fmt: skip
        super().__init__()
        plan = plan_of(size, spacing, base, most, levels)
        for axis, side in enumerate(size):
            factor = 2 ** sum(stride[axis] == 2 for stride in plan.strides)
            if side % factor:
                raise ValueError(f"{side} voxels along axis {axis} of a patch do not divide by {factor}")
        self.deep = max(0, min(3, len(plan.kernels) - 2))
        self.body = DynUNet(
            3, channels, classes, plan.kernels, plan.strides, plan.strides[1:], filters=plan.features,
            deep_supervision=self.deep > 0, deep_supr_num=max(1, self.deep),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        """Return logits, or those of all depths while training."""
        finest = self.body.output_block(self.body.skip_layers(image))
        return [finest, *self.body.heads[: self.deep]] if self.training and self.deep else finest
