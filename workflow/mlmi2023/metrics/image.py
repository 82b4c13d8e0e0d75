"""How close an image is to the true one: PSNR and SSIM, with data range and region said each time.

The data range is never guessed from the images: papers that differ by decibels often differ in their range.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def psnr(image: Any, truth: Any, data_range: float, mask: Any = None) -> float:
    """Return the peak signal-to-noise ratio, 10 log10(data_range^2 / mean squared error), in dB.

    Args:
        image: array or tensor of any shape, 2D or 3D.
        truth: the same shape.
        data_range: largest possible value minus smallest.
        mask: boolean, the same shape: where to look; None: everywhere.

    Returns:
        dB; infinite where both are equal.

    Raises:
        ValueError: shapes differ, the range is not positive, or the mask is empty.
    """
    image, truth, mask = _checked(image, truth, data_range, mask)
    squares = (image - truth) ** 2
    error = float(squares.mean() if mask is None else squares[mask].mean())
    return float("inf") if error == 0 else float(10 * np.log10(data_range**2 / error))


def psnr_each(images: "torch.Tensor", truths: "torch.Tensor", data_range: float) -> "torch.Tensor":
    """Return the PSNR of each image of a batch, (N, ...) -> (N,), on the tensors' device and in float32.

    For curves along a training, where the images should not leave the device.

    Raises:
        ValueError: shapes differ or the range is not positive.
    """
    import torch

    if images.shape != truths.shape or not data_range > 0:
        raise ValueError(f"shapes {tuple(images.shape)}, {tuple(truths.shape)}, data range {data_range}")
    error = (images.float() - truths.float()).square().flatten(1).mean(1)
    return 10 * torch.log10(data_range**2 / error)


def ssim(
    image: Any,
    truth: Any,
    data_range: float,
    mask: Any = None,
    *,
    gaussian: bool = True,
    window: int = 11,
) -> float:
    """Return the mean structural similarity (Wang et al. 2004), by scikit-image.

    Args:
        image: array or tensor, (X, Y) or (X, Y, Z).
        truth: the same shape.
        data_range: largest possible value minus smallest.
        mask: boolean, the same shape: windows whose centre lies in it count; None: all whole windows.
        gaussian: weigh the window by a Gaussian of 1.5 voxels with population covariances, as Wang et al.;
            else uniformly with sample covariances, which is scikit-image's default.
        window: size of the window in voxels, odd; 11 for the Gaussian, commonly 7 for the uniform one.

    Returns:
        At most 1, which equal images have.

    Raises:
        ValueError: shapes differ, an image is smaller than the window, the range is not positive, or no whole
            window has its centre in the mask.
    """
    from skimage.metrics import structural_similarity

    image, truth, mask = _checked(image, truth, data_range, mask)
    _, local = structural_similarity(
        truth,
        image,
        win_size=window,
        data_range=data_range,
        gaussian_weights=gaussian,
        sigma=1.5,
        truncate=(window // 2) / 1.5,
        use_sample_covariance=not gaussian,
        full=True,
    )
    # windows that stick out of the image are left out, as in the library's own mean
    edge = window // 2
    whole = tuple(slice(edge, n - edge) for n in image.shape)
    local = local[whole]
    if mask is None:
        return float(local.mean(dtype=np.float64))
    if not mask[whole].any():
        raise ValueError("no whole window of the image has its centre in the mask")
    return float(local[mask[whole]].mean(dtype=np.float64))


def _checked(image: Any, truth: Any, data_range: float, mask: Any) -> tuple[Any, Any, Any]:
    """Return all as NumPy arrays, images in double precision."""
    image, truth = (np.asarray(_on_cpu(a), dtype=np.float64) for a in (image, truth))
    if image.shape != truth.shape:
        raise ValueError(f"the image has the shape {image.shape}, the truth {truth.shape}")
    if not data_range > 0:
        raise ValueError(f"the data range is {data_range}, not positive")
    if mask is not None:
        mask = np.asarray(_on_cpu(mask)).astype(bool)
        if mask.shape != image.shape or not mask.any():
            raise ValueError(f"the mask of shape {mask.shape} for an image of {image.shape} is of no use")
    return image, truth, mask


def _on_cpu(array: Any) -> Any:
    return array.detach().cpu() if hasattr(array, "detach") else array
