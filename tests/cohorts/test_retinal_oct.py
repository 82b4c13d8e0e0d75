"""Stand-in B-scans: where lesions and distractors lie, how they look, who they belong to."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from bad_inputs import said
from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.cohorts.sources.simulators.retinal_oct.cohort import SPAN, draw_person, make_scan, simulate
from mlmi2023.cohorts.sources.simulators.retinal_oct.options import DEFAULTS, read_options
from mlmi2023.cohorts.sources.simulators.retinal_oct.retina import layer_levels, surfaces
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

CALM = {"shadows": {"count": [0, 0]}, "scanner": {"looks": [40, 40]}}


def options(name, **more):
    given = read_yaml(ROOT / f"config/cohorts/{name}.yaml")["all"]["options"]
    return read_options({"options": merge(merge(given, {"size": 64, **CALM}), more)})


def scans(name, count=12, **more):
    own = options(name, **more)
    for number in range(count):
        rng = np.random.default_rng(number)
        person = draw_person(rng, own)
        yield own, person, make_scan(np.random.default_rng(100 + number), person, 0.5, own), number


def geometry(person, number, size=64):
    """Surfaces of a scan of :func:`scans`, at the middle of its pixels."""
    x = (np.arange(size) + 0.5) / size
    return surfaces(np.random.default_rng(100 + number), person.retina, 0.0 * SPAN, x), x


def test_lesions_touch_the_pigment_epithelium_from_below_and_distractors_do_not():
    for own, person, scan, number in scans("oct_mcnv"):
        surface, y = geometry(person, number)
        below = (y[:, None] - surface.under) * 64
        assert scan.mask.any() and below[scan.mask].min() > -1
        assert below[scan.mask].min() < 1.5, "it begins at the pigment epithelium"
        low, high = own["lesions"]["area"]
        assert 0.9 * low <= scan.mask.mean() <= 1.1 * high
        assert scan.about["distractors"] >= 1 and not (scan.mask & scan.distractors).any()
        around = below[scan.distractors]
        assert not ((around > -2) & (around < 1)).any(), "nothing else lies there"


def test_only_their_place_tells_lesions_from_distractors():
    bright, alike, around = [], [], []
    for _, person, scan, number in scans("oct_mcnv", 20, gain=[0.0, 0.0]):
        core, other = (ndimage.binary_erosion(m) for m in (scan.mask, scan.distractors))
        surface, y = geometry(person, number)
        below = (y[:, None] - surface.under) * 64
        ring = ndimage.binary_dilation(scan.mask, iterations=4) & ~ndimage.binary_dilation(
            scan.mask, iterations=2
        )
        ring &= (below > 2) & ~ndimage.binary_dilation(scan.distractors, iterations=2)
        if core.any() and other.any() and ring.any():
            bright.append(scan.image[core].mean())
            alike.append(scan.image[other].mean())
            around.append(scan.image[ring].mean())
    assert len(bright) > 8
    assert np.mean(bright) > np.mean(around) + 15
    assert abs(np.mean(bright) - np.mean(alike)) < 8


def test_fluid_is_dark_and_inside_the_retina():
    absent = 0
    for own, person, scan, number in scans("oct_dme", 20):
        surface, y = geometry(person, number)
        if not scan.mask.any():
            absent += 1
            continue
        inside = (y[:, None] > surface.inner - 0.02) & (y[:, None] < surface.pigment)
        assert inside[scan.mask].all() and scan.mask.mean() <= 1.3 * own["lesions"]["area"][1] + 4 / 64**2
        retina = inside & ~ndimage.binary_dilation(scan.mask, iterations=2)
        if (core := ndimage.binary_erosion(scan.mask)).any():
            assert scan.image[core].mean() < scan.image[retina].mean() - 25
        assert not (inside & scan.distractors).any()
    assert absent < 8


def test_layers_have_their_levels_from_above_to_below():
    own = options("oct_mcnv")
    person = draw_person(np.random.default_rng(3), own)
    x = (np.arange(512) + 0.5) / 512
    surface = surfaces(np.random.default_rng(0), person.retina, 0.0, x)
    assert (np.diff(surface.bounds, axis=0) > 0).all()
    level = layer_levels(surface, own["levels"], 0.0, x)
    column = 60
    middles = [0.0, *((surface.bounds[:-1] + surface.bounds[1:]) / 2)[:, column], 0.999]
    found = [level[int(middle * 512), column] for middle in middles]
    assert found == pytest.approx(list(own["levels"].values()), abs=1.0)
    fading = layer_levels(surface, own["levels"], 30.0, x)
    assert fading[-1, column] < level[-1, column] - 3 and fading[0, column] == level[0, column]


def test_scans_of_a_patient_are_alike_and_lesions_change_slowly():
    own = options("oct_mcnv")
    person = draw_person(np.random.default_rng(1), own)
    masks = [make_scan(np.random.default_rng(7 + n), person, n / 7, own).mask for n in range(8)]
    other = make_scan(np.random.default_rng(7), draw_person(np.random.default_rng(2), own), 0.0, own).mask

    def dice(a, b):
        return 2 * (a & b).sum() / (a.sum() + b.sum())

    near = np.mean([dice(a, b) for a, b in itertools.pairwise(masks)])
    assert near > 0.5 and near > dice(masks[0], other) and len({m.tobytes() for m in masks}) == 8


def test_patients_are_the_same_whoever_else_is_made_and_share_a_part_of_the_split(tmp_path):
    given = read_yaml(ROOT / "config/cohorts/oct_dme.yaml")["all"]
    small = {"subjects": {"train": 2, "val": 1, "test": 1}, "options": {"size": 32, "scans": 3}}
    config = merge(given, small)
    simulate(config, tmp_path / "one")
    simulate({**config, "subjects": {"train": 2}}, tmp_path / "two", threads=2)
    for name in ("images/p002_03.png", "masks/p001_01.png"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    form.pack(config, tmp_path / "one", tmp_path / "packed", "dme")
    cohort = open_images(tmp_path / "packed")
    assert len(cohort) == 12 and cohort.images.shape == (12, 32, 32, 1) and cohort.classes == ["fluid"]
    assert (
        cohort.groups[:4] == ["p001"] * 3 + ["p002"]
        and cohort.splits == ["train"] * 6 + ["val"] * 3 + ["test"] * 3
    )
    assert len((tmp_path / "one/truth.csv").read_text().splitlines()) == 13


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"size": 8}, "size of 24 to 4096"),
        ({"scans": 0}, "1 to 500 B-scans"),
        ({"retina": {"depth": [0.6, 0.5]}}, "lower and an upper"),
        ({"retina": {"pit": [-0.5, 0.5]}}, "below 0"),
        ({"lesions": {"place": "behind"}}, "'behind' is none of under, deep, inside, front"),
        ({"lesions": {"place": "deep"}}, "no distractor may"),
        ({"lesions": {"share": 1.5}}, "between 0 and 1"),
        ({"lesions": {"count": [0, 1]}}, "starts below 1"),
        ({"lesions": {"area": [0.0, 0.1]}}, "shares of the image above 0"),
        ({"lesions": {"edge": 0.0}}, "lengths above 0"),
        ({"distractors": {"count": [1, 99]}}, "at most 20"),
        ({"distractors": {"count": [1.5, 2]}}, "no whole numbers"),
        ({"scanner": {"looks": [0, 2]}}, "looks start at 1"),
        ({"levels": {"choroids": -3.0}}, "did you mean 'choroid'"),
    ],
)
def test_wrong_options_are_one_line(given, words):
    said(lambda: read_options({"options": given}), words)
    assert read_options({})["size"] == DEFAULTS["size"]
