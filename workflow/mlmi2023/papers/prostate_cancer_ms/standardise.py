"""Intensities of one scale, within the gland (Nyul et al. 2000), then mean 0 and spread 1.

No library of ours has the method: scikit-image and SimpleITK match one image to another, not to a scale that
many training images give.
"""

from collections.abc import Sequence

import numpy as np

from mlmi2023.core.errors import InputError

#: percentiles that are landmarks: both ends, and the deciles between them
PERCENTILES = (1.0, *(float(p) for p in range(10, 100, 10)), 99.0)


def landmarks(values: np.ndarray, name: str = "") -> np.ndarray:
    """Return the landmarks of an image, rising.

    Args:
        values: intensities within the gland, any shape.
        name: of the image, for messages.

    Raises:
        InputError: the image is flat there.
    """
    found = np.percentile(np.asarray(values, np.float64), PERCENTILES)
    if not found[-1] > found[0]:
        raise InputError(f"{name or 'image'}: one grey within the gland; check image and gland")
    # equal landmarks, of an image with few greys, are pushed apart so that the way between them is known
    step = 1e-6 * (found[-1] - found[0])
    return found + step * np.arange(len(found))


class Standard:
    """The scale of an image kind; straight lines between landmarks, the outer ones go on beyond the ends.

    A change of an image's brightness and contrast, as between scanners, leaves its standardised form alone.

    Attributes:
        scale: where the landmarks go, from 0 to 1.
        mean: of the training images on this scale, within the gland.
        spread: the same.
    """

    def __init__(self, training: Sequence[np.ndarray], name: str = "") -> None:
        """Learn the scale.

        Args:
            training: intensities within the gland, of each training image.
            name: of the image kind, for messages.

        Raises:
            InputError: there is no image, or a flat one.
        """
        if not training:
            raise InputError(f"{name or 'image'}: no training image to learn the scale from")
        own = [landmarks(values, name) for values in training]
        self.scale = np.mean([(marks - marks[0]) / (marks[-1] - marks[0]) for marks in own], axis=0)
        mapped = [self.mapped(values, marks) for values, marks in zip(training, own)]
        sizes = np.array([values.size for values in mapped], float)
        sums = [(values.sum(), (values**2).sum()) for values in mapped]
        self.mean, square = (float(total / sizes.sum()) for total in np.sum(sums, axis=0))
        self.spread = float(np.sqrt(max(square - self.mean**2, 1e-12)))

    def mapped(self, values: np.ndarray, marks: np.ndarray) -> np.ndarray:
        """Return intensities on the scale, float64, of an image with these landmarks."""
        values = np.asarray(values, np.float64)
        place = np.clip(np.searchsorted(marks, values, side="right") - 1, 0, len(marks) - 2)
        slope = np.diff(self.scale) / np.diff(marks)
        return self.scale[place] + slope[place] * (values - marks[place])

    def __call__(self, image: np.ndarray, gland: np.ndarray, clip: float, name: str = "") -> np.ndarray:
        """Return a standardised image, float32, of mean 0 and spread 1 over training glands.

        Args:
            image: of the kind, any shape.
            gland: boolean, the same shape; landmarks are of what lies in it.
            clip: standard deviations at which values end.
            name: of the image, for messages.
        """
        found = (self.mapped(image, landmarks(image[gland], name)) - self.mean) / self.spread
        return np.clip(found, -clip, clip).astype(np.float32)
