"""What can be read from an encoder while it is trained, on validation patches: the measure of having learned.

It picks nothing: the last weights are kept. Where patches have no label (pairs of SHIFT), see
:class:`~mlmi2023.papers.histo_kd.embedding.Embedding`.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mlmi2023.papers.histo_kd.building import probed_view
from mlmi2023.papers.histo_kd.patches import Patches

#: patches at most, of those that train and of those that validate
MOST = 512
#: weight of the ridge, by the number of patches
RIDGE = 0.1


class Reading:
    """A ridge regression from features of training patches to their classes, judged on validation patches.

    Args:
        patches: with labels.
        targets: by which to judge; the mean is taken.
    """

    def __init__(self, patches: Patches, targets: list[str]) -> None:
        self.patches, self.view = patches, probed_view(patches.task)
        self.train, self.val = (spread(patches.rows(split), MOST) for split in ("train", "val"))
        self.classes = []
        for target in targets:
            whole = np.eye(len(patches.labels(target)[1]))
            self.classes.append([whole[patches.known(target)[rows]] for rows in (self.train, self.val)])

    def __call__(self, encode: Callable[[Tensor], Tensor], device: torch.device) -> float:
        """Return the share of the variance of validation patches' classes that is explained, 1 at most.

        Args:
            encode: images (B, 3, H, W) to features (B, F).
            device: to run on.
        """
        train, val = (self._features(encode, rows, device) for rows in (self.train, self.val))
        return float(np.mean([explained(train, own, val, other) for own, other in self.classes]))

    def _features(
        self, encode: Callable[[Tensor], Tensor], rows: np.ndarray, device: torch.device
    ) -> np.ndarray:
        with torch.no_grad():
            parts = [
                encode(self.patches.view(self.view, chunk, device)).double().cpu().numpy()
                for chunk in torch.from_numpy(rows).split(self.patches.task.val_batch)
            ]
        return np.concatenate(parts)


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]


def explained(train: np.ndarray, classes: np.ndarray, val: np.ndarray, wanted: np.ndarray) -> float:
    """Return the share of the variance of ``wanted`` that a ridge regression on the others explains.

    Args:
        train: (n, F) features.
        classes: (n, K) one-hot.
        val: (m, F) features.
        wanted: (m, K) one-hot; their variance is about the means of ``classes``.
    """
    middle, scale = train.mean(0), train.std(0) + 1e-9
    x, y = (train - middle) / scale, (val - middle) / scale
    share = classes.mean(0)
    kernel = x @ x.T + RIDGE * len(x) * np.eye(len(x))
    found = share + y @ x.T @ np.linalg.solve(kernel, classes - share)
    return float(1 - ((wanted - found) ** 2).sum() / ((wanted - share) ** 2).sum())
