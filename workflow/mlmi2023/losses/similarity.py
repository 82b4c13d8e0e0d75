"""Image similarity for registration."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _BoxSum(torch.autograd.Function):
    """Sum over a centred window, zero outside; symmetric, hence its own adjoint."""

    @staticmethod
    def forward(ctx, image: Tensor, window: int) -> Tensor:
        ctx.window = window
        return _box_sum(image, window)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        return _box_sum(gradients[0], ctx.window), None


def _box_sum(image: Tensor, window: int) -> Tensor:
    """Sum along each axis by doubling: a window of 9 takes 4 additions, none of which cancels."""
    dims = image.ndim - 2
    for axis in range(2, image.ndim):
        size = image.shape[axis]
        part = F.pad(image, [0, 0] * (dims + 1 - axis) + [window // 2, window // 2])
        total: Tensor | None = None
        offset, width, left = 0, 1, window
        while left:
            if left & 1:
                piece = part.narrow(axis, offset, size)
                total = piece if total is None else total + piece
                offset += width
            left >>= 1
            if left:
                length = part.shape[axis] - width
                part = part.narrow(axis, 0, length) + part.narrow(axis, width, length)
                width *= 2
        assert total is not None
        image = total
    return image


def box_sum(image: Tensor, window: int) -> Tensor:
    """Sum over the ``window``-wide box around every voxel; outside the image is zero.

    Args:
        image: (B, C, X, Y[, Z]) floating point.
        window: odd width in voxels.

    Returns:
        Same shape and dtype. Deterministic in both directions on every device.

    Raises:
        ValueError: ``window`` is even or not positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"the window must be odd and positive, not {window}")
    return _BoxSum.apply(image, window)


class LNCC(nn.Module):
    """Local normalised cross-correlation, negated (Balakrishnan et al. 2019, eq. 7).

    With window sums over w^D voxels (zero outside the image, the full count everywhere),
    ``cc = cross^2 / (var_a * var_b + eps)`` where ``cross = sum(ab) - sum(a) sum(b) / n`` and
    ``var_a = sum(aa) - sum(a)^2 / n``. The loss is minus the mean of cc over voxels and batch:
    -1 for equal images, 0 for unrelated ones, and blind to the sign of the contrast.

    Computed in float32 whatever the autocast state; variances that rounding made negative are
    taken as zero, so flat regions give 0 and never infinity.

    Args:
        window: odd width of the box in voxels.
        eps: keeps flat windows finite, in units of (intensity^2 * voxels)^2.
    """

    def __init__(self, window: int = 9, eps: float = 1e-5) -> None:
        super().__init__()
        self.window = window
        self.eps = eps

    def cc(self, warped: Tensor, fixed: Tensor) -> Tensor:
        """Return the map of cc, (B, C, X, Y[, Z]) float32 in [0, 1] up to rounding."""
        if warped.shape != fixed.shape:
            raise ValueError(f"images differ in shape: {tuple(warped.shape)}, {tuple(fixed.shape)}")
        with torch.autocast(warped.device.type, enabled=False):
            a, b = warped.float(), fixed.float()
            sums = [box_sum(x, self.window) for x in (a, b, a * b, a * a, b * b)]
            sum_a, sum_b, sum_ab, sum_aa, sum_bb = sums
            count = self.window ** (a.ndim - 2)
            cross = sum_ab - sum_a * sum_b / count
            var_a = (sum_aa - sum_a * sum_a / count).clamp_min(0)
            var_b = (sum_bb - sum_b * sum_b / count).clamp_min(0)
            return cross * cross / (var_a * var_b + self.eps)

    def forward(self, warped: Tensor, fixed: Tensor) -> Tensor:
        """Return the loss of two images (B, C, X, Y[, Z]), a float32 scalar."""
        return -self.cc(warped, fixed).mean()
