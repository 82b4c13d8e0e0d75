"""Training patients in folds, and their slices on the way to the networks of all folds at once."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mlmi2023.cohorts.find.folds import stratified_folds
from mlmi2023.core.errors import InputError
from mlmi2023.papers.prostate_cancer_ms.cases import NEAR, Glands
from mlmi2023.papers.prostate_cancer_ms.dpm import OUTSIDE
from mlmi2023.training.data.augment2d import DRAWS, Augment2D


def deal(cases: Glands) -> dict[int, int]:
    """Return the fold of each training patient; patients with and without cancer are dealt one by one.

    Raises:
        InputError: fewer patients with or without cancer than there are folds.
    """
    rows, count = cases.pool, cases.task.folds
    ill = [bool(cases.truth(row).any()) for row in rows]
    for kind, own in (("with", sum(ill)), ("without", len(ill) - sum(ill))):
        if 0 < own < count:
            raise InputError(
                f"cohort '{cases.cohort.name}' has {own} training patients {kind} cancer, task.folds is "
                f"{count}; lower it, or add patients"
            )
    dealt = stratified_folds(
        f"cohort '{cases.cohort.name}'",
        [int(own) for own in ill],
        [cases.name(row) for row in rows],
        count,
        cases.task.folds_seed,
    )
    return dict(zip(rows, dealt.tolist()))


def pixels(cases: Glands, rows: Sequence[int]) -> list[int]:
    """Return the pixels of normal tissue, indolent and aggressive cancer in the glands of patients."""
    counts = np.zeros(1 + len(cases.classes), np.int64)
    for row in rows:
        counts += np.bincount(cases.truth(row)[cases.gland(row)], minlength=len(counts))
    return counts.tolist()


class GlandSlices(nn.Module):
    """All slices of training patients, kept on the module's device; a source of batches.

    A sample is a slice by its number, in the order of patients. A training batch holds ``row`` (B, K) and
    ``draw`` (B, K, DRAWS), a sample of each of K folds; a validation batch ``row`` (n,).

    Args:
        cases: of the job.
        rows: patients.
        augment: of training slices.
    """

    images: Tensor
    labels: Tensor
    places: Tensor

    def __init__(self, cases: Glands, rows: Sequence[int], augment: Augment2D) -> None:
        super().__init__()
        self.augment = augment
        images: list[np.ndarray] = []
        labels: list[np.ndarray] = []
        places: list[np.ndarray] = []
        first = 0
        #: slices of each patient
        self.counts: list[int] = []
        for row in rows:
            own = cases.image(row)
            images.append(own.astype(np.float16))
            # one more than the label, so that what comes in from outside an image lies outside the gland
            labels.append(np.where(cases.gland(row), cases.truth(row) + 1, 0).astype(np.uint8))
            places.append(first + 1 + np.arange(len(own) - 2))
            self.counts.append(len(own) - 2)
            first += len(own)
        self.register_buffer("images", torch.from_numpy(np.concatenate(images)), persistent=False)
        self.register_buffer("labels", torch.from_numpy(np.concatenate(labels)), persistent=False)
        self.register_buffer("places", torch.from_numpy(np.concatenate(places)), persistent=False)

    def forward(self, batch: Mapping[str, Tensor], train: bool) -> tuple[Tensor, Tensor]:
        """Return input (n, 7, H, W) and target (n, H, W), -1 outside the gland; fold by fold in training."""
        row = batch["row"].T.flatten() if train else batch["row"]
        near = self.places[row][:, None] + torch.tensor(NEAR, device=row.device)
        # (n, 3, H, W, 2) to T2 of three slices, then ADC
        image = self.images[near].permute(0, 4, 1, 2, 3).flatten(1, 2).float()
        mask = self.labels[row].long()
        if train:
            draw = batch["draw"].transpose(0, 1).flatten(0, 1)
            image, mask = self.augment(image, mask, draw)
        return torch.cat([image, (mask > 0)[:, None].float()], 1), mask + OUTSIDE


class FoldSamples(Dataset):
    """A training sample: a slice for the network of each fold, of patients outside that fold.

    Args:
        slices: of each fold's network, numbers of slices to draw from.
    """

    def __init__(self, slices: Sequence[Sequence[int]]) -> None:
        self.slices = [torch.as_tensor(list(own)) for own in slices]

    def __len__(self) -> int:
        return max(len(own) for own in self.slices)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return ``row`` (K,) and ``draw`` (K, DRAWS), from the random state that the sample comes with."""
        rows = torch.stack([own[torch.randint(len(own), ())] for own in self.slices])
        return {"row": rows, "draw": torch.rand(len(self.slices), DRAWS)}


class FoldChunks(Dataset):
    """Validation batches: slices of one fold, with the case of each.

    Args:
        folds: of each slice.
        cases: of each slice, 0 to n - 1.
        size: slices of a batch.
    """

    def __init__(self, folds: Sequence[int], cases: Sequence[int], size: int) -> None:
        self.batches: list[tuple[int, list[int]]] = []
        for fold in sorted(set(folds)):
            own = [number for number, other in enumerate(folds) if other == fold]
            self.batches += [(fold, own[start : start + size]) for start in range(0, len(own), size)]
        self.cases = torch.as_tensor(list(cases))

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Return ``row`` (n,), ``case`` (n,) and ``fold``."""
        fold, rows = self.batches[index]
        return {"row": torch.as_tensor(rows), "case": self.cases[rows], "fold": torch.tensor(fold)}
