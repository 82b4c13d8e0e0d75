"""Pretraining on simulated pairs, with new noise whenever they are looked at (Sect. 2.1 and 2.3)."""

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from mlmi2023.cohorts.sources.simulators.mega_press.brain import ideal_pairs
from mlmi2023.papers.gaba_mrs.gannet import broadened
from mlmi2023.papers.gaba_mrs.inputs import NAA
from mlmi2023.papers.gaba_mrs.options import Simulated as Options
from mlmi2023.papers.gaba_mrs.scans import Axis, spectra_of
from mlmi2023.physics.spectra import between, ppm_axis, times, to_spectra


def level(pair: tuple[float, float]) -> float:
    """Return a deviation drawn about its mean, never below 0."""
    return max(0.0, float(np.random.normal(*pair)))


def noisy(clean: np.ndarray, count: int, axis: Axis, how: Options) -> np.ndarray:
    """Return copies of OFF and ON with noise, shifts and phases of their own, (2, count, P) complex64 FIDs.

    Args:
        clean: (2, P) complex.
        count: copies of each.
        axis: points, width in Hz and frequency in MHz.
        how: how much; the deviations themselves are drawn, once for all copies.
    """
    points, width, _ = axis
    height = float(to_spectra(clean[0]).real[between(ppm_axis(*axis), *NAA)].max())
    noise = level(how.noise) * height * np.sqrt(points)
    shifts = level(how.shift) * np.random.standard_normal((2, count, 1))
    phases = np.deg2rad(level(how.phase)) * np.random.standard_normal((2, count, 1))
    made = clean[:, None] * np.exp(1j * (2 * np.pi * shifts * times(points, width) + phases))
    made += noise * (np.random.standard_normal(made.shape) + 1j * np.random.standard_normal(made.shape))
    return made.astype(np.complex64)


class Simulated(Dataset):
    """Simulated pairs; every look at one has new noise.

    Args:
        how: pairs and noise.
        count: transients of each condition.
        axis: points, width in Hz and frequency in MHz.
        broadening: of the target, Hz.
        seed: of the pairs.
    """

    def __init__(self, how: Options, count: int, axis: Axis, broadening: float, seed: int) -> None:
        self.how, self.count, self.axis = how, count, axis
        self.pairs = ideal_pairs(how.pairs, axis, how.spread, how.linewidth, seed)
        wanted = broadened(self.pairs[:, 1] - self.pairs[:, 0], axis[1], broadening)
        self.targets = to_spectra(wanted).real.astype(np.float32)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        off, on = noisy(self.pairs[index].astype(complex), self.count, self.axis, self.how)
        return {"on": spectra_of(on), "off": spectra_of(off), "target": torch.from_numpy(self.targets[index])}

    def batch(self, seed: int) -> dict[str, Tensor]:
        """Return all pairs as one batch, with noise that the seed decides."""
        state = np.random.get_state()
        np.random.seed(seed)
        found = [self[index] for index in range(len(self))]
        np.random.set_state(state)
        return {name: torch.stack([own[name] for own in found]) for name in found[0]}
