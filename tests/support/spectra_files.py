"""Small files of MR spectroscopy as scanners write them."""

import numpy as np

from mlmi2023.physics.spectra import REFERENCE, times

#: MHz
FREQUENCY = 127.75
PARAMETERS = """!--- a comment
scan_id : MEGA
patient_name :
patient_position : "head_first"
patient_orientation : "supine"
samples : {samples}
rows : {rows}
synthesizer_frequency : 127750000
offset_frequency : 0
sample_frequency : {width}
nucleus : 1H
echo_time : 68
repetition_time : 2000
spectrum_inversion_time : 0
volume_selection_enable : "no"
"""


def fids(count=8, points=128, width=2000.0, edited=True):
    """Return transients (count, points) of NAA, creatine and choline; every second one lacks NAA."""
    when = times(points, width)
    turning = lambda ppm, a: a * np.exp(2j * np.pi * (ppm - REFERENCE) * FREQUENCY * when)  # noqa: E731
    both = turning(3.028, 25) + turning(3.21, 14)
    made = [both + (0 if edited and number % 2 else turning(2.008, 33)) for number in range(count)]
    return np.stack(made) * np.exp(-np.pi * 8 * when) * (1 + 0.001 * np.arange(count))[:, None]


def vax(values):
    """Return the bytes of numbers as VAX floats."""
    sign, size = np.signbit(values), np.abs(values)
    mantissa, exponent = np.frexp(size)
    whole = np.where(size > 0, np.rint((mantissa - 0.5) * 2**24).astype(np.int64), 0)
    power = np.where(size > 0, exponent + 128, 0).astype(np.int64)
    first = (sign.astype(np.int64) << 7) | (power >> 1)
    second = ((power & 1) << 7) | (whole >> 16)
    out = np.stack([second, first, whole & 255, (whole >> 8) & 255], -1).astype(np.uint8)
    return np.where((size > 0)[..., None], out, 0).astype(np.uint8).tobytes()


def write_sdat(file, made, width=2000.0, end=".spar"):
    """Write a SDAT file of transients (N, P), and its parameters beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(vax(np.stack([made.real, made.imag], -1).ravel()))
    text = PARAMETERS.format(samples=made.shape[1], rows=made.shape[0], width=int(width))
    file.with_suffix(end).write_text(text)
