"""The stand-in of head CT: classes by place and not brightness, look-alikes, thick slices, two scanners."""

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import read_labels
from mlmi2023.cohorts.forms.scans.raw import read_label_names, read_scan_rows
from mlmi2023.cohorts.sources.simulators.head_ct.anatomy import build
from mlmi2023.cohorts.sources.simulators.head_ct.bleeds import DRAW, add_bleeds
from mlmi2023.cohorts.sources.simulators.head_ct.cohort import make_scan, simulate
from mlmi2023.cohorts.sources.simulators.head_ct.mimics import KINDS, add_mimics
from mlmi2023.cohorts.sources.simulators.head_ct.options import BLEEDS, read_options
from mlmi2023.cohorts.sources.simulators.head_ct.scanner import voted
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.core.errors import InputError

SMALL = {
    "shape": [36, 40],
    "slices": [16, 16],
    "pixel": 5.0,
    "thickness": 9.0,
    "fine": {"in_plane": 1, "z": 3},
}


@pytest.fixture(scope="module")
def options():
    return read_options({"options": SMALL})


@pytest.fixture(scope="module")
def head(options):
    return build(np.random.default_rng(5), options)


def test_a_cohort_has_the_same_bytes_twice_and_bleeds_where_it_should(tmp_path):
    subjects = {"train": 2, "no_bleed": 1, "unlabelled": 1}
    config = {"seed": 3, "subjects": subjects, "options": SMALL}
    for name in ("a", "b"):
        simulate(config, tmp_path / name, 2 if name == "b" else 1)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    assert read_label_names(tmp_path / "a") == BLEEDS
    rows = read_scan_rows(tmp_path / "a")
    maps = [read_labels(tmp_path / "a" / row["labels"], empty=True)[0] for row in rows]
    assert [row["split"] for row in rows] == ["train", "train", "no_bleed", "unlabelled"]
    assert maps[0].any() and maps[1].any() and not maps[2].any() and maps[0].shape == (36, 40, 16)
    assert (
        "unlabelled" not in (tmp_path / "a/slices.csv").read_text()
        and "004" not in (tmp_path / "a/slices.csv").read_text()
    )


def test_each_kind_lies_where_its_name_says(head, options):
    found = {}
    for name in DRAW:
        masks = [DRAW[name](np.random.default_rng(n), head, options["bleeds"][name]) for n in range(6)]
        assert all(mask.any() for mask in masks), name
        found[name] = masks
    for mask in found["intraventricular"]:
        assert head.ventricles[mask].all()
    for mask in found["subarachnoid"]:
        assert head.fluid[mask].all() and not head.ventricles[mask].any()
    for mask in found["intraparenchymal"]:
        assert head.brain[mask].all() and head.depth[mask].min() > 5
    for mask in found["subdural"]:
        side = head.space.x[mask]
        assert (side > 0).all() or (side < 0).all()  # does not cross the middle
    for name in ("subdural", "epidural"):
        assert all(head.depth[mask].min() > 0 and head.depth[mask].max() < 19 for mask in found[name])

    # a crescent is wide and thin, a lens narrow and thick
    def span(mask):
        return max(np.ptp(part[mask]) for part in (head.space.x, head.space.y, head.space.z))

    thick = {name: np.median([head.depth[m].max() for m in found[name]]) for name in ("subdural", "epidural")}
    wide = {name: np.median([span(m) for m in found[name]]) for name in ("subdural", "epidural")}
    assert thick["epidural"] > thick["subdural"] and wide["subdural"] > 1.3 * wide["epidural"]


def test_brightness_tells_no_class(options):
    means = {value: [] for value in BLEEDS}
    for number in range(40):
        own = build(np.random.default_rng([1, number % 2]), options)
        labels = add_bleeds(np.random.default_rng([2, number]), own, options)
        for value in np.unique(labels[labels > 0]):
            means[value].append(own.hu[labels == value].mean())
    assert all(50 < np.mean(own) < 85 for own in means.values() if len(own) > 3)
    assert np.ptp([np.mean(own) for own in means.values() if len(own) > 3]) < 12
    counts = {BLEEDS[value]: len(own) for value, own in means.items()}
    assert counts["intraparenchymal"] > counts["intraventricular"] > counts["epidural"]


def test_what_looks_like_blood_is_never_labelled_and_lies_beside_it(options):
    own = build(np.random.default_rng(4), options)
    before, labels = own.hu.copy(), np.zeros(own.hu.shape, np.uint8)
    labels[own.depth > 30] = 2
    assert add_mimics(np.random.default_rng(0), own, labels, 1.0, options["mimics"]) == list(KINDS)
    changed = own.hu != before
    assert changed.any() and not changed[labels > 0].any()
    assert add_mimics(np.random.default_rng(0), own, labels, 0.0, options["mimics"]) == []


def test_the_second_scanner_is_noisier_and_a_thick_slice_averages(options):
    quiet = read_options({"options": {**SMALL, "noise": {"sd": [0.0, 0.0]}}})
    spread = {}
    for split in ("no_bleed", "unlabelled"):
        own = read_options({"options": {**SMALL, "bleeding": {"unlabelled": 0.0}}})
        noisy, _, _, _ = make_scan(Patient(1, "1", split, 7), own)
        clean, _, _, _ = make_scan(Patient(1, "1", split, 7), {**quiet, "bleeding": own["bleeding"]})
        spread[split] = (noisy.astype(float) - clean).std()
    assert spread["unlabelled"] > 1.2 * spread["no_bleed"]
    labels = np.zeros((2, 2, 4), np.uint8)
    labels[:, :, :2] = 3
    assert voted(labels, (2, 2, 4)).ravel().tolist() == [3]  # half of the voxel
    labels[0, 0, 0] = 0
    assert voted(labels, (2, 2, 4)).ravel().tolist() == [0]
    labels[...] = 5
    labels[0] = 4
    labels[1, 0, 0] = 4
    assert voted(labels, (2, 2, 4)).ravel().tolist() == [4]  # of two, the class with more


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"options": {"chance": {"epidural": 2.0}}}, "not between 0 and 1"),
        ({"options": {"chance": dict.fromkeys(BLEEDS.values(), 0.0)}}, "no bleed has a chance"),
        ({"options": {"scanner": {"train": "c"}}}, "no scanner"),
        ({"options": {"noise": {"sd": [6.0, 3.0]}}}, "lower and an upper"),
        ({"options": {"hue": 1}}, "unknown option 'hue'"),
        ({"subjects": {"trian": 1}}, "unknown option 'trian'"),
        ({"options": {"shape": [2, 2]}}, "8 x 8 pixels"),
    ],
)
def test_bad_options_are_one_line(config, says):
    with pytest.raises(InputError, match=says) as caught:
        read_options(config)
    assert "\n" not in str(caught.value)
