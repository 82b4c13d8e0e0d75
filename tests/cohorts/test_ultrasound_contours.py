"""Stand-in ultrasound of known contours: series, masks, contrast; bytes whoever makes them."""

import csv

import numpy as np
import pytest
from skimage.draw import polygon2mask

from mlmi2023.cohorts.formats.photographs import read_photo
from mlmi2023.cohorts.sources.simulators.ultrasound.machine import draw_machine
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.cohort import simulate
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.options import STRUCTURES, read_options
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.scenes import make_scene
from mlmi2023.cohorts.sources.simulators.ultrasound_contours.shapes import ORDERS, cut, template
from mlmi2023.core.errors import InputError

SMALL = {"samples": 128, "beams": 64}


def scene(anatomy, seed=0, **more):
    options = read_options({"options": {"anatomy": anatomy, "size": 64, "scanner": SMALL, **more}})
    rng = np.random.default_rng(seed)
    return make_scene(rng, draw_machine(rng, options["scanner"]), options)


def test_a_series_of_seven_orders_is_found_again():
    shape = template("pear")
    assert shape.coefficients.shape == (7, 4)
    again = cut(shape.points(4096))
    # parameters differ along the contour, places do not
    apart = np.abs(again.points()[:, None] - shape.points(2000)[None]).sum(-1).min(1)
    assert apart.max() < 0.02
    turned = shape.turned(np.pi / 2, (2.0, 3.0)).points() - shape.centre
    assert np.allclose(turned, (shape.points() - shape.centre)[:, ::-1] * [-3, 2])


@pytest.mark.parametrize("anatomy", STRUCTURES)
def test_masks_are_what_the_contours_enclose(anatomy):
    made = scene(anatomy)
    assert set(np.unique(made.labels)) == set(range(1 + len(STRUCTURES[anatomy])))
    points = made.contours[0].points()
    corners = np.stack(made.sector.to_pixels(points[:, 0], points[:, 1], (64, 64)), axis=1)
    assert np.array_equal(made.labels == 1, polygon2mask((64, 64), corners))
    assert made.sector.field((64, 64))[made.labels == 1].mean() > 0.9


def test_blood_is_darker_than_its_wall():
    for seed in range(3):
        made = scene("heart", seed)
        means = [made.image[made.labels == k].mean() for k in (1, 2, 3)]
        assert means[2] > means[0] + 25 and means[2] > means[1] + 10


def test_detail_lies_in_high_orders():
    plain, rough = (
        np.mean([scene("head", n, detail=d).contours[0].coefficients[3:] ** 2 for n in range(3)])
        for d in ([0.0, 0.0], [0.1, 0.1])
    )
    assert rough > 20 * plain


def test_rays_from_the_middle_cross_an_arch_twice():
    made = scene("hook", detail=[0, 0], low=[0, 0])
    points = made.contours[0].points(2000)
    angle = np.arctan2(*(points - made.contours[0].centre).T)
    turns = np.abs(np.diff(np.sign(np.diff(np.unwrap(angle))))).sum() / 2
    assert turns >= 2, "the angle runs back and forth"
    head = scene("head", detail=[0, 0], low=[0, 0]).contours[0]
    assert (np.diff(np.unwrap(np.arctan2(*(head.points(200) - head.centre).T))) < 0).all()


def test_files_hold_the_truth_and_bytes_do_not_depend_on_processes(tmp_path):
    options = {"anatomy": "heart", "size": 48, "scanner": SMALL}
    config = {"seed": 4, "subjects": {"train": 2, "val": 1, "test": 1}, "options": options}
    for threads in (1, 2):
        simulate(config, tmp_path / str(threads), threads)
    files = sorted(f.relative_to(tmp_path / "1") for f in (tmp_path / "1").rglob("*") if f.is_file())
    assert len(files) == 11
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in files)
    with open(tmp_path / "1/truth.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["structure"] for row in rows[:3]] == ["lv", "la", "mc"] and len(rows) == 12
    one = rows[0]
    angle = 2 * np.pi * np.arange(360)[:, None] / 360 * ORDERS
    a, b, c, d = (np.array([float(one[f"{letter}{n}"]) for n in ORDERS]) for letter in "abcd")
    x = float(one["x"]) + np.sin(angle) @ a + np.cos(angle) @ b
    y = float(one["y"]) + np.sin(angle) @ c + np.cos(angle) @ d
    mask = read_photo(tmp_path / f"1/masks/{one['subject']}.png", grey=True)[0][..., 0]
    assert np.abs((mask == 1).astype(int) - polygon2mask((48, 48), np.stack([y, x], 1))).sum() <= 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"anatomy": "hart"}, r"options\.anatomy: unknown word 'hart'; did you mean 'heart'"),
        ({"size": 8}, r"options\.size: 8 is not between"),
        ({"detail": [0.1, 0.5]}, "tie knots"),
        ({"radius": [3, 2]}, r"options\.radius: \[3, 2\] is not a pair"),
        ({"scanner": {"vendor": "blurred"}}, r"options\.scanner\.vendor: unknown name"),
        ({"wal": [1, 2]}, r"unknown option 'wal'"),
    ],
)
def test_wrong_options_are_one_line(options, says):
    with pytest.raises(InputError, match=says) as caught:
        read_options({"options": options})
    assert "\n" not in str(caught.value)
