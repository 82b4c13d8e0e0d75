"""Modality-independent neighbourhood descriptors with self-similarity context (Heinrich et al. 2013).

A voxel is described by how alike small patches around it are, in pairs. That depends on the course of borders
and not on their contrast, so a T1 and a T2 image of the same anatomy have nearly the same descriptors.
"""

from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: The six neighbours of a voxel, and the twelve pairs of them that do not lie opposite each other.
NEIGHBOURS = tuple(tuple(s if a == axis else 0 for a in range(3)) for axis in range(3) for s in (-1, 1))
PAIRS = tuple((p, q) for p, q in combinations(NEIGHBOURS, 2) if any(a + b for a, b in zip(p, q)))
#: The local variance is kept within these multiples of its mean over the image.
LIMITS = (1e-3, 1e3)


def mind_ssc(image: Tensor, radius: int = 1, dilation: int = 2) -> Tensor:
    """Describe every voxel of 3D images by twelve numbers.

    For each pair of neighbours at distance ``dilation`` the squared difference of the image is averaged over
    a cube of ``2 radius + 1`` voxels: D. The descriptor is ``exp(-(D - min D) / V)``, minimum and mean V over
    the twelve pairs; beyond the border the image goes on with its edge value. Adding to the image, scaling it
    and inverting its contrast change nothing. Float32 whatever the autocast state.

    Args:
        image: (B, 1, X, Y, Z), any floating type.
        radius: of the patches, in voxels.
        dilation: distance of the neighbours, in voxels.

    Returns:
        (B, 12, X, Y, Z) float32 in (0, 1]; all ones where the image is flat.

    Raises:
        ValueError: the images are no volumes of one channel.
    """
    if image.ndim != 5 or image.shape[1] != 1:
        raise ValueError(f"descriptors are of (B, 1, X, Y, Z), not of {tuple(image.shape)}")
    with torch.autocast(image.device.type, enabled=False):
        wide = F.pad(image.float(), (dilation,) * 6, mode="replicate")

        def moved(by: tuple[int, ...]) -> Tensor:
            part = wide
            for axis, step in enumerate(by):
                part = part.narrow(axis + 2, dilation * (1 + step), image.shape[axis + 2])
            return part

        places = {by: moved(by) for by in NEIGHBOURS}
        squares = torch.cat([(places[p] - places[q]).square() for p, q in PAIRS], dim=1)
        distance = F.avg_pool3d(F.pad(squares, (radius,) * 6, mode="replicate"), 2 * radius + 1, stride=1)
        distance = distance - distance.amin(dim=1, keepdim=True)
        variance = distance.mean(dim=1, keepdim=True)
        # no gradient through the limits: they only keep flat regions finite
        typical = variance.detach().mean(dim=(2, 3, 4), keepdim=True)
        variance = variance.clamp(LIMITS[0] * typical, LIMITS[1] * typical).clamp_min(1e-12)
        return torch.exp(-distance / variance)


class MINDSSC(nn.Module):
    """Mean squared difference of the descriptors of two images: 0 for equal ones, below 1.

    Args:
        radius: of the patches, in voxels.
        dilation: distance of the neighbours, in voxels.
    """

    def __init__(self, radius: int = 1, dilation: int = 2) -> None:
        super().__init__()
        self.radius, self.dilation = radius, dilation

    def forward(self, warped: Tensor, fixed: Tensor) -> Tensor:
        """Return the loss of two images (B, 1, X, Y, Z), a float32 scalar."""
        if warped.shape != fixed.shape:
            raise ValueError(f"images differ in shape: {tuple(warped.shape)}, {tuple(fixed.shape)}")
        ours, theirs = (mind_ssc(image, self.radius, self.dilation) for image in (warped, fixed))
        return (ours - theirs).square().mean()
