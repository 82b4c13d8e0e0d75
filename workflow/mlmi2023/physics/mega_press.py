"""MEGA-PRESS: a double echo with two selective pulses, which turn part of the spectrum or none of it.

At an echo time of 68 ms GABA's outer lines at 3 ppm stand on their head where nothing is edited (OFF). Pulses
at 1.9 ppm turn the protons that they couple to, so that they do not (ON). In ON - OFF these lines remain, and
what is not coupled to 1.9 ppm cancels. Protons that the selective pulses turn themselves are lost to the
gradients around them: NAA at 2.0 ppm is there in OFF alone.

Refocusing pulses are ideal and hit everything; relaxation is left to whoever uses the lines.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from mlmi2023.physics.metabolites import METABOLITES
from mlmi2023.physics.spectra import REFERENCE
from mlmi2023.physics.spins import Ensemble, Lines, Spins


class Sequence(NamedTuple):
    """Times and pulses.

    Attributes:
        delays: ms from excitation to the first refocusing pulse, from there to the first selective one, to
            the second refocusing one, to the second selective one, and to the first point that is received.
            Chemical shift is refocused where the second and third make up half of all.
        place: ppm of the selective pulses of ON.
        bandwidth: of their inversion at half its height, Hz.
    """

    delays: tuple[float, float, float, float, float] = (5.0, 17.0, 17.0, 17.0, 12.0)
    place: float = 1.9
    bandwidth: float = 82.0


#: an echo time of 68 ms, pulses of 15 ms or so
USUAL = Sequence()


def inverted(shifts: np.ndarray, sequence: Sequence, frequency: float) -> np.ndarray:
    """Return which share of spins at some ppm a selective pulse inverts: a Gaussian of its bandwidth."""
    away = (np.asarray(shifts, float) - sequence.place) * frequency / sequence.bandwidth
    return np.exp(-4 * np.log(2) * away**2)


def lines_of(spins: Spins, frequency: float, on: bool, sequence: Sequence = USUAL) -> Lines:
    """Return the lines of one group of protons.

    Args:
        spins: the group.
        frequency: of the spectrometer, MHz.
        on: whether it is edited.
        sequence: times and pulses.
    """
    system = Ensemble(spins, frequency, REFERENCE)
    whole = [np.pi] * len(spins.shifts)
    share = inverted(np.array(spins.shifts), sequence, frequency) if on else np.zeros(len(spins.shifts))
    angles = np.arccos(1 - 2 * share).tolist()
    # the order of coherence changes its sign in refocusing pulses alone
    waits = [own / 1000 for own in sequence.delays]
    for wait, pulse, order in zip(waits, (whole, angles, whole, angles), (1, 1, -1, -1)):
        system.wait(wait)
        system.pulse(pulse, order)
    system.wait(waits[-1])
    return system.lines()


@cache
def basis(frequency: float, sequence: Sequence = USUAL) -> dict[str, dict[bool, Lines]]:
    """Return the lines of each metabolite at 1 mM, by whether it is edited.

    Args:
        frequency: of the spectrometer, MHz.
        sequence: times and pulses.
    """
    found: dict[str, dict[bool, Lines]] = {}
    for name, metabolite in METABOLITES.items():
        found[name] = {}
        for on in (False, True):
            each = [lines_of(group, frequency, on, sequence) for group in metabolite.groups]
            found[name][on] = Lines(
                np.concatenate([own.hertz for own in each]), np.concatenate([own.amplitudes for own in each])
            )
    return found
