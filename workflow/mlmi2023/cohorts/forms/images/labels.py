"""What the values of masks mean: one rule for all masks of a cohort, and none that is guessed."""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.masks import brightness, colour_value, mask_values, value_text
from mlmi2023.cohorts.forms.images.listing import Item
from mlmi2023.cohorts.forms.images.options import BACKGROUND, Read
from mlmi2023.core.errors import InputError

FOREGROUND = "foreground"


class Labels:
    """Turns masks into labels 0 (background), 1, 2, ...

    By ``classes``; or by ``threshold``, above which is foreground; or, without both, masks hold 0 and one
    other value, the same in all of them.

    Attributes:
        names: of the labels 1, 2, ...
        smooth: labels are of one kind, so that they may be resampled by share.
        vanished: images whose labels are lost by resizing.
    """

    def __init__(self, read: Read) -> None:
        self.threshold, self.page, self.smooth = read.threshold, read.page, not read.classes
        classes = read.classes or {}
        self.names = [text for text in dict.fromkeys(classes.values()) if text != BACKGROUND] or [FOREGROUND]
        numbers = {text: number for number, text in enumerate(self.names, 1)}
        table = {0: 0} | {
            colour_value(key) if isinstance(key, str) else key: numbers.get(text, 0)
            for key, text in classes.items()
        }
        self.values = np.array(sorted(table))
        self.numbers = np.array([table[value] for value in sorted(table)], np.uint8)
        self.first: tuple[float, Path] | None = None
        self.vanished: list[Item] = []

    def read(self, path: Path) -> np.ndarray:
        """Return the labels of one mask file, (H, W) uint8.

        Raises:
            InputError: the file cannot be read, or holds a value of which the rule says nothing.
        """
        if self.threshold is not None:
            return (brightness(path, self.page) > self.threshold).astype(np.uint8)
        values = mask_values(path, self.page)
        return self._two(path, values) if self.smooth else self._named(path, values)

    def _named(self, path: Path, values: np.ndarray) -> np.ndarray:
        places = np.searchsorted(self.values, values).clip(max=len(self.values) - 1)
        unknown = values[self.values[places] != values]
        if unknown.size:
            raise InputError(
                f"{path}: holds the value {value_text(unknown.min())}, which 'read.classes' does not name; "
                f"add it there ({BACKGROUND}, if it is none)"
            )
        return self.numbers[places]

    def _two(self, path: Path, values: np.ndarray) -> np.ndarray:
        others = np.unique(values)
        others = others[others != 0]
        if len(others) > 1:
            some = ", ".join(value_text(value) for value in others[:4])
            raise InputError(
                f"{path}: holds {len(others)} values beside 0 ({some}{', ...' if len(others) > 4 else ''}); "
                "name them in 'read.classes' ({255: lesion}), or set 'read.threshold', above which is "
                "foreground"
            )
        if len(others):
            own = float(others[0])
            first, where = self.first = self.first or (own, path)
            if first != own:
                raise InputError(
                    f"{path}: its foreground is {value_text(own)}, that of {where} {value_text(first)}; say "
                    f"in 'read.classes' what they are ({{{value_text(first)}: a, {value_text(own)}: b}})"
                )
        return (values != 0).astype(np.uint8)


def resized_labels(labels: np.ndarray, size: tuple[int, int], smooth: bool) -> np.ndarray:
    """Return labels (H, W) at rows and columns ``size``.

    Those of one kind (``smooth``) are resampled bilinearly and cut at a half, others by nearest neighbour.
    """
    from PIL import Image

    if labels.shape == tuple(size):
        return labels
    shape = (size[1], size[0])
    if not smooth:
        return np.asarray(Image.fromarray(labels).resize(shape, Image.Resampling.NEAREST))
    share = Image.fromarray(labels.astype(np.float32)).resize(shape, Image.Resampling.BILINEAR)
    return (np.asarray(share) > 0.5).astype(np.uint8)
