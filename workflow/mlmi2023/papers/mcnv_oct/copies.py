"""Augmentation before the split (Sect. 3.1, as its text reads): copies of one image on all sides.

A square image has eight copies by mirrors and quarter turns, itself among them: 110 images become 880, as
in the paper. Their split by chance, 8 : 1 : 1, leaves hardly an image of which training has not seen a
copy. The tested patients of the honest split stay out of it: so one network is judged twice, on left-out
copies of images that it knows, as printed numbers may have been, and on patients whom it does not.
"""

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.tasks.segmentation import Resized

COPIES = 8
#: shares of training and of validation; the rest is tested
TRAIN, VAL = 0.8, 0.1


def symmetries(images: np.ndarray) -> np.ndarray:
    """Return the eight copies of square images (N, S, S, ...), (8 N, S, S, ...); an image's are together."""
    turned = [np.rot90(images, turns, axes=(1, 2)) for turns in range(4)]
    both = np.stack([copy for one in turned for copy in (one, np.flip(one, axis=2))], axis=1)
    return both.reshape(-1, *images.shape[1:])


class Copies(Resized):
    """The images of a cohort, and the copies of those of patients who are not tested.

    Rows are the cohort's, then the copies. The part ``test`` holds copies and the tested patients' images.

    Raises:
        InputError: images are not square.
    """

    def __init__(self, job: Job) -> None:
        self.own: dict[str, list[int]] = {}
        super().__init__(job)
        if self.size[0] != self.size[1]:
            raise InputError(
                f"cohort '{self.cohort.name}' has images of {self.size[0]} x {self.size[1]}; a method with "
                "leaky: true turns them, so give the task a square size"
            )
        #: number of images without copies
        self.first = len(self.images)
        self.seen = sorted([*super().rows("train"), *super().rows("val")])
        parts = [np.asarray(array[self.seen]) for array in (self.images, self.masks)]
        images, masks = (symmetries(part) for part in parts)
        tested = super().rows("test")
        self.images = np.concatenate([np.asarray(self.images), images])
        self.masks = np.concatenate([np.asarray(self.masks), masks])
        order = (
            np.random.default_rng(int(job.task.get("copies_seed", 0))).permutation(len(images)) + self.first
        )
        train, val = (round(share * len(order)) for share in (TRAIN, TRAIN + VAL))
        drawn = {"train": order[:train], "val": order[train:val], "test": order[val:]}
        self.own = {part: sorted(int(row) for row in rows) for part, rows in drawn.items()}
        self.own["test"] += tested

    def rows(self, part: str) -> list[int]:
        """Return the rows of a part: of copies, but for the tested patients."""
        return list(self.own[part]) if self.own else super().rows(part)

    def name(self, row: int) -> str:
        """Return the id of an image, or of a copy."""
        if row < self.first:
            return super().name(row)
        number = row - self.first
        return f"{super().name(self.seen[number // COPIES])}_copy{number % COPIES}"
