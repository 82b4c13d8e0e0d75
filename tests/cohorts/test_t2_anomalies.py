"""T2 stand-ins: ventricles as bright as lesions, tumours that push, scanners that differ."""

import numpy as np
import pytest

from bad_inputs import said
from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.sources.simulators.brain.maps import build_maps
from mlmi2023.cohorts.sources.simulators.brain.subject import draw_subject
from mlmi2023.cohorts.sources.simulators.brain.warps import Warp
from mlmi2023.cohorts.sources.simulators.flair_lesions.lesions import LESION, survey
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.cohorts.sources.simulators.t2_anomalies.cohort import make_subject, simulate
from mlmi2023.cohorts.sources.simulators.t2_anomalies.options import read_options
from mlmi2023.cohorts.sources.simulators.t2_anomalies.tumours import Tumour

BRAIN = {"spacing": 4.0, "fov": [176, 208, 176], "bias": {"peak": [0, 0]}, "landmarks": 2}


def config(disease, **options):
    return {
        "seed": 5,
        "subjects": {"val": 1, "test": 1},
        "modalities": ["T2w"],
        "options": {"disease": disease, "brain": BRAIN, **options},
    }


@pytest.fixture(scope="module")
def maps():
    return build_maps(4.0, 2)


def grown(maps, seed=3, **tumour):
    options = read_options(config("tumour", tumour=tumour))
    plain = draw_subject(1, "test", 1, ["T2w"], options["brain"], maps)
    return plain, Tumour(options["tumour"]).apply(plain, maps, np.random.default_rng(seed))


def test_a_tumour_moves_tissue_outwards_from_its_middle(maps):
    plain, ill = grown(maps, radius=[18.0, 18.0], push=[0.4, 0.4])
    middle = np.argwhere(ill.labels == LESION).mean(0)
    place = maps.label_affine[:3, :3] @ middle + maps.label_affine[:3, 3]
    pull = ill.velocity - plain.velocity
    voxel = float(maps.velocity_affine[0, 0])
    points = np.moveaxis(np.indices(pull.shape[1:]) * voxel, 0, -1) + maps.velocity_affine[:3, 3] - place
    away = np.linalg.norm(points, axis=-1)
    inward = -(np.moveaxis(pull, 0, -1) * points).sum(-1) / np.maximum(away, 1e-6)
    ring = (away > 14) & (away < 22)
    assert 4 < inward[ring].mean() < 0.4 * 18 * 1.1, "the map from patient to template points inwards"
    assert inward[away > 60].max() < 0.3 < inward[ring].min()
    # without folding, and with a tumour that is larger in the patient than it is drawn
    assert Warp(ill.pose, ill.velocity, maps.velocity_affine).displacement() is not None


def test_tissues_give_way_and_shades_are_those_of_the_options(maps):
    plain, ill = grown(maps, core={"chance": 1.0})
    assert {"solid", "core", "oedema"} <= set(ill.tissues) and ill.tissues["core"].max() > 0.5
    total = sum(np.asarray(part) for part in ill.tissues.values())
    before = sum(np.asarray(part) for part in plain.tissues.values())
    inside = np.asarray(maps.brain) > 0.99
    assert np.allclose(total[inside], before[inside], atol=0.02)
    means = ill.contrasts["T2w"].means
    assert means["core"] < means["oedema"] and means["solid"] > means["gm"]
    assert "solid" not in plain.contrasts["T2w"].means


@pytest.fixture(scope="module")
def folder(maps, tmp_path_factory):
    """What all patients share, as :func:`simulate` saves it."""
    place = tmp_path_factory.mktemp("shared")
    for name, shared in (("maps", maps), ("ground", survey(maps))):
        (place / name).mkdir()
        shared.save(place / name)
    return place


def patient(folder, out, disease, **options):
    """The image and labels of one patient."""
    made = read_options(config(disease, **options))
    row = make_subject(Patient(1, "001", "test", 5), made, folder, out)
    assert row[:2] == ("sub-001", "test")
    image, _ = read_volume(out / "sub-001/anat/sub-001_T2w.nii.gz")
    labels, _ = read_labels(out / "derivatives/labels/sub-001/anat/sub-001_dseg.nii.gz")
    return image, labels


@pytest.mark.parametrize("disease", ["none", "tumour", "lesions"])
def test_files_are_stripped_and_labelled(folder, tmp_path, disease):
    image, labels = patient(folder, tmp_path, disease, lesions={"load": [20.0, 20.0]})
    assert set(np.unique(labels)) == ({0, 2} if disease == "none" else {0, 1, 2})
    assert np.array_equal(labels > 0, image > 0)
    if disease != "none":
        brain = image[labels == 2]
        bright = np.percentile(image[labels == 1], 75)  # beyond the dark middle that a tumour may have
        assert bright > 1.2 * np.median(brain)
        # the fluid of the ventricles: a threshold alone takes it before any lesion
        assert np.percentile(brain, 99.8) > bright


def test_scanners_differ(folder, tmp_path):
    one, _ = patient(folder, tmp_path / "a", "none", scanner={"noise": 0.0})
    other, _ = patient(folder, tmp_path / "b", "none", scanner={"noise": 0.1, "gamma": 1.4})
    assert np.array_equal(one > 0, other > 0)
    spots = (slice(20, 24), slice(20, 30), slice(20, 24))
    rough = [np.diff(x[spots], axis=0).std() / x[x > 0].mean() for x in (one, other)]
    assert rough[1] > rough[0]
    assert np.median(other[other > 0]) < np.median(one[one > 0])


def test_a_cohort_is_written_with_its_tables(tmp_path):
    simulate({**config("none"), "subjects": {"val": 1}}, tmp_path, 1)
    assert "sub-001\tval" in (tmp_path / "participants.tsv").read_text()
    assert (tmp_path / "derivatives/labels/dseg.tsv").read_text() == "index\tname\n1\tlesion\n2\tbrain\n"
    assert (tmp_path / "sub-001/anat/sub-001_T2w.nii.gz").exists() and (tmp_path / "cohort.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"disease": "tumor"}, "did you mean 'tumour'"),
        ({"tumour": {"push": [0.5, 0.9]}}, "space would fold"),
        ({"tumour": {"radius": [20, 10]}}, "options.tumour.radius"),
        ({"scanner": {"nois": 1}}, "did you mean 'noise'"),
        ({"brain": {"spacng": 2}}, "did you mean 'spacing'"),
    ],
)
def test_bad_options_are_one_line(options, words):
    said(lambda: read_options({"options": options}), words)


def test_another_modality_is_one_line():
    said(lambda: read_options({"modalities": ["T1w"]}), "T2w alone")
