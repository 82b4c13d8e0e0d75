"""Spins against what is known of them, and edited spectra whose peaks lie where textbooks have them."""

import numpy as np
import pytest

from mlmi2023.physics.mega_press import Sequence, basis, inverted, lines_of
from mlmi2023.physics.metabolites import METABOLITES
from mlmi2023.physics.resampled import resampled
from mlmi2023.physics.spectra import REFERENCE, between, ppm_axis, times, to_fids, to_spectra
from mlmi2023.physics.spins import Ensemble, Spins

FREQUENCY, POINTS, WIDTH = 127.758, 2048, 2000.0
PPM = ppm_axis(POINTS, WIDTH, FREQUENCY)


def spectrum(names, on):
    when = times(POINTS, WIDTH)
    fid = sum(METABOLITES[name].concentration * basis(FREQUENCY)[name][on].fid(when) for name in names)
    return to_spectra(fid * np.exp(-np.pi * 7 * when)).real


def difference(*names):
    return spectrum(names or [*METABOLITES], True) - spectrum(names or [*METABOLITES], False)


def centre(values, low, high):
    """The place of a peak, whatever its inner shape, as the mean of its ppm."""
    seen = between(PPM, low, high)
    return float((values[seen] * PPM[seen]).sum() / values[seen].sum())


def test_a_line_above_water_turns_forward_and_lies_to_the_left():
    assert PPM[0] > PPM[-1] and PPM[POINTS // 2] == REFERENCE
    fid = np.exp(2j * np.pi * (5.5 - REFERENCE) * FREQUENCY * times(POINTS, WIDTH))
    assert abs(PPM[np.abs(to_spectra(fid)).argmax()] - 5.5) < 0.01
    assert np.allclose(to_fids(to_spectra(fid)), fid)


def test_two_weakly_coupled_spins_are_two_doublets():
    system = Ensemble(Spins((1.0, 4.0), {(0, 1): 7.0}), FREQUENCY, REFERENCE)
    found = system.lines()
    strong = np.abs(found.amplitudes) > 0.1
    wanted = [(ppm - REFERENCE) * FREQUENCY + half for ppm in (1.0, 4.0) for half in (-3.5, 3.5)]
    assert np.allclose(np.sort(found.hertz[strong]), np.sort(wanted), atol=0.1)
    assert np.allclose(found.amplitudes[strong], 0.5, atol=0.02)


def test_a_singlet_is_refocused_and_a_doublet_turns_with_its_coupling():
    alone = lines_of(Spins((3.0,), {}, 3.0), FREQUENCY, on=False)
    assert np.allclose(alone.amplitudes.sum(), 3.0)
    # two spins far apart: the echo of 68 ms turns outer lines by cos(pi J TE)
    pair = lines_of(Spins((1.0, 4.2), {(0, 1): 1 / 0.068}), FREQUENCY, on=False)
    assert np.allclose(pair.amplitudes.sum().real, -2.0, atol=0.05)


def test_the_difference_has_gaba_at_3_glx_at_3_75_and_naa_upside_down_at_2():
    whole = difference()
    assert abs(centre(difference("GABA"), 2.85, 3.15) - 3.0) < 0.02
    assert abs(centre(whole, 2.85, 3.15) - 3.0) < 0.02 and whole[between(PPM, 2.85, 3.15)].max() > 0
    assert abs(centre(whole, 3.68, 3.83) - 3.75) < 0.02 and whole[between(PPM, 3.68, 3.83)].max() > 0
    lowest = PPM[whole.argmin()]
    assert abs(lowest - 2.0) < 0.02 and whole.min() < -5 * whole[between(PPM, 2.85, 3.15)].max()


def test_creatine_cancels_and_gaba_s_outer_lines_turn_over():
    creatine = np.abs(difference("Cr", "PCr")).max() / spectrum(["Cr", "PCr"], False).max()
    assert creatine < 1e-3
    off, on = (spectrum(["GABA"], own) for own in (False, True))
    sides = between(PPM, 3.06, 3.09) | between(PPM, 2.93, 2.96)
    assert off[sides].mean() < 0 < on[sides].mean()


def test_editing_reaches_as_far_as_its_pulse():
    share = inverted(np.array([1.9, 1.9 + 41 / FREQUENCY, 3.03]), Sequence(), FREQUENCY)
    assert np.allclose(share[:2], [1, 0.5]) and share[2] < 1e-3
    here, away = (lines_of(Spins((ppm,)), FREQUENCY, on=True).amplitudes.sum() for ppm in (1.9, 3.9))
    assert abs(here) < 1e-6 and np.isclose(away, 1)


@pytest.mark.parametrize(("width", "frequency", "points"), [(5000.0, 127.7, 4096), (4000.0, 123.2, 2048)])
def test_another_spectrometer_s_lines_keep_place_and_height(width, frequency, points):
    when = times(points, width)
    fid = np.exp(2j * np.pi * (3.0 - REFERENCE) * frequency * when - np.pi * 8 * when)
    found = to_spectra(resampled(fid[None], width, frequency, (POINTS, WIDTH, FREQUENCY)))[0]
    assert abs(PPM[found.real.argmax()] - 3.0) < 0.01
    # the line is as wide in ppm as before, and begins as high
    native = np.exp(-np.pi * 8 * FREQUENCY / frequency * times(POINTS, WIDTH))
    assert np.isclose(found.real.max(), to_spectra(native).real.max(), rtol=0.1)
