"""The abdominal stand-in: exact labels, attenuation by phase, likenesses that depth alone tells apart."""

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms.scans.raw import read_label_names, read_scan_rows
from mlmi2023.cohorts.sources.simulators.abdominal_ct.anatomy import draw_anatomy
from mlmi2023.cohorts.sources.simulators.abdominal_ct.cohort import simulate
from mlmi2023.cohorts.sources.simulators.abdominal_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.abdominal_ct.organs import NUMBER, ORGANS
from mlmi2023.cohorts.sources.simulators.abdominal_ct.phantom import build
from mlmi2023.cohorts.sources.simulators.abdominal_ct.scanner import scan
from mlmi2023.core.errors import InputError

SMALL = {"pixel": 5.0, "fine": {"in_plane": 2, "z": 2.5}, "thickness": [5.0]}
QUIET = {**SMALL, "noise": {"sd": [0.0, 0.0]}, "hu": {"texture": 0.0}, "psf": [0.01, 0.01]}


def config(options=SMALL, **keys):
    return {"seed": 7, "subjects": {"train": 1, "test": 1}, "options": options, **keys}


def patient(options=QUIET, seed=3):
    own = read_options({"options": options})
    phantom = build(np.random.default_rng([seed, 0]), own)
    return (phantom, *scan(phantom, np.random.default_rng([seed, 1]), own))


def test_a_cohort_has_all_organs_and_the_same_bytes_twice(tmp_path):
    for name in ("a", "b"):
        simulate(config(), tmp_path / name, 2 if name == "b" else 1)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 7
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)
    assert read_label_names(tmp_path / "a") == ORGANS
    rows = read_scan_rows(tmp_path / "a")
    assert [row["split"] for row in rows] == ["train", "test"]
    labels, place = read_labels(tmp_path / "a" / rows[0]["labels"])
    image, affine = read_volume(tmp_path / "a" / rows[0]["image"])
    assert labels.shape == image.shape and np.allclose(place, affine)
    volumes = np.bincount(labels.ravel(), minlength=14)[1:] * 0.125  # ml
    assert (volumes > 0).all()
    # a liver weighs about 1.5 kg, a gallbladder and an adrenal gland little: two orders of magnitude
    assert 800 < volumes[5] < 2600 and volumes[5] > 100 * volumes[11]


def test_labels_are_those_of_the_phantom_at_voxel_centres():
    phantom, image, labels, affine = patient()
    assert np.allclose(np.diag(affine)[:3], [5, 5, 5])
    assert np.array_equal(labels, phantom.labels[::2, ::2, 1::2][..., : labels.shape[2]])
    # right organs lie on the right, the liver is no spleen
    x = {name: np.nonzero(labels == NUMBER[name])[0].mean() for name in ("liver", "spleen", "left kidney")}
    assert x["liver"] > labels.shape[0] / 2 > max(x["spleen"], x["left kidney"])
    inside = image[labels == NUMBER["spleen"]]
    assert abs(np.median(inside) - 120) < 45 and np.median(image[labels == NUMBER["gallbladder"]]) < 60


def test_the_vena_cava_looks_like_the_aorta_in_the_portal_phase_alone():
    gap = {}
    for phase in ("portal", "arterial"):
        phantom = patient({**QUIET, "phases": {"portal": 0, "arterial": 0, phase: 1}})[0]
        means = [np.median(phantom.hu[phantom.labels == NUMBER[n]]) for n in ("aorta", "inferior vena cava")]
        assert phantom.phase == phase
        gap[phase] = means[0] - means[1]
    assert gap["arterial"] > 100 > 60 > abs(gap["portal"])


def test_likenesses_are_short_and_unlabelled_and_have_the_look_of_long_tubes():
    options = read_options({"options": SMALL})
    parts = draw_anatomy(np.random.default_rng(1), options)
    long = {p.name: p for p in parts if p.label in (NUMBER["aorta"], NUMBER["inferior vena cava"])}
    decoys = [p for p in parts if not p.label and p.name in ("aorta", "inferior vena cava", "oesophagus")]
    heights = [np.ptp(np.stack(p.solid.box())[:, 2]) for p in decoys]
    assert len(decoys) >= 5 and np.median(heights) < 75
    assert all(np.ptp(np.stack(p.solid.box())[:, 2]) > 250 for p in long.values())
    phantom = patient()[0]
    # what has a vessel's attenuation in a slice without being one: several times the vessel itself
    aorta = phantom.labels == NUMBER["aorta"]
    # the aorta runs through every slice
    assert aorta.any(axis=(0, 1)).all()


def test_thickness_averages_along_the_body_only():
    own = {**QUIET, "fine": {"in_plane": 2, "z": 2.5}}
    thin, thick = (patient({**own, "thickness": [t]})[1].astype(float) for t in (2.5, 10.0))
    count = thick.shape[2]
    means = [thin[..., 4 * k : 4 * k + 4].mean(axis=2) for k in range(count)]
    assert np.abs(np.stack(means, axis=2) - thick).max() < 2.0


def test_bad_options_are_one_line():
    for options, said in (
        ({"pixle": 2}, "did you mean 'pixel'"),
        ({"phases": {"late": 1}}, "late"),
        ({"pixel": 9}, "mm"),
    ):
        with pytest.raises(InputError, match=said):
            read_options({"options": options})
