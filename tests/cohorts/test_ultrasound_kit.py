"""The kit of ultrasound simulators: vendors, walls, ribs, calcifications, moving tissue; bytes by seed."""

import numpy as np
import pytest

from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine
from mlmi2023.cohorts.sources.simulators.ultrasound.options import VENDORS, read_scanner, scanner
from mlmi2023.cohorts.sources.simulators.ultrasound.tissue import (
    calcifications,
    labels_in,
    levels,
    patches,
    ribs,
    walls,
)
from mlmi2023.core.errors import InputError
from mlmi2023.physics.speckle import scatter

PROBE = scanner([100, 100], [70, 70], [20, 20])


def machine(seed=0, **more):
    return draw_machine(np.random.default_rng(seed), read_scanner({**PROBE, **more}))


def disc(own, radius=20, shape=(200, 200)):
    x, z = own.sector.pixels(shape)
    return (np.hypot(x, z - 55) < radius).astype(np.uint8)


def picture(own, labels, seed=0, shift=0.0, **more):
    rng = np.random.default_rng(seed)
    strength = 10 ** (levels(labels, {0: -6, 1: -40}) / 20)
    cloud = scatter(rng, own.sector, own.margin)
    of_each = own.sector.read(strength, cloud.x, cloud.z)
    return own.picture(rng, cloud.moved(shift, 0 * cloud.z), of_each, (96, 96), **more)


def test_a_cavity_is_dark_and_outside_is_black():
    own = machine()
    labels = disc(own)
    image, inside = picture(own, labels), labels_in(own.sector, labels, (96, 96)) > 0
    field = own.sector.field((96, 96))
    assert image.shape == (96, 96) and image.dtype == np.uint8 and not image[~field].any()
    assert image[inside].mean() < 0.5 * image[field & ~inside].mean()
    assert inside.sum() == pytest.approx(np.pi * (20 / own.sector.pixel((96, 96))) ** 2, rel=0.03)


def test_same_seed_same_bytes():
    own, labels = machine(), disc(machine())
    assert picture(own, labels).tobytes() == picture(own, labels).tobytes()
    assert picture(own, labels).tobytes() != picture(own, labels, seed=1).tobytes()


def test_vendors_differ():
    labels = disc(machine())
    made = {name: picture(machine(vendor=name), labels) for name in VENDORS}
    field = machine().sector.field((96, 96))
    smooth = {
        name: np.abs(np.diff(image.astype(float), axis=1))[field[:, 1:]].mean()
        for name, image in made.items()
    }
    assert smooth["soft"] < 0.7 * smooth["sharp"] and smooth["hard"] > smooth["soft"]
    assert len({round(float(image[field].mean())) for image in made.values()}) == 3


def test_ribs_and_calcifications_shadow_what_is_behind():
    own = machine(style={"noise": [-90, -90]})
    sector, rng = own.sector, np.random.default_rng(0)
    loss = ribs(rng, sector, 1, 8, 40)
    assert loss[1:].max() == 0 and (loss[0] * sector.step).max() == pytest.approx(40, rel=0.01)
    where = np.zeros((200, 200))
    where[100, 100] = 1
    bright, lost = calcifications(rng, sector, where, 1, 3, 8, 30)
    row, column = np.unravel_index(bright.argmax(), bright.shape)
    assert bright.max() == pytest.approx(8, rel=0.05)
    assert (lost.sum(axis=0) * sector.step)[column] == pytest.approx(30, rel=0.05)
    plain = np.zeros((200, 200), np.uint8)
    without, with_grain = (picture(own, plain, **more) for more in ({}, {"mirror": bright, "loss": lost}))
    x, z = sector.pixels((96, 96))
    depth, angle = sector.polar(x, z)
    behind = (
        (np.abs(angle - sector.angles[0, column]) < 0.01) & (depth > sector.depths[row, 0] + 8) & (depth < 98)
    )
    before = (
        (np.abs(angle - sector.angles[0, column]) < 0.01) & (depth < sector.depths[row, 0] - 8) & (depth > 5)
    )
    assert with_grain[behind].mean() < without[behind].mean() - 40
    assert with_grain[before].mean() == pytest.approx(without[before].mean(), abs=2)
    nothing = calcifications(rng, sector, 0 * where, 3, 3, 8, 30)
    assert not nothing[0].any() and not nothing[1].any()


def test_walls_are_bright_where_they_face_the_probe():
    own = machine()
    mirror = walls(own.sector, disc(own), 4, 1, 2)
    x, z = own.sector.places()
    top, side = (np.abs(x) < 3) & (z < 50), (np.abs(z - 50) < 3) & (np.abs(x) > 15)
    assert mirror[top].max() == pytest.approx(4, rel=0.12)
    assert mirror[side].max() < 1.2


def test_tissue_that_moves_takes_its_speckle_along():
    own = machine(style={"noise": [-90, -90]})
    labels = np.zeros((200, 200), np.uint8)
    pixel = own.sector.pixel((96, 96))
    still, moved = picture(own, labels).astype(float), picture(own, labels, shift=3 * pixel).astype(float)
    middle = slice(40, 56)
    same = np.corrcoef(still[middle, 30:60].ravel(), moved[middle, 33:63].ravel())[0, 1]
    other = np.corrcoef(still[middle, 30:60].ravel(), moved[middle, 30:60].ravel())[0, 1]
    assert same > 0.85 and same > other + 0.3


def test_uneven_tissue():
    own = machine()
    found = patches(np.random.default_rng(0), own.sector, (128, 128), 4)
    assert found.mean() == pytest.approx(0, abs=1e-9) and found.std() == pytest.approx(1)
    with pytest.raises(ValueError, match=r"labels \[3\]"):
        levels(np.array([[0, 3]]), {0: 1.0})


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"vendor": "shrap"}, r"scanner\.vendor: unknown name 'shrap'; did you mean 'sharp'"),
        ({"style": {"gian": [1, 2]}}, r"scanner\.style: unknown option 'gian'"),
        ({"style": {"gain": [2, 1]}}, r"scanner\.style\.gain: \[2, 1\] is not a pair"),
        ({"style": {"axial": [0, 1]}}, r"scanner\.style\.axial: must be above 0"),
        ({"depth": [0, 10]}, r"give a depth above 0 mm"),
        ({"beams": 4}, r"scanner\.beams: 4 is not between"),
    ],
)
def test_wrong_scanners_are_one_line(more, says):
    with pytest.raises(InputError, match=says) as caught:
        read_scanner({**PROBE, **more})
    assert "\n" not in str(caught.value)
