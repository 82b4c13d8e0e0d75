"""The filter before decimation: it shifts nothing, keeps what is slow, and takes what would fold over."""

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.physics.lowpass import lowpass

COUNT, PLACES = 200, np.arange(60, 141, 4)


def wave(period):
    return torch.cos(2 * torch.pi * (torch.arange(COUNT) - 3.0) / period).double()


def test_slow_waves_stay_where_they_are_and_fast_ones_go():
    operator = lowpass(COUNT, PLACES, 4, 49)
    slow = operator(wave(40), 0)
    assert torch.allclose(slow, wave(40)[PLACES], atol=0.01)
    # 5 samples a period: every fourth of them would look like a slow wave
    assert operator(wave(5), 0).abs().max() < 0.02 < wave(5)[PLACES].abs().max()


def test_a_constant_is_kept_up_to_both_ends():
    operator = lowpass(30, np.arange(0, 30, 7), 7, 49)
    assert np.allclose(operator.matrix.sum(axis=1), 1) and operator.matrix.shape == (5, 30)


def test_a_filter_without_a_middle_is_refused():
    with pytest.raises(InputError, match="odd number"):
        lowpass(30, np.arange(3), 4, 48)
