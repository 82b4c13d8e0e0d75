"""From a subject to its images: voxel grid, resampling, bias field, noise."""

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine
from scipy import ndimage

from mlmi2023.cohorts.sources.simulators.brain.contrast import compose
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.cohorts.sources.simulators.brain.warps import Warp, rotation

HEAD_CENTRE = np.array([0.0, -18.0, -2.0])  # template mm; the field of view is centred here


@dataclass(frozen=True)
class Scan:
    """What was imaged and the truth about it; all on one grid, axes in RAS order.

    Attributes:
        affine: voxel to native RAS mm, 4 x 4.
        images: modality -> (X, Y, Z) float32, scanner units.
        biases: modality -> (X, Y, Z) float32, geometric mean 1 inside the brain.
        labels: (X, Y, Z) uint8.
        mask: brain, (X, Y, Z) bool.
        to_template: (X, Y, Z, 3) float32, template mm of every voxel.
        landmarks: (K, 3) native mm.
    """

    affine: np.ndarray
    images: dict[str, np.ndarray]
    biases: dict[str, np.ndarray]
    labels: np.ndarray
    mask: np.ndarray
    to_template: np.ndarray
    landmarks: np.ndarray


def voxel_grid(subject: Subject, options: dict) -> tuple[tuple[int, ...], np.ndarray]:
    """Return shape and affine of the subject's images."""
    spacing = np.array(options["spacing"])
    shape = tuple(int(n) for n in np.round(np.array(options["fov"]) / spacing))
    affine = np.eye(4)
    affine[:3, :3] = rotation(subject.oblique) @ np.diag(spacing)
    centre = apply_affine(subject.pose, HEAD_CENTRE) + subject.centre
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return shape, affine


def bias_field(
    mask: np.ndarray, peak: float, lean: np.ndarray, order: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a smooth multiplicative field.

    The log of the field is a random sum of products of cosines, ``order`` of them along each axis, plus a
    linear part along ``lean``.

    Args:
        mask: brain, (X, Y, Z) bool.
        peak: range of the field inside the brain, from the 1st to the 99th percentile, of its mean.
        lean: (3,) linear part along each axis, relative to the random part.
        order: number of cosines per axis, the constant among them.
        rng: source of randomness.

    Returns:
        (X, Y, Z) float32 with geometric mean 1 inside the brain.
    """
    if peak <= 0:
        return np.ones(mask.shape, np.float32)
    k = np.arange(order)
    weights = rng.standard_normal((order,) * 3) / (1 + sum(np.meshgrid(k, k, k, indexing="ij")))
    axes = [(np.arange(n) + 0.5) / n for n in mask.shape]
    bases = [np.cos(np.pi * a[:, None] * k) for a in axes]
    field = np.einsum("abc,xa,yb,zc->xyz", weights, *bases, optimize=True)
    for axis, share in zip(np.ix_(*axes), lean, strict=True):
        field = field + 2 * share * (axis - 0.5)
    inside = field[mask]
    low, high = np.percentile(inside, [1, 99])
    return np.exp((field - inside.mean()) * (peak / (high - low))).astype(np.float32)


def scan(subject: Subject, options: dict, maps: Maps, rng: np.random.Generator) -> Scan:
    """Image a subject.

    Raises:
        InputError: its warp folds space.
    """
    shape, affine = voxel_grid(subject, options)
    warp = Warp(subject.pose, subject.velocity, maps.velocity_affine)
    displacement = warp.displacement()
    native = apply_affine(affine, np.moveaxis(np.indices(shape, dtype=np.float32), 0, -1))
    template = warp.to_template(np.moveaxis(native, -1, 0), displacement)

    def look(volume: np.ndarray, volume_affine: np.ndarray, order: int) -> np.ndarray:
        voxel = volume_affine[0, 0]
        where = ((template - volume_affine[:3, 3].reshape(3, 1, 1, 1)) / voxel).astype(np.float32)
        where[2] = np.maximum(where[2], 0)  # the averages end at the chin; below, the last slice is the neck
        return ndimage.map_coordinates(volume, where, order=order, mode="constant", prefilter=False)

    mask = look(maps.brain, maps.affine, 1) > 0.5
    images, biases = {}, {}
    for modality, contrast in subject.contrasts.items():
        ideal = compose(maps, subject.tissues, subject.labels, subject.texture, contrast)
        image = np.maximum(look(ideal, maps.affine, 1), 0) ** np.float32(subject.gamma)
        bias = bias_field(mask, subject.bias_peak, subject.bias_lean, options["bias"]["order"], rng)
        image = rician(image * bias, subject.noise, rng)
        images[modality], biases[modality] = image * np.float32(subject.gain), bias
    return Scan(
        affine=affine,
        images=images,
        biases=biases,
        labels=look(subject.labels, maps.label_affine, 0),
        mask=mask,
        to_template=np.moveaxis(template, 0, -1).astype(np.float32),
        landmarks=warp.to_native(maps.landmarks.T, displacement).T,
    )


def rician(image: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    """Return the magnitude of ``image`` plus complex Gaussian noise of standard deviation ``sd``."""
    if sd <= 0:
        return image
    real = image + np.float32(sd) * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = np.float32(sd) * rng.standard_normal(image.shape, dtype=np.float32)
    return np.hypot(real, imaginary)
