"""Stand-in tissue: types of cell by their look, truth that fits the image, keratin, reproducible bytes."""

import csv

import numpy as np
import pytest

from mlmi2023.cohorts.sources.simulators.histology import hardness, layouts, optics
from mlmi2023.cohorts.sources.simulators.histology.cohort import simulate
from mlmi2023.cohorts.sources.simulators.histology.ground import Glands, noise
from mlmi2023.cohorts.sources.simulators.histology.nuclei import Stained, shapes
from mlmi2023.cohorts.sources.simulators.histology.options import CELLS, TISSUES, read_options
from mlmi2023.cohorts.sources.simulators.histology.places import looks_of, settle
from mlmi2023.cohorts.sources.simulators.histology.samples import make_patch, make_tile

STAIN = {"hematoxylin": 1.0, "eosin": 1.0, "tint": 0.0}


def options(**more):
    return read_options(
        {"options": {"size": 64, "pixel": 0.75, "mixed": {"share": 0.0, "reach": 0.0}, **more}}
    )


def patch(tissue, seed=0, **more):
    return make_patch(np.random.default_rng([seed, 1]), tissue, STAIN, options(kind="patches", **more))


def test_nuclei_absorb_more_red_than_what_lies_around_them():
    for tissue in ("lymphocytes", "normal", "stroma", "tumour"):
        sample = patch(tissue, mimics={"density": [0.0, 0.0]})
        inside = sample.nuclei > 0
        red = sample.image[..., 0].astype(float)
        assert 0.02 < inside.mean() < 0.6 and red[inside].mean() < red[~inside].mean() - 30, tissue


def test_types_differ_in_size_shape_and_darkness_as_their_options_say():
    looks = looks_of(options()["cells"], 0.0)
    places = [layouts.Place(40.0 * n, 0.0, 1 + n % 5, 0.0) for n in range(1000)]
    found = settle(np.random.default_rng(0), places, looks, 1.0, 0.85)
    by = {name: found.kind == value for value, name in enumerate(CELLS, 1)}
    mean = {key: {n: found.look[key][own].mean() for n, own in by.items()} for key in found.look}
    assert mean["radius"]["neoplastic"] > mean["radius"]["epithelial"] > mean["radius"]["inflammatory"]
    assert mean["elongation"]["connective"] > 2 > mean["elongation"]["epithelial"]
    assert mean["absorbs"]["dead"] > mean["absorbs"]["inflammatory"] > mean["absorbs"]["epithelial"]
    nucleoli = {n: found.nucleoli[own].mean() for n, own in by.items()}
    assert nucleoli["neoplastic"] > nucleoli["epithelial"] > nucleoli["dead"] == 0


def test_likeness_takes_tumours_to_normal_epithelium():
    cells = options()["cells"]
    apart, half, alike = (looks_of(cells, value) for value in (0.0, 0.5, 1.0))
    assert alike["neoplastic"] == alike["epithelial"] and apart["neoplastic"] != apart["epithelial"]
    ends = [np.mean(own["neoplastic"]["radius"]) for own in (apart, half, alike)]
    assert ends[1] == pytest.approx((ends[0] + ends[2]) / 2)


def test_keratin_tells_tumours_from_normal_epithelium_that_look_alike():
    light = {name: [] for name in ("normal", "tumour", "stroma")}
    red = {name: [] for name in ("normal", "tumour")}
    for seed in range(12):
        for name in light:
            sample = patch(name, seed, likeness=1.0)
            light[name].append(np.quantile(sample.panck, 0.9))
            if name in red:
                red[name].append(sample.image.mean())
    assert np.mean(light["tumour"]) > 1.7 * np.mean(light["normal"]) > 3 * np.mean(light["stroma"])
    spread = np.std(red["normal"] + red["tumour"])
    assert abs(np.mean(red["normal"]) - np.mean(red["tumour"])) < spread


def test_nuclei_are_dark_in_fluorescence():
    sample = patch("tumour", 3)
    assert sample.panck[sample.nuclei > 0].mean() < 0.6 * sample.panck[sample.nuclei == 0].mean()


def test_maps_of_cells_have_their_errors_and_the_truth_has_none():
    mistaken = nuclei = 0
    for seed in range(8):
        sample = patch("lymphocytes", seed, errors=[0.1, 0.1])
        numbers = np.unique(sample.nuclei)[1:]
        true = [np.unique(sample.cells[sample.nuclei == n]) for n in numbers]
        found = [np.unique(sample.found[sample.nuclei == n]) for n in numbers]
        assert (
            all(len(own) == 1 for own in true + found) and ((sample.found > 0) == (sample.nuclei > 0)).all()
        )
        mistaken += sum(a[0] != b[0] for a, b in zip(true, found))
        nuclei += len(numbers)
        assert sample.about["nuclei"] == len(numbers)
    assert 0.04 < mistaken / nuclei < 0.17
    assert (patch("stroma", errors=[0.0, 0.0]).found == patch("stroma", errors=[0.0, 0.0]).cells).all()


def test_fat_background_and_mucus_have_hardly_any_nuclei_and_lymph_has_most():
    share = {t: np.mean([(patch(t, seed).nuclei > 0).mean() for seed in range(6)]) for t in TISSUES}
    assert share["background"] == 0 and share["adipose"] < 0.03 and share["mucus"] < 0.06
    assert max(share, key=share.get) in ("lymphocytes", "tumour") and share["stroma"] < share["lymphocytes"]


def test_mimics_are_no_nuclei():
    own = {"density": [8.0, 8.0], "radius": [2.0, 3.0], "absorbs": [0.8, 0.9]}
    bare, full = (patch("background", 2, mimics={**own, "density": d}) for d in ([0.0, 0.0], [8.0, 8.0]))
    assert not full.nuclei.any() and full.image.min() < 150 < bare.image.min()


def test_shapes_have_the_area_that_they_should_and_lie_where_they_should():
    x, y, radius = np.array([20.0, 50.0]), np.array([30.0, 20.0]), np.array([6.0, 8.0])
    ratio, none = np.array([1.0, 2.0]), np.zeros(2)
    window = shapes(np.random.default_rng(0), x, y, none, radius, ratio, none, 0.5)
    areas = window.cover.sum((1, 2)) * 0.25
    np.testing.assert_allclose(areas, np.pi * radius**2, rtol=0.03)
    for n in range(2):
        rows, columns = np.nonzero(window.cover[n] > 0.5)
        centre = (columns.mean() + window.columns[n] + 0.5) * 0.5, (rows.mean() + window.rows[n] + 0.5) * 0.5
        assert centre == pytest.approx((x[n], y[n]), abs=0.3)
    rows, columns = np.nonzero(window.cover[1] > 0.5)
    assert np.ptp(columns) == pytest.approx(2 * np.ptp(rows), rel=0.1), "along its angle, which is 0"


def test_hard_tissue_has_pale_nuclei_blue_ground_and_uneven_sections():
    random = np.random.default_rng(0)
    off = options()["hard"]
    looks = looks_of(options()["cells"], 0.0)
    places = [layouts.Place(20.0 * n, 0.0, 1 + n % 5, 0.0) for n in range(200)]
    nuclei = settle(random, places, looks, 1.0, 0.85)
    before = random.bit_generator.state
    assert hardness.paler(random, nuclei, off) is nuclei and hardness.basophilia(random, 8, 1.0, off) == 0
    assert random.bit_generator.state == before, "what is off leaves the random numbers of all else"
    pale = hardness.paler(random, nuclei, {**off, "vesicular": 1.0})
    large = np.isin(nuclei.kind, (1, 5))
    ratio = pale.look["absorbs"] / nuclei.look["absorbs"]
    assert (ratio[~large] == 1).all() and (ratio[large] <= 0.6).all() and (ratio[large] >= 0.3).all()
    assert pale.look["rim"][large].min() >= 0.5 > pale.look["rim"][~large].max()
    blue = hardness.basophilia(random, 64, 0.5, {**off, "basophilia": [0.3, 0.3]})
    assert blue.min() >= 0 and 0.05 < blue.mean() < 0.3 < blue.max()
    flat = np.full((64, 64), 0.4)
    stained = Stained(flat, flat, flat, flat, flat)
    thick = hardness.uneven(random, stained, 0.5, {**off, "thickness": 0.2})
    assert hardness.uneven(random, stained, 0.5, off) is stained
    assert thick.hematoxylin.std() == pytest.approx(0.08, abs=0.02)
    np.testing.assert_allclose(thick.hematoxylin, thick.eosin)
    assert (thick.pigment == flat).all()


def test_crowding_keeps_nuclei_apart():
    looks = looks_of(options()["cells"], 0.0)
    random = np.random.default_rng(0)
    places = [layouts.Place(*random.uniform(0, 60, 2), 2, 0.0) for _ in range(300)]
    found = settle(random, places, looks, 1.0, 1.0)
    away = np.hypot(found.x[:, None] - found.x, found.y[:, None] - found.y)
    sums = found.look["radius"][:, None] + found.look["radius"]
    np.fill_diagonal(away, 99)
    assert len(found.x) > 20 and (away >= sums - 1e-9).all()


def test_light_follows_beer_and_lambert():
    flat = np.full((16, 16), 0.5)
    none = np.zeros_like(flat)
    own = {**options()["scanner"], "white": [1, 1, 1], "gamma": [1, 1], "saturation": [1, 1], "noise": [0, 0]}
    own |= {"quality": [100, 100]}
    random = np.random.default_rng(0)
    image = optics.photograph(random, Stained(flat, none, none, none, none), STAIN, own, 0.5)
    blue, _ = optics.vectors(0.0)
    np.testing.assert_allclose(image[8, 8], 255 * 10 ** (-0.5 * blue), atol=2)
    assert image[8, 8, 2] > image[8, 8, 0], "hematoxylin is blue"
    image = optics.photograph(random, Stained(none, flat, none, none, none), STAIN, own, 0.5)
    assert image[8, 8, 0] > image[8, 8, 2] > image[8, 8, 1], "eosin is pink"


def test_organs_have_styles_of_their_own():
    own = options(kind="tiles")
    colours = {}
    for organ in own["organs"]:
        tiles = [make_tile(np.random.default_rng([n, 5]), organ, STAIN, own) for n in range(4)]
        # one that is fat or mucus alone may have none
        assert sum(bool(tile.nuclei.any()) for tile in tiles) >= 2
        colours[organ] = np.mean([tile.image.mean((0, 1)) for tile in tiles], axis=0)
    assert len({tuple(np.round(c)) for c in colours.values()}) == 7


def test_glands_have_a_ring_of_cells_inside_their_border():
    glands = Glands(np.random.default_rng(0), 128, 0.75, 22.0, 10.0, 0.05)
    places, _ = glands.ring(np.random.default_rng(1), 0.8, 6.0, 0.0)
    inside = places[((places > 1) & (places < 95)).all(1)]
    depth = glands.depth[(inside[:, 1] / 0.75).astype(int), (inside[:, 0] / 0.75).astype(int)]
    # where two glands meet, a place may be nearer to the other one
    assert np.median(depth) == pytest.approx(0.8, abs=0.03) and glands.depth.min() < 0.1


def test_noise_has_no_mean_and_the_scale_that_is_asked_for():
    fine, coarse = (noise(np.random.default_rng(0), 64, scale) for scale in (1.0, 6.0))
    for field in (fine, coarse):
        assert abs(field.mean()) < 1e-9 and field.std() == pytest.approx(1)
    step = [np.abs(np.diff(field)).mean() for field in (fine, coarse)]
    assert step[0] > 3 * step[1]


def test_patients_have_samples_and_bytes_do_not_depend_on_processes(tmp_path):
    config = {
        "seed": 2,
        "subjects": {"train": 2, "val": 1, "test": 1},
        "options": {"kind": "patches", "size": 24, "pixel": 1.0, "patches": [9, 10]},
    }
    for threads in (1, 2):
        simulate(config, tmp_path / str(threads), threads)
    found = sorted(f.relative_to(tmp_path / "1") for f in (tmp_path / "1").rglob("*") if f.is_file())
    assert all((tmp_path / "1" / f).read_bytes() == (tmp_path / "2" / f).read_bytes() for f in found)
    with open(tmp_path / "1/samples.csv") as stream:
        rows = list(csv.DictReader(stream))
    assert {r["tissue"] for r in rows if r["patient"] == "p00001"} == set(TISSUES)
    assert {(r["patient"], r["split"]) for r in rows} == {
        ("p00001", "train"), ("p00002", "train"), ("p00003", "val"), ("p00004", "test")
    }  # fmt: skip
