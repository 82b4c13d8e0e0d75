"""Means over classes of which cases lack some: what a case adds has the mean, and the mean's spread."""

import numpy as np
import pytest

from mlmi2023.metrics.absent import class_mean_contributions, mean_contributions


def test_what_scans_add_to_a_mean_of_class_means_spreads_as_it_does():
    rng = np.random.default_rng(0)
    values = rng.normal([0.8, 0.3], 0.1, (300, 2))
    values[rng.random((300, 2)) > [0.6, 0.15]] = np.nan  # scans that lack a class
    added = class_mean_contributions(list(values.T))
    again = [np.nanmean(values[rng.integers(0, 300, 300)], axis=0).mean() for _ in range(2000)]
    assert added.mean() == pytest.approx(np.nanmean(values, axis=0).mean())
    assert added.std() / 300**0.5 == pytest.approx(np.std(again), rel=0.1)


def test_who_finds_all_of_it_has_no_spread_whichever_scan_has_which_class():
    rng = np.random.default_rng(1)
    values = np.where(rng.random((2, 50)) < 0.4, 1.0, np.nan)
    assert class_mean_contributions(list(values)) == pytest.approx(np.ones(50))


def test_a_class_that_nobody_has_is_no_mean():
    with pytest.raises(ValueError, match="no case has a value"):
        mean_contributions(np.full(3, np.nan))
