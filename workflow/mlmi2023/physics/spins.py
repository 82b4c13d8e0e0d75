"""Coupled protons by their density matrix: free evolution, ideal and selective pulses, lines of the spectrum.

The Hamiltonian is H = 2 pi (sum of nu_i Iz_i + sum of J_ij Ii.Ij), with strong coupling. Gradients around a
pulse are taken as perfect: what has not the coherence order that they are made for is gone.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

#: lines that are weaker than this share of one proton are left out
WEAK = 1e-7


class Spins(NamedTuple):
    """Protons that are coupled to each other.

    Attributes:
        shifts: ppm of each.
        couplings: J in Hz of pairs of them.
        protons: how many there are of the whole, 9 for three equivalent methyl groups that couple to nobody.
    """

    shifts: tuple[float, ...]
    couplings: Mapping[tuple[int, int], float] = {}
    protons: float = 1.0


class Lines(NamedTuple):
    """A spectrum's lines.

    Attributes:
        hertz: (L,) from the reference, above 0 towards high ppm.
        amplitudes: (L,) complex; those of one uncoupled proton after an echo sum to 1.
    """

    hertz: np.ndarray
    amplitudes: np.ndarray

    def fid(self, times: np.ndarray) -> np.ndarray:
        """Return the undamped FID at some times in s, (T,) complex."""
        return np.exp(2j * np.pi * np.outer(times, self.hertz)) @ self.amplitudes


@cache
def operators(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Iz and I+ of each of some spins, (count, D, D) each, with D = 2^count."""
    half, up, one = np.diag([0.5, -0.5]), np.array([[0.0, 1.0], [0.0, 0.0]]), np.eye(2)

    def alone(own: np.ndarray, place: int) -> np.ndarray:
        whole = np.eye(1)
        for number in range(count):
            whole = np.kron(whole, own if number == place else one)
        return whole

    z, plus = (np.stack([alone(own, place) for place in range(count)]) for own in (half, up))
    return z, plus


class Ensemble:
    """A spin system under a sequence of pulses and delays, from its excitation on.

    Args:
        spins: the protons.
        frequency: of the spectrometer, MHz.
        reference: ppm that is not seen to turn.
    """

    def __init__(self, spins: Spins, frequency: float, reference: float) -> None:
        self.spins = spins
        z, up = operators(len(spins.shifts))
        self._x, self._up = (up + up.transpose(0, 2, 1)) / 2, up.sum(0)
        y = (up - up.transpose(0, 2, 1)) / 2j
        offsets = (np.array(spins.shifts) - reference) * frequency
        energy = np.tensordot(offsets, z, 1).astype(complex)
        for (one, other), coupling in spins.couplings.items():
            energy += coupling * sum(own[one] @ own[other] for own in (self._x, y, z))
        self._levels, self._states = np.linalg.eigh(energy)
        total = np.diag(z.sum(0))
        self._orders = np.rint(total[:, None] - total[None, :]).astype(int)
        # what a pulse of 90 degrees leaves of the order -1, which is the one that is received
        self.density = self._up.T.astype(complex)

    def wait(self, seconds: float) -> None:
        """Let the spins evolve."""
        turn = self._states * np.exp(-2j * np.pi * self._levels * seconds)
        step = turn @ self._states.conj().T
        self.density = step @ self.density @ step.conj().T

    def pulse(self, angles: Sequence[float], order: int) -> None:
        """Turn each spin about x, and keep one order of coherence.

        Args:
            angles: of each spin, radians.
            order: that gradients keep.
        """
        levels, states = np.linalg.eigh(np.tensordot(np.asarray(angles, float), self._x, 1))
        step = (states * np.exp(-1j * levels)) @ states.conj().T
        self.density = np.where(self._orders == order, step @ self.density @ step.conj().T, 0)

    def lines(self) -> Lines:
        """Return what is received from now on."""
        states = self._states
        own = states.conj().T @ self.density @ states
        seen = states.conj().T @ self._up @ states
        amplitudes = own * seen.T / len(own) * 2
        hertz = self._levels[None, :] - self._levels[:, None]
        there = np.abs(amplitudes) > WEAK
        return Lines(hertz[there], amplitudes[there] * self.spins.protons)
