"""The stand-in of breathing lungs: its map, its images and its landmarks say the same."""

import csv
import functools
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.sources.simulators.breathing_lungs.cohort import patient_breath, simulate
from mlmi2023.cohorts.sources.simulators.breathing_lungs.geometry import LOBES, SIDES
from mlmi2023.cohorts.sources.simulators.breathing_lungs.motion import columns
from mlmi2023.cohorts.sources.simulators.breathing_lungs.options import read_options
from mlmi2023.cohorts.sources.simulators.breathing_lungs.scanner import make_grid, to_exhale
from mlmi2023.cohorts.sources.simulators.kit.patients import Patient
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash
from mlmi2023.fields.displacement import warp

CONFIG = {
    "seed": 2023,
    "subjects": {"train": 1, "test": 1},
    "options": {
        "spacing": [5.0, 5.0, 5.0],
        "phases": [0, 30, 50],
        "special": {"2": {"motion": {"diaphragm": [32.0, 32.0], "uneven": [0.0, 0.0]}}},
    },
}


@functools.cache
def cohort():
    folder = Path(tempfile.mkdtemp()) / "raw"
    simulate(CONFIG, folder, 1)
    return folder


def points(patient, phase):
    with open(cohort() / patient / f"landmarks_{phase}.csv", newline="") as stream:
        return np.array([[float(row[axis]) for axis in "xyz"] for row in csv.DictReader(stream)])


def breath_of(patient):
    return patient_breath(Patient(int(patient), patient, "", CONFIG["seed"]), read_options(CONFIG))


def inner(breath, percent, side, count=400):
    """Places well inside a lung at a phase."""
    rng = np.random.default_rng(4)
    box = np.array([140.0, 100.0, 130.0])
    found = rng.uniform(-box, box, (60 * count, 3))
    return found[breath.inside(percent, side, columns(found), 0.05) & (found[:, 0] * side > 0)][:count]


@pytest.mark.parametrize("patient", ["1", "2"])
def test_the_map_is_smooth_one_to_one_and_still_at_exhale(patient):
    breath = breath_of(patient)
    for side in SIDES:
        own = inner(breath, 50, side)
        assert np.abs(np.column_stack(breath.pull(50, side, *own.T)) - own).max() < 1e-9
        for percent in (0, 20, 75):
            places = inner(breath, percent, side)
            tissue = np.column_stack(breath.pull(percent, side, *places.T))
            assert np.abs(breath.push(percent, side, tissue) - places).max() < 1e-5
            # volumes keep their orientation and change by less than a factor of four
            step = 0.01
            columns = [
                (np.column_stack(breath.pull(percent, side, *(places + step * axis).T)) - tissue) / step
                for axis in np.eye(3)
            ]
            volume = np.linalg.det(np.stack(columns, -1))
            assert volume.min() > 0.25 and volume.max() < 2
    # the way in is not the way out
    side = 1
    way_in, way_out = (np.column_stack(breath.pull(p, side, *inner(breath, 0, side).T)) for p in (75, 25))
    assert np.linalg.norm(way_in - way_out, axis=1).mean() > 0.5


def test_lungs_slide_along_the_wall_and_the_diaphragm_moves_by_centimetres():
    breath = breath_of("2")
    chest, (cx, cy), (rx, _) = breath.chest, breath.chest.middle(1), breath.chest.radii
    z = np.array([chest.dome[0] + 10.0])
    edge = np.array([cx + 0.97 * rx]) * (1 + breath.growth[0])
    inside, wall = breath.pull(0, 1, edge, np.array([cy]), z), breath.shrink(0, edge, np.array([cy]), z)
    assert inside[2][0] - z[0] > 8  # tissue at the wall has come down by so much; the wall has not
    assert abs(inside[0][0] - wall[0][0]) < 1  # and has not left the wall
    lobes = {phase: read_labels(cohort() / f"2/{phase}_lobes.nii.gz")[0] > 0 for phase in ("T00", "T50")}
    lowest = {phase: np.nonzero(m[45, 22])[0].min() * 5.0 for phase, m in lobes.items()}
    assert 20 <= lowest["T50"] - lowest["T00"] <= 40
    assert lobes["T00"].sum() > 1.1 * lobes["T50"].sum()


def test_landmarks_correspond_exactly_and_lie_on_vessels():
    start = {}
    for patient in ("1", "2"):
        breath, inhale, exhale = breath_of(patient), points(patient, "T00"), points(patient, "T50")
        assert inhale.shape == exhale.shape == (300, 3)
        for side in SIDES:
            own = inhale[:, 0] * side > 0
            pulled = np.column_stack(breath.pull(0, side, *inhale[own].T))
            assert own.sum() > 80 and np.abs(pulled - exhale[own]).max() < 1e-3
        for phase, marks in (("T00", inhale), ("T50", exhale)):
            image, affine = read_volume(cohort() / f"{patient}/{phase}.nii.gz")
            lobes = read_labels(cohort() / f"{patient}/{phase}_lobes.nii.gz")[0]
            voxel = np.rint((marks - affine[:3, 3]) / 5.0).astype(int)
            # the nearest voxel of a few lies beyond the edge
            assert (lobes[tuple(voxel.T)] > 0).mean() > 0.98
            assert image[tuple(voxel.T)].mean() > image[lobes > 0].mean() + 60
        start[patient] = np.linalg.norm(inhale - exhale, axis=1).mean()
        # landmarks are apart from each other
        gaps = np.linalg.norm(exhale[:, None] - exhale[None], axis=2) + 99 * np.eye(300)
        assert gaps.min() > 1
    assert 2 < start["1"] < 10 < start["2"] < 22


def test_images_follow_the_truth_and_not_its_mirror():
    moving = read_volume(cohort() / "2/T50.nii.gz")[0]
    fixed = read_volume(cohort() / "2/T00.nii.gz")[0]
    inside = read_labels(cohort() / "2/T00_lobes.nii.gz")[0] > 0
    grid = make_grid(read_options(CONFIG))
    way = to_exhale(breath_of("2"), 0, grid)
    import nibabel as nib

    assert np.allclose(nib.load(cohort() / "2/truth.nii.gz").get_fdata(), way, atol=1e-4)
    u = torch.from_numpy(np.moveaxis(way / grid.spacing, -1, 0).astype(np.float32))[None]

    def alike(field):
        warped = warp(torch.from_numpy(moving)[None, None], field, padding="border")[0, 0].numpy()
        return np.corrcoef(warped[inside], fixed[inside])[0, 1]

    assert alike(u) > 0.7
    assert alike(0 * u) < 0.45 and alike(-u) < 0.45 and alike(u.flip(1)) < 0.45


def test_lungs_thin_out_and_keep_their_mass():
    for patient in ("1", "2"):
        mass, mean = {}, {}
        for phase in ("T00", "T50"):
            image = read_volume(cohort() / f"{patient}/{phase}.nii.gz")[0]
            inside = read_labels(cohort() / f"{patient}/{phase}_lobes.nii.gz")[0] > 0
            mass[phase], mean[phase] = (image[inside] + 1000).sum(), np.median(image[inside])
        assert mean["T00"] < mean["T50"] - 10
        assert mass["T00"] == pytest.approx(mass["T50"], rel=0.08)


def test_five_lobes_and_their_sides():
    lobes, affine = read_labels(cohort() / "1/T50_lobes.nii.gz")
    middles = {v: affine[:3, :3] @ np.argwhere(lobes == v).mean(0) + affine[:3, 3] for v in LOBES}
    assert all((lobes == v).sum() > 300 for v in LOBES)
    assert all((middles[v][0] > 0) == name.startswith("right") for v, name in LOBES.items())
    assert middles[1][2] > middles[3][2] and middles[4][2] > middles[5][2]  # upper lobes lie higher
    assert middles[2][1] > middles[3][1]  # the middle lobe lies in front


def test_same_seed_same_bytes_whatever_the_workers(tmp_path):
    small = {**CONFIG, "options": {"spacing": [10.0] * 3, "phases": [0, 50], "landmarks": 20}}
    for name, threads in (("a", 1), ("b", 2)):
        simulate(small, tmp_path / name, threads)
    simulate({**small, "seed": 7}, tmp_path / "c", 1)
    hashes = [tree_hash(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"phase": [0, 50]}, "did you mean 'phases'"),
        ({"phases": [0, 20]}, "with 0 and 50"),
        ({"phases": [0, 50, 50]}, "twice"),
        ({"spacing": [3, 3]}, "three lengths"),
        ({"landmarks": 0}, "at least 1"),
        ({"motion": {"uneven": [-2, 2]}}, "folds"),
        ({"special": {"8": {"vessels": {}}}}, "unknown option 'vessels'"),
        ({"special": {"8": {}}}, "there is no patient '8'"),
        ({"spacing": [10.0] * 3, "landmarks": 90000}, "raise options.vessels.roots"),
    ],
)
def test_wrong_options_are_one_line(options, says, tmp_path):
    with pytest.raises(InputError, match=says) as error:
        simulate({**CONFIG, "options": options}, tmp_path, 1)
    assert "\n" not in str(error.value)
