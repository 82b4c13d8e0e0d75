"""Dense displacement fields: warp images and labels, compose, integrate, resize.

A field ``u`` has shape (B, D, *grid) with D spatial axes (3 or 2). Channel k moves along array
axis k, in voxels of the field's own grid, and pulls: ``warped(x) = moving(x + u(x))``, so that u
lives on the fixed grid. The reversed axis order and the [-1, 1] coordinates of
:func:`torch.nn.functional.grid_sample` are hidden in :func:`warp`; corners are aligned everywhere.

Coordinates are float32 whatever the autocast state: half precision has a step of 0.125 voxel at
128 voxels. The backward pass of ``grid_sample`` on CUDA adds with atomics and is therefore not
deterministic; on the CPU it is, at a fixed thread count.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Mode = Literal["bilinear", "nearest"]
Padding = Literal["zeros", "border"]


def identity_grid(shape: Sequence[int], device: torch.device | str | None = None) -> Tensor:
    """Return the voxel coordinates of a grid.

    Args:
        shape: the D sizes of the grid.
        device: where to put the result.

    Returns:
        (1, D, *shape) float32; channel k holds the index along axis k.
    """
    axes = [torch.arange(n, dtype=torch.float32, device=device) for n in shape]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def _sampling_grid(displacement: Tensor, source: Sequence[int]) -> Tensor:
    """Turn a field into what ``grid_sample`` wants: (B, *grid, D), last axis first, in [-1, 1]."""
    grid = displacement.shape[2:]
    dims = len(grid)
    coordinates = []
    for axis in reversed(range(dims)):
        extent = max(source[axis] - 1, 1)
        view = [1] * (dims + 1)
        view[axis + 1] = grid[axis]
        index = torch.arange(grid[axis], dtype=torch.float32, device=displacement.device)
        centred = (index * (2 / extent) - 1).view(view)
        coordinates.append(displacement[:, axis].float() * (2 / extent) + centred)
    return torch.stack(coordinates, dim=-1)


def warp(image: Tensor, displacement: Tensor, mode: Mode = "bilinear", padding: Padding = "zeros") -> Tensor:
    """Pull an image through a field: ``result(x) = image(x + displacement(x))``.

    Args:
        image: (B, C, *source), any dtype; integers only with ``mode="nearest"``.
        displacement: (B, D, *grid) or (1, D, *grid) in voxels. The grid may be smaller or larger
            than the source; both then start at the same corner and have the same voxel size.
        mode: ``bilinear`` (trilinear in 3D) or ``nearest`` (for labels).
        padding: value outside the image: ``zeros``, or ``border`` for the nearest edge value.

    Returns:
        (B, C, *grid) in the dtype of ``image``; the sum over neighbours is made in float32.

    Raises:
        ValueError: shapes do not belong together, or integers are to be interpolated linearly.
    """
    dims = image.ndim - 2
    if dims not in (2, 3) or displacement.ndim != image.ndim or displacement.shape[1] != dims:
        raise ValueError(f"cannot warp {tuple(image.shape)} by {tuple(displacement.shape)}")
    if not image.is_floating_point() and mode != "nearest":
        raise ValueError(f"{image.dtype} can only be warped with mode='nearest'")
    with torch.autocast(image.device.type, enabled=False):
        grid = _sampling_grid(displacement, image.shape[2:])
        if grid.shape[0] != image.shape[0]:
            grid = grid.expand(image.shape[0], *grid.shape[1:])
        sampled = F.grid_sample(image.float(), grid, mode=mode, padding_mode=padding, align_corners=True)
    return sampled.to(image.dtype)


def warp_labels(labels: Tensor, displacement: Tensor, mode: Mode = "nearest") -> Tensor:
    """Pull a label map through a field.

    ``nearest`` takes the label of the nearest voxel. ``bilinear`` warps the mask of every label linearly,
    the background's too, and takes the label with the largest value: borders between structures lie
    below the size of a voxel. Of equal values the lowest label counts, and outside the map is 0.

    Args:
        labels: (B, 1, *source) integers, background 0.
        displacement: (B, D, *grid) or (1, D, *grid) in voxels, as in :func:`warp`.
        mode: one of both.

    Returns:
        (B, 1, *grid) in the dtype of ``labels``.
    """
    if mode == "nearest":
        return warp(labels, displacement, mode="nearest")
    best = warp((labels == 0).float(), displacement)
    result = torch.zeros_like(best, dtype=labels.dtype)
    found = labels.unique()
    for some in found[found != 0].split(4):  # few masks at a time, for memory; together, for their places
        masks = (labels == some.view(1, -1, *[1] * (labels.ndim - 2))).float()
        for label, share in zip(some.tolist(), warp(masks, displacement).split(1, dim=1)):
            result[share > best] = label
            best = torch.maximum(best, share)
    return result


def compose(u: Tensor, v: Tensor) -> Tensor:
    """Compose two fields, u after v: ``result(x) = v(x) + u(x + v(x))``.

    As maps, with phi_u(x) = x + u(x): phi_result = phi_u o phi_v. Warping by the result equals
    warping by u first and the outcome by v: ``warp(m, compose(u, v)) ~ warp(warp(m, u), v)``.
    Outside its grid u continues with its edge value.

    Args:
        u: outer field (B, D, *grid) in voxels.
        v: inner field, same shape.

    Returns:
        (B, D, *grid) float32.
    """
    return v.float() + warp(u.float(), v, padding="border")


def integrate(velocity: Tensor, steps: int = 7) -> Tensor:
    """Integrate a stationary velocity field over unit time by scaling and squaring.

    Args:
        velocity: (B, D, *grid) in voxels per unit time.
        steps: number of squarings; the first step is ``velocity / 2**steps``.

    Returns:
        displacement (B, D, *grid) float32, ``exp(velocity) - identity``.
    """
    field = velocity.float() / 2**steps
    for _ in range(steps):
        field = compose(field, field)
    return field


def resize_displacement(u: Tensor, size: Sequence[int]) -> Tensor:
    """Resize a field linearly and rescale its values to voxels of the new grid.

    With aligned corners a voxel of the old grid is ``(new - 1) / (old - 1)`` voxels of the new one,
    axis by axis. Along an axis with one old voxel the values stay as they are.

    Args:
        u: (B, D, *old) in voxels of the old grid.
        size: D new sizes.

    Returns:
        (B, D, *size) float32 in voxels of the new grid.
    """
    old, size = tuple(u.shape[2:]), tuple(size)
    if old == size:
        return u.float()
    ratios = [(new - 1) / (n - 1) if n > 1 else 1.0 for n, new in zip(old, size, strict=True)]
    mode = "trilinear" if len(size) == 3 else "bilinear"
    with torch.autocast(u.device.type, enabled=False):
        resized = F.interpolate(u.float(), size=size, mode=mode, align_corners=True)
        scale = torch.tensor(ratios, dtype=torch.float32, device=u.device)
        return resized * scale.view(1, -1, *([1] * len(size)))
