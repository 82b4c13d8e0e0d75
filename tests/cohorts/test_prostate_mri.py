"""MRI of the prostate: zones and lesions lie where anatomy has them, mimics are dark on T2 alone."""

import numpy as np
import pytest
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume
from mlmi2023.cohorts.sources.simulators.kit.patients import plan
from mlmi2023.cohorts.sources.simulators.prostate_mri.cohort import cast, simulate
from mlmi2023.cohorts.sources.simulators.prostate_mri.gland import build
from mlmi2023.cohorts.sources.simulators.prostate_mri.lesions import draw_lesions, sextant
from mlmi2023.cohorts.sources.simulators.prostate_mri.options import read_options
from mlmi2023.cohorts.sources.simulators.prostate_mri.scanner import paint, pose, scan, slab
from mlmi2023.cohorts.sources.simulators.prostate_mri.tissues import NUMBER, draw_means
from mlmi2023.core.errors import InputError

SMALL = {
    "fine": 2.0,
    "field": [72.0, 72.0, 72.0],
    "images": {
        "T2_axial": {"pixel": 2.0, "thickness": 6.0},
        "T2_sagittal": {"pixel": 2.0, "thickness": 6.0},
        "T2_coronal": {"pixel": 2.0, "thickness": 6.0},
        "ADC": {"pixel": 3.0, "thickness": 6.0},
        "DCE_early": {"pixel": 3.0, "thickness": 6.0},
        "DCE_late": {"pixel": 3.0, "thickness": 6.0},
    },
}


def options(**own):
    return read_options({"options": {**SMALL, **own}, "subjects": {"train": 1}})


@pytest.fixture(scope="module")
def gland():
    return build(np.random.default_rng(3), options())


def patient(gland, ill, **own):
    return draw_lesions(np.random.default_rng(5), gland, ill, options(**own))


def test_zones_lie_where_anatomy_has_them(gland):
    x, y, z = gland.points
    middle = {zone: [float(p[gland.zones == zone].mean()) for p in (x, y, z)] for zone in (1, 2, 3, 4)}
    assert middle[3][1] > middle[2][1] > middle[1][1]  # stroma in front, peripheral zone behind
    assert middle[4][2] < min(middle[k][2] for k in (1, 2, 3))
    # the urethra is one tube that goes on below the gland
    tube = gland.zones == 4
    assert ndimage.label(tube)[1] == 1 and z[tube].min() <= z[gland.inside()].min() - 4
    assert not (gland.inside() & (gland.depth <= 0)).any()
    assert (gland.tissue[gland.zones == 1] == NUMBER["peripheral"]).all()
    # bladder above, rectum behind
    assert z[gland.tissue == NUMBER["bladder"]].min() > 0 > y[gland.tissue == NUMBER["stool"]].max()


def test_glands_lie_as_far_from_the_middle_as_asked():
    def middles(**own):
        for seed in range(4):
            gland = build(np.random.default_rng(seed), options(gland=own))
            inside = gland.zones == 1
            yield 2.0 * (np.array(ndimage.center_of_mass(inside)) - (np.array(inside.shape) - 1) / 2)

    still, moved = np.array(list(middles())), np.array(list(middles(place=7.0)))
    assert np.ptp(moved, axis=0).min() > 3 > np.ptp(still[:, 0])
    assert (np.abs(moved[:, 0] - still[:, 0]) <= 7 + 2).all() and (
        np.abs(moved - still).max(axis=0) > 1
    ).all()


def test_lesions_lie_in_glands_with_cancer_alone_and_mimics_in_both(gland):
    ill, well = patient(gland, True), patient(gland, False)
    assert ill.labels.any() and not well.labels.any() and not well.about
    assert ill.mimics.any() and well.mimics.any()
    assert np.isin(gland.zones[ill.labels > 0], (1, 2)).all()
    assert not (ill.mimics & (ill.labels > 0)).any()
    assert all(row["sextant"].split()[1] in ("apex", "mid", "base") for row in ill.about)


def test_a_mixed_lesion_has_its_core_inside(gland):
    own = {
        "share": 1.0,
        "count": [1, 1],
        "radius": [9.0, 9.0],
        "kinds": {"mixed": 1, "indolent": 0, "aggressive": 0},
    }
    mixed = patient(gland, True, cancer=own)
    core, rim = mixed.labels == 2, mixed.labels == 1
    assert 0 < core.sum() < rim.sum() * 2
    away = [np.linalg.norm([p[m].mean() for p in gland.points]) for m in (core, core | rim)]
    assert abs(away[0] - away[1]) < 5
    assert mixed.about[0]["kind"] == "mixed"


def test_mimics_are_dark_on_t2_alone_and_cancer_on_both(gland):
    ill = patient(gland, True)
    factor = {kind: [float(f[mask].mean()) for f in ill.factors.values()]
              for kind, mask in (("cancer", ill.labels > 0), ("mimic", ill.mimics))}  # fmt: skip
    assert factor["cancer"][0] < 0.85 and factor["cancer"][1] < 0.85
    assert factor["mimic"][0] < 0.75 and factor["mimic"][1] > 0.9
    untouched = ~ill.mimics & (ill.labels == 0) & ~np.isin(gland.zones, (1, 2))
    assert all((f[untouched] == 1).all() for f in ill.factors.values())


def test_sextants_are_named_by_side_and_height(gland):
    x, _, z = gland.points
    assert sextant(gland, (x < -5) & (z < -8)) == "left apex"
    assert sextant(gland, (x > 5) & (z > 9)) == "right base"


def test_each_plane_is_sharp_where_the_others_are_not(gland):
    own = options(motion={"shift": 0.0, "turn": 0.0})
    well = patient(gland, False)
    means = draw_means(np.random.default_rng(1), 0.0)
    seen = paint(np.random.default_rng(2), gland, well, means, 3.0)
    edges = {}
    for name, axis in (("T2_axial", 2), ("T2_sagittal", 0), ("T2_coronal", 1)):
        image, affine = scan(
            np.random.default_rng(4), name, seen["t2"], gland.step, own["scanners"]["a"], own
        )
        spacing = np.diag(affine)[:3]
        assert spacing[axis] == 6 and np.delete(spacing, axis).tolist() == [2, 2]
        slopes = [np.abs(np.diff(image.astype(float), axis=k)).mean() / spacing[k] for k in range(3)]
        edges[axis] = slopes[axis] / np.mean(np.delete(slopes, axis))
    assert all(ratio < 1 for ratio in edges.values())


@pytest.mark.parametrize("width", [1.0, 3.5, 4.0, 5.0])
def test_a_slice_is_the_mean_around_its_middle(width):
    spot = np.zeros((1, 1, 15), np.float32)
    spot[0, 0, 7] = 1.0
    seen = slab(spot, width, 2)[0, 0]
    assert np.allclose(seen, seen[::-1]) and np.isclose(seen.sum(), 1) and np.isclose(seen.max(), 1 / width)


def test_everyone_moves_but_the_reference(gland):
    motion = {"shift": 1.0, "turn": 2.0}
    assert np.array_equal(pose(np.random.default_rng(0), "T2_axial", motion), np.eye(4))
    moved = pose(np.random.default_rng(0), "ADC", motion)
    assert 0 < np.linalg.norm(moved[:3, 3]) < 4 and np.allclose(moved[:3, :3] @ moved[:3, :3].T, np.eye(3))
    well = patient(gland, False)
    seen = paint(np.random.default_rng(2), gland, well, draw_means(np.random.default_rng(1), 0.0), 3.0)[
        "late"
    ]
    quiet = {"bias": {"size": [0.0, 0.0]}, "gain": 0.0}
    found = {}
    for shift in (0.0, 3.0):
        own = options(motion={"shift": shift, "turn": 0.0}, **quiet)
        found[shift] = scan(np.random.default_rng(9), "DCE_late", seen, gland.step, own["scanners"]["a"], own)
    assert np.array_equal(found[0.0][1], found[3.0][1])  # headers do not know
    assert np.corrcoef(found[0.0][0].ravel(), found[3.0][0].ravel())[0, 1] < 0.95


def test_a_cohort_is_the_same_twice_and_lies_on_the_grids_asked_for(tmp_path):
    config = {"seed": 2, "subjects": {"train": 2, "test": 1}, "options": SMALL}
    for name, threads in (("a", 1), ("b", 2)):
        simulate(config, tmp_path / name, threads)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 3 * 10 + 3
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    raw = tmp_path / "a" / "a"
    assert read_volume(raw / "T2_sagittal/001.nii.gz")[0].shape == (12, 36, 36)
    assert read_labels(raw / "zones/001.nii.gz")[0].shape == (36, 36, 36)
    both = {"grids": "axial", "truth": "axial", "make": ["T2_axial", "ADC"]}
    simulate({**config, "options": {**SMALL, **both}}, tmp_path / "c")
    own = tmp_path / "c" / "a"
    image = read_volume(own / "T2_axial/001.nii.gz")
    for name in ("lesions", "gland", "cancer"):
        check_same_grid(image, read_labels(own / name / "001.nii.gz", empty=True), name)
    check_same_grid(read_volume(own / "ADC/001.nii.gz"), image, "ADC")
    gland, cancer = (read_labels(own / name / "001.nii.gz")[0] for name in ("gland", "cancer"))
    assert np.array_equal(cancer > 0, gland > 0) and not (own / "DCE_late").exists()


def test_shares_of_cancer_and_scanners_are_kept_in_every_split():
    config = {
        "seed": 1,
        "subjects": {"train": 8, "test": 4},
        "options": {"scanners": {"a": {"splits": ["train"]}, "b": {"noise": 2.0}}},
    }
    found = cast(plan(config), read_options(config))
    ill = [cancer for _, cancer in found.values()]
    assert sum(ill[:8]) == 6 and sum(ill[8:]) == 3
    assert {name for name, _ in list(found.values())[8:]} == {"b"}
    assert {name for name, _ in list(found.values())[:8]} == {"a", "b"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"glnd": {}}, "did you mean 'gland'"),
        ({"make": ["ADC"]}, "T2_axial"),
        ({"make": ["T2_axial", "ADCC"]}, "did you mean 'ADC'"),
        ({"fine": 9}, "fine"),
        ({"gland": {"place": 30.0}}, "gland.place"),
        ({"grids": "mine"}, "own or axial"),
        ({"cancer": {"share": 2.0}}, "share"),
        ({"cancer": {"kinds": {"mild": 1.0}}}, "mild"),
        ({"images": {"ADC": {"plane": "oblique"}}}, "plane"),
        ({"looks": {"mimic": [1.0, 1.0]}}, "four factors"),
        ({"scanners": {"b": {"splits": ["test"]}}}, "train"),
        ({"scanners": {"b": {"nois": 1}}}, "noise"),
    ],
)
def test_bad_options_are_one_line(given, expected):
    with pytest.raises(InputError) as error:
        read_options({"options": given, "subjects": {"train": 1}})
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
