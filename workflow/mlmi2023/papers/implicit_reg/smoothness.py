"""The two measures of plausibility of Sect. 3, Evaluation Metrics."""

from torch import Tensor

from mlmi2023.fields.jacobian import jacobian_determinant

# determinants are not taken as smaller than this before the logarithm; it matters on creases alone
LEAST = 1e-9


def std_log_jacobian(u: Tensor) -> Tensor:
    """Standard deviation of log |J|, J the determinant of the gradient of x + u(x) by central differences.

    Read as printed: the logarithm of the absolute value, so that folds count by their volume.

    Args:
        u: (3, X, Y, Z) displacement in voxels.

    Returns:
        A float32 scalar on the device of ``u``, over interior voxels; NaN if an axis has fewer than 3 voxels.
    """
    return jacobian_determinant(u).abs().clamp_min(LEAST).log().std(unbiased=False)


def mean_negative_jacobian(u: Tensor) -> Tensor:
    """Sum of |J| over the voxels with J < 0, divided by the number of all voxels."""
    return (-jacobian_determinant(u)).clamp_min(0).mean()
