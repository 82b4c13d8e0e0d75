"""FLAIR stand-ins with lesions: number, load, place and brightness are what the options say; sites differ."""

import numpy as np
import pytest
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms.scans.raw import read_scan_rows
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject
from mlmi2023.cohorts.sources.simulators.flair_lesions.cohort import simulate
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION, Lesions, survey
from mlmi2023.cohorts.sources.simulators.flair_lesions.options import read_options
from mlmi2023.core.errors import InputError

QUIET = {"gamma": 1.0, "noise": 0.0, "thickness": 1.0}
CONFIG = {
    "seed": 5,
    "subjects": {"train": 1, "dev_out": 1},
    "options": {
        "brain": {"spacing": 4.0, "fov": [180, 216, 180], "bias": {"peak": [0, 0]}, "landmarks": 32},
        "lesions": {"load": [20.0, 20.0]},
        "sites": {"a": {"splits": ["train"], **QUIET}, "b": {"splits": ["dev_out"], **QUIET, "noise": 0.1}},
    },
}


@pytest.fixture(scope="module")
def maps():
    return build_maps(4.0, 32)


@pytest.fixture(scope="module")
def ground(maps):
    return survey(maps)


def subject(maps, ground, seed, **lesions):
    options = read_options({**CONFIG, "options": {**CONFIG["options"], "lesions": lesions}})
    plain = draw_subject(1, "train", 1, ["FLAIR"], options["brain"], maps)
    return plain, Lesions(options["lesions"], ground).apply(plain, maps, np.random.default_rng(seed))


def test_load_count_and_place(maps, ground):
    found = {}
    for load in (1.0, 20.0):
        _, own = subject(maps, ground, 3, load=[load, load], count=[12, 12])
        mask = own.labels == LESION
        found[load] = mask.sum() / 1000
        # lesions may overlap and end where fluid begins
        assert 0.4 * load < found[load] < 1.3 * load
        parts = ndimage.label(mask, np.ones((3, 3, 3)))[0]
        # rough edges may shed a few voxels, neighbours may grow together
        assert 5 <= (np.bincount(parts.ravel())[1:] > 0.02 * mask.sum()).sum() <= 12
    assert found[20.0] > 8 * found[1.0]
    wide = Lesions(read_options(CONFIG)["lesions"] | {"load": [0.3, 30.0]}, ground)
    loads = [wide._sizes(np.random.default_rng(seed)).sum() for seed in range(200)]
    assert max(loads) / min(loads) > 50


def test_most_lesions_lie_beside_the_ventricles(maps, ground):
    near = {}
    for elsewhere in (0.0, 1.0):
        _, own = subject(maps, ground, 4, load=[3.0, 3.0], count=[40, 40], elsewhere=elsewhere)
        mask = own.labels == LESION
        ventricle = np.isin(maps.labels, [29, 30])
        near[elsewhere] = np.median(ndimage.distance_transform_edt(~ventricle)[mask])
    assert near[0.0] < 14 < near[1.0]


def test_lesions_are_brighter_than_any_brain_tissue_and_others_stay(maps, ground):
    plain, own = subject(maps, ground, 3)
    means = own.contrasts["FLAIR"].means
    assert means["lesion"] > means["gm"] > means["wm"]
    assert plain.tissues.keys() == {"gm", "wm", "csf", "soft", "fat", "vitreous"}
    assert "lesion" not in plain.contrasts["FLAIR"].means
    total = sum(own.tissues[name] for name in ("gm", "wm", "csf"))
    before = sum(plain.tissues[name] for name in ("gm", "wm", "csf"))
    assert (total <= before + 1e-5).all() and (before - total).max() > 0.5


def test_files_are_stripped_images_with_lesions_and_sites_differ(tmp_path):
    simulate(CONFIG, tmp_path, 1)
    rows = read_scan_rows(tmp_path)
    assert [(r["split"], r["site"]) for r in rows] == [("train", "a"), ("dev_out", "b")]
    noise = []
    for row in rows:
        image, _ = read_volume(tmp_path / row["image"])
        labels, _ = read_labels(tmp_path / row["labels"], empty=True)
        assert labels.shape == image.shape and set(np.unique(labels)) == {0, 1}
        assert (image[labels > 0] > 0).all() and image[0].max() == 0
        brain = image[(image > 0) & (labels == 0)]
        assert np.median(image[labels > 0]) > 1.15 * np.median(brain)
        noise.append((image - ndimage.median_filter(image, 3))[image > 0].std() / np.median(brain))
    assert noise[1] > 1.2 * noise[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sites": {}}, "no site"),
        ({"sites": {"a": {"splits": ["train"]}}}, "no site serves the split 'dev_out'"),
        ({"sites": {"a": {"splt": []}}}, "unknown option 'splt'"),
        ({"lesions": {"load": [0, 1]}}, "above 0 ml"),
        ({"lesion": {}}, "did you mean 'lesions'"),
    ],
)
def test_bad_options_are_one_line(change, said):
    with pytest.raises(InputError, match=said):
        read_options({**CONFIG, "options": {**CONFIG["options"], **change}})
