"""Scans as the paper uses them (Sect. 2.3): targets, tested transients, random quarters to train on."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.forms.spectra.reader import Spectra, open_spectra
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.gaba_mrs.gannet import Axis, Reconstruction, broadened, reconstructed
from mlmi2023.papers.gaba_mrs.inputs import NAA
from mlmi2023.papers.gaba_mrs.options import Reconstruction as Task
from mlmi2023.physics.spectra import between, to_spectra


class Scans:
    """A cohort under the paper's protocol.

    Args:
        job: of a dataset that is reconstructed.

    Raises:
        InputError: the cohort is not edited, or a scan has too few transients.
    """

    def __init__(self, job: Job) -> None:
        self.task = options(Task, job.task, "config", "task")
        self.cohort: Spectra = open_spectra(job.data)
        where = f"config of paper '{job.paper}': datasets.{job.dataset}"
        if not self.cohort.edited:
            raise InputError(f"{where}: cohort '{self.cohort.name}' is not edited; set task.kind to quality")
        for row, name in enumerate(self.cohort.subjects):
            if len(self.cohort.off(row)) < self.task.pairs:
                raise InputError(
                    f"{where}: scan {name} has {len(self.cohort.off(row))} pairs, task.pairs is "
                    f"{self.task.pairs}; lower it, or leave the scan out"
                )
        self._made: dict[tuple[int, bool], Reconstruction] = {}

    @property
    def ppm(self) -> np.ndarray:
        """The axis, (P,)."""
        return self.cohort.ppm

    @property
    def axis(self) -> Axis:
        """Points, width in Hz and frequency in MHz."""
        return self.cohort.points, self.cohort.width, self.cohort.frequency

    @cached_property
    def naa(self) -> np.ndarray:
        """Where NAA's peak is, (P,) bool."""
        return between(self.ppm, *NAA)

    def pairs(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ON and OFF of a scan, (N, P) complex64 FIDs."""
        return np.asarray(self.cohort.on(row)), np.asarray(self.cohort.off(row))

    def gannet(self, row: int, some: bool = False) -> Reconstruction:
        """Return the conventional reconstruction of a scan, of all pairs or of those that networks get."""
        if (row, some) not in self._made:
            on, off = self.pairs(row)
            last = self.task.pairs if some else len(on)
            self._made[row, some] = reconstructed(on[:last], off[:last], self.axis, self.task.broadening)
        return self._made[row, some]

    def target(self, row: int) -> np.ndarray:
        """Return what networks are to find of a scan, (P,): the conventional difference of all pairs."""
        return self.gannet(row).difference

    def truth(self, row: int) -> np.ndarray | None:
        """Return the noise-free difference of a scan, widened as the target is, (P,); None: not known."""
        if self.cohort.truth is None:
            return None
        off, on = np.asarray(self.cohort.truth[row], complex)
        return to_spectra(broadened(on - off, self.cohort.width, self.task.broadening)).real

    def height(self, row: int) -> float:
        """Return the mean height of NAA in the OFF transients that networks are tested on."""
        off = to_spectra(self.pairs(row)[1][: self.task.pairs]).real
        return float(off[:, self.naa].max(1).mean())

    def tested_on(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return ON and OFF spectra of the first pairs of scans, as tested, (B, K, P) complex64 each."""
        on, off = (np.stack([self.pairs(row)[part][: self.task.pairs] for row in rows]) for part in range(2))
        return spectra_of(on), spectra_of(off)

    def mean_target(self) -> np.ndarray:
        """Return the mean target of the training scans in heights of NAA, (P,)."""
        return np.mean([self.target(row) / self.height(row) for row in self.cohort.rows("train")], axis=0)


def spectra_of(fids: np.ndarray) -> Tensor:
    """Return spectra of FIDs, complex64."""
    return torch.from_numpy(to_spectra(fids).astype(np.complex64))


class Quarters(Dataset):
    """Training scans; every look at one takes as many pairs at random as networks are tested on.

    ON and OFF are drawn together, so that pairs stay pairs.
    """

    def __init__(self, scans: Scans) -> None:
        self.rows, self.count = scans.cohort.rows("train"), scans.task.pairs
        self.fids = [scans.pairs(row) for row in self.rows]
        self.targets = [scans.target(row).astype(np.float32) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        on, off = self.fids[index]
        drawn = np.random.permutation(len(on))[: self.count]
        return {
            "on": spectra_of(on[drawn]),
            "off": spectra_of(off[drawn]),
            "target": torch.from_numpy(self.targets[index]),
        }
