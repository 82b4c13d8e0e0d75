"""Ultrasound: geometry of a sector, speckle's statistics, shadows, walls, log compression."""

import numpy as np
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.physics.sector import Sector
from mlmi2023.physics.speckle import (
    RAYLEIGH,
    PointSpread,
    Scatterers,
    compress,
    echoes,
    interfaces,
    scatter,
    transmission,
)

SECTOR = Sector(depth=100, width=70, radius=30, samples=240, beams=160)
SPREAD = PointSpread(axial=1.2, lateral=2.4, focus=50, reach=40)


def heard(seed=0, sector=SECTOR, spread=SPREAD, density=1):
    rng = np.random.default_rng(seed)
    return echoes(sector, scatter(rng, sector, 25, density), spread)


def decay(values, axis):
    """Lag, in cells, at which the correlation of intensity along an axis falls to exp(-1/2)."""
    power = np.abs(values) ** 2
    power = np.moveaxis(power - power.mean(), axis, 0)
    found = [(power[: len(power) - lag] * power[lag:]).mean() / (power**2).mean() for lag in range(20)]
    below = int(np.argmax(np.array(found) < np.exp(-0.5)))
    a, b = found[below - 1], found[below]
    return below - 1 + (a - np.exp(-0.5)) / (a - b)


@pytest.mark.parametrize("radius, width", [(0, 75), (30, 70), (10, 200)])
@pytest.mark.parametrize("shape", [(64, 64), (60, 90)])
def test_there_and_back(radius, width, shape):
    sector = Sector(80, width, radius, 40, 30)
    x, z = sector.places()
    row, column = sector.indices(x, z)
    assert np.allclose(row, np.arange(40)[:, None]) and np.allclose(column, np.arange(30)[None])
    assert np.allclose(sector.to_mm(*sector.to_pixels(x, z, shape), shape), (x, z))
    at = sector.to_pixels(x, z, shape)
    assert min(a.min() for a in at) > -0.5 and at[0].max() < shape[0] - 0.5 and at[1].max() < shape[1] - 0.5
    assert sector.field(shape).any(axis=0).mean() > 0.6 or shape[0] != shape[1]


def test_an_image_survives_the_beams():
    x, z = SECTOR.pixels((96, 96))
    image = 0.5 + 0.4 * np.sin(x / 15) * np.cos(z / 20)
    inside = SECTOR.field((96, 96))
    back = SECTOR.to_image(SECTOR.from_image(image), (96, 96))
    from scipy import ndimage

    deep = ndimage.binary_erosion(inside, iterations=3)
    assert np.abs(back - image)[deep].max() < 0.01 and not back[~ndimage.binary_dilation(inside)].any()


def test_speckle_is_fully_developed():
    for density in (1, 4):
        envelope = np.abs(np.stack([heard(seed, density=density) for seed in range(3)]))
        assert envelope.mean() / envelope.std() == pytest.approx(RAYLEIGH, rel=0.04)
        assert (envelope**2).mean() == pytest.approx(1, rel=0.06)
        rows = (envelope**2).mean(axis=(0, 2))
        assert rows[:40].mean() == pytest.approx(rows[-40:].mean(), rel=0.25), "no depth is favoured"
    assert pytest.approx(1.913, abs=1e-3) == RAYLEIGH


@pytest.mark.parametrize("factor", [1.0, 1.6])
def test_correlation_length_follows_the_point_spread_function(factor):
    """Intensity of a Gaussian of standard deviation s falls to exp(-1/2) at a lag of s; cells add a sixth."""
    flat = Sector(depth=100, width=14, radius=400, samples=240, beams=160)
    spread = PointSpread(1.2 * factor, 2.4 * factor, 50, 1e6)
    made = [heard(seed, flat, spread) for seed in range(6)]
    axial = np.sqrt((1.2 * factor / flat.step) ** 2 + 1 / 6)
    assert decay(np.concatenate(made, axis=1), 0) == pytest.approx(axial, rel=0.1)
    lateral = np.sqrt((2.4 * factor / ((400 + 50) * flat.turn)) ** 2 + 1 / 6)
    assert decay(np.concatenate(made), 1) == pytest.approx(lateral, rel=0.1)


def test_speckle_is_wider_away_from_the_focus():
    near, far = (
        np.concatenate([heard(seed)[rows] for seed in range(8)])
        for rows in (slice(110, 130), slice(220, 240))
    )
    wider = SPREAD.width(98.0) / SPREAD.width(50.0) * 80 / 128
    assert decay(far, 1) / decay(near, 1) == pytest.approx(wider, rel=0.15)


def test_speckle_moves_with_its_scatterers():
    sector = Sector(60, 40, 400, 200, 160)
    cloud = scatter(np.random.default_rng(1), sector, 12)
    spread = PointSpread(1, 1.5, 30, 1e6)
    still = np.abs(echoes(sector, cloud, spread))
    along = np.abs(echoes(sector, cloud.moved(0, 5 * sector.step), spread))
    assert np.corrcoef(still[20:-30, 40:-40].ravel(), along[25:-25, 40:-40].ravel())[0, 1] > 0.98
    assert abs(np.corrcoef(still[20:-30, 40:-40].ravel(), along[20:-30, 40:-40].ravel())[0, 1]) < 0.4


def test_a_single_scatterer_lies_where_it_is():
    x, z = SECTOR.place(np.array([62.0]), np.array([0.2]))
    found = np.abs(echoes(SECTOR, Scatterers(x, z, np.ones(1, complex)), SPREAD))
    row, column = np.unravel_index(found.argmax(), found.shape)
    at = SECTOR.indices(x, z)
    assert (row, column) == (round(float(at[0][0])), round(float(at[1][0])))


def test_a_shadow_lies_behind_its_cause_along_the_beam():
    loss = np.zeros((240, 160))
    loss[80:90, 50:60] = 20 / (10 * SECTOR.step)
    left = transmission(SECTOR, loss)
    assert (left[:81] == 1).all() and (left[:, :50] == 1).all() and (left[:, 60:] == 1).all()
    assert np.allclose(left[90:, 50:60], 0.1) and (np.diff(left, axis=0) <= 0).all()


def test_walls_along_the_beam_drop_out():
    sector = Sector(80, 60, 20, 200, 150)
    x, z = sector.places()
    level = 1 / (1 + np.exp(-(15 - np.hypot(x, z - 40)) / 0.8))
    found = interfaces(sector, level, 2.0)
    top = found[(np.abs(x) < 3) & (np.abs(np.hypot(x, z - 40) - 15) < 1)].mean()
    rim = np.abs(np.hypot(x, z - 40) - 15) < 1
    along = (np.abs(x) / np.hypot(x, z + 20) * (z + 20) + 0 > 0) & rim & (np.abs(z - 34) < 2)
    assert found[along].mean() < 0.15 * top
    assert interfaces(sector, level, 0.0)[along].mean() > 0.8 * interfaces(sector, level, 0.0)[rim].mean()


def test_log_compression():
    grey = compress(np.array([1e-9, 0.001, 0.0316228, 1.0, 50.0]), 60)
    assert np.allclose(grey, [0, 0, 0.5, 1, 1], atol=1e-6)
    assert compress(np.array([0.1]), 60, 20) == pytest.approx(1) and compress(np.array([0.1]), 40) == 0.5


def test_what_no_probe_is():
    with pytest.raises(InputError, match="depth above 0"):
        Sector(0, 60)
    with pytest.raises(InputError, match="8 or more"):
        Sector(50, 60, 0, 4, 100)
