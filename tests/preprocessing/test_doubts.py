"""What the quality control says of a cohort: who lies wrong, whose header is at odds, who is there twice."""

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.cohorts.seal import seal
from mlmi2023.preprocessing.doubts import (
    doubts_of,
    in_two_places,
    misregistered,
    turned_scans,
    write_doubts,
)
from mlmi2023.preprocessing.match import others_match, shared, template_match, turns
from mlmi2023.preprocessing.templates import load_template
from mlmi2023.preprocessing.twins import NAMED, Look, near_twins
from mlmi2023.reporting.pages.cohorts import describe_cohort

CENTRE = np.array([0.0, -18.0, 10.0])  # of the template's brain, mm


def turned(axis, degrees):
    """Turn points around the middle of the brain."""
    angle, matrix = np.deg2rad(degrees), np.eye(4)
    one, other = [k for k in range(3) if k != axis]
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = -np.sin(angle), np.sin(angle)
    matrix[:3, 3] = CENTRE - matrix[:3, :3] @ CENTRE
    return matrix


def brain(seed=0):
    """The template in another contrast, with noise, on voxels of 4 mm."""
    array, affine = load_template("mni152", 4.0)
    seen = np.where(array > 0, 2 * array.max() - array, 0)
    return seen + np.random.default_rng(seed).normal(0, 0.05 * array.max(), array.shape) * (array > 0), affine


def test_a_cube_is_turned_in_all_ways_and_never_mirrored():
    cube = np.arange(27).reshape(3, 3, 3)
    found = [turn.tobytes() for turn in turns(cube)]
    assert len(found) == len(set(found)) == 24 and found[0] == cube.tobytes()
    assert cube[::-1].tobytes() not in found and cube.transpose(1, 0, 2).tobytes() not in found


def test_shared_information_knows_no_contrast():
    draw = np.random.default_rng(0)
    values = draw.random(5000)
    assert shared(values, 3 - 2 * values) == pytest.approx(1, abs=0.02)
    assert shared(values, draw.random(5000)) < 0.05 and shared(values, np.ones(5000)) == 0


@pytest.mark.parametrize(("axis", "degrees"), [(0, 90), (0, -90), (1, 90), (2, 180)])
def test_a_head_on_its_side_is_named(axis, degrees):
    array, affine = brain()
    rows = []
    for subject, move in (("001", np.eye(4)), ("002", turned(axis, degrees) @ turned(1, 7))):
        match = template_match(array, affine, move)
        rows += [
            {"subject": subject, "step": "affine", "metric": metric, "value": value}
            for metric, value in zip(("template_match", "turned_match"), match)
        ]
    (line,) = misregistered(rows)
    assert line.startswith("sub-002: ") and "turned by 90 or 180" in line and "sub-002.png" in line


def test_one_that_fits_far_less_than_the_others_is_named():
    def rows(values):
        return [
            {"subject": str(n), "step": "affine", "metric": metric, "value": value}
            for n, own in enumerate(values)
            for metric, value in (("template_match", own), ("turned_match", 0.03))
        ]

    (line,) = misregistered(rows([0.15, 0.05, 0.12, 0.16]))
    assert line.startswith("sub-1: ") and "0.050" in line
    assert misregistered(rows([0.15, 0.09, 0.12, 0.16])) == [] and misregistered(rows([0.15, 0.05])) == []
    assert misregistered([]) == []


def test_a_scan_that_lies_turned_among_aligned_ones_is_named():
    """Bodies of an ellipse with an organ at one side: none is turned, then one by each of some turns."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, n) for n in (40, 30, 20)], indexing="ij")
    body = np.where(x**2 + y**2 < 0.8, 0.5, 0) + 0.4 * (((x - 0.4) ** 2 + y**2 + (z - 0.3) ** 2) < 0.1)
    draw = np.random.default_rng(0)
    scans = [body + draw.normal(0, 0.05, body.shape) for _ in range(4)]
    assert turned_scans(list("abcd"), others_match(scans, (5.0, 5.0, 8.0))) == []
    for change in (lambda a: a[::-1, ::-1], lambda a: a[:, ::-1, ::-1], lambda a: a[::-1, :, ::-1]):
        found = others_match([*scans[:2], change(scans[2]), scans[3]], (5.0, 5.0, 8.0))
        (line,) = turned_scans(list("abcd"), found)
        assert line.startswith("c: ")
    assert turned_scans(["a", "b"], [(0.1, 0.9)] * 2) == []


def test_headers_that_contradict_themselves_are_named(tmp_path):
    array = np.zeros((10, 12, 8), np.float32)
    for name, angle, code in (("same", 0.0, 1), ("pitched", 90.0, 1), ("no_qform", 90.0, 0)):
        image = nib.Nifti1Image(array, np.eye(4))
        image.set_qform(turned(0, angle), code)
        image.set_sform(np.eye(4), 1)
        image.to_filename(tmp_path / f"{name}.nii.gz")
    (line,) = in_two_places([*sorted(tmp_path.iterdir()), tmp_path / "a.pkl"])
    assert "pitched.nii.gz: sform and qform lie up to" in line and "the sform is used" in line


def test_doubts_stand_on_the_page_and_in_the_log(tmp_path, capsys):
    (tmp_path / "packed").mkdir()
    subjects = [{"subject": "1", "split": "test"}]
    seal(tmp_path / "packed", {"name": "mine", "subjects": subjects, "facts": []}, "")
    config = {"kind": "folder", "form": "scans"}
    said = describe_cohort("mine", config, tmp_path, tmp_path / "packed", [])
    assert "look at this" not in dict(said.about)
    write_doubts(tmp_path, ["sub-1: lies wrong", "sub-2: too"])
    assert "warning: sub-2: too" in capsys.readouterr().out
    said = describe_cohort("mine", config, tmp_path, tmp_path / "packed", [])
    assert said.about[-2:] == (("look at this", "sub-1: lies wrong"), ("look at this", "sub-2: too"))


# --- near-twins -------------------------------------------------------------------------------------


def image(seed, shape=(30, 28, 24)):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float16)


def nearly(array, seed=99, noise=0.05):
    return array + np.random.default_rng(seed).normal(0, noise, array.shape).astype(np.float16)


@pytest.mark.parametrize(
    ("sides", "named"),
    [
        (("train", "test"), True),
        (("val", "train"), True),
        (("oasis-train", "lpba-test"), True),
        (("fold 0", "fold 2"), True),
        (("train", "train"), False),
        (("val", "test"), False),
        (("fold 1", "fold 1"), False),
    ],
)
def test_near_twins_across_the_split_are_named(sides, named):
    looks = [
        Look("a", sides[0], image(0)),
        Look("b", sides[1], nearly(image(0))),
        Look("c", sides[1], image(1)),
    ]
    lines = near_twins(looks)
    assert bool(lines) == named and all(
        line.startswith(f"a ({sides[0]}) and b ({sides[1]})") for line in lines
    )


def test_twins_need_a_correlation_of_0_99_and_may_differ_in_brightness():
    flat = image(0, (40, 50, 3))
    looks = [
        Look("a", "train", flat, channels=True),
        Look("b", "test", 2 * flat + 5, channels=True),
        Look("c", "test", nearly(flat, noise=0.3), channels=True),
        Look("d", "test", np.zeros_like(flat), channels=True),
    ]
    (line,) = near_twins(looks)
    assert "a (train) and b (test)" in line and "correlation 1.0000" in line
    assert near_twins([]) == []


def test_cases_that_look_alike_by_nature_are_no_twins():
    """One shape in all, as lungs on a grid have it, and a little that is each patient's own."""
    shape = 20 * image(0)
    looks = [Look(str(n), "train" if n % 2 else "test", shape + image(n)) for n in range(1, 7)]
    pair = [look.image.astype(float).ravel() for look in looks[:2]]
    assert np.corrcoef(*pair)[0, 1] > 0.99 and near_twins(looks) == []
    again = [*looks, Look("again", "test", nearly(looks[0].image))]
    (line,) = near_twins(again)
    assert line.startswith("1 (train) and again (test)")


def test_many_twins_are_counted():
    looks = [Look(str(n), "train" if n % 2 else "test", image(0)) for n in range(8)]
    lines = near_twins(looks)
    assert (
        len(lines) == NAMED + 1
        and lines[-1] == f"{16 - NAMED} more pairs across the split are nearly one image"
    )


def test_twins_of_packed_scans_are_found_whatever_their_size(tmp_path):
    labels = np.zeros((12, 12, 8), np.uint8)
    labels[4:8, 4:8, 2:6] = 1
    for n in range(3):
        own = image(n % 2, (12, 12, 8 + n % 2)).astype(np.float32)
        nib.Nifti1Image(own, np.eye(4)).to_filename(tmp_path / f"s{n}.nii.gz")
        own_labels = np.pad(labels, ((0, 0), (0, 0), (0, n % 2)))
        nib.Nifti1Image(own_labels, np.eye(4)).to_filename(tmp_path / f"l{n}.nii.gz")
    split = {"train": 2, "test": 1}
    read = {
        "scale": "zscore",
        "groups": [{"image": "s{subject}.nii.gz", "labels": "l{subject}.nii.gz", "split": split}],
    }
    config = {"kind": "folder", "read": read}
    scans.pack(config, tmp_path, tmp_path / "out", "mine")
    (line,) = doubts_of(scans, config, tmp_path, tmp_path / "out")
    assert line.startswith("0 (train) and 2 (test)")
    for name in ("s1", "l1"):
        header = nib.load(tmp_path / f"{name}.nii.gz")
        header.set_qform(np.diag([1.0, -1.0, -1.0, 1.0]), 1)
        header.set_sform(np.eye(4), 1)
        header.to_filename(tmp_path / f"{name}.nii.gz")
    lines = doubts_of(scans, config, tmp_path, tmp_path / "out")
    assert len(lines) == 3 and sum("sform and qform" in line for line in lines) == 2
    assert len(doubts_of(scans, {**config, "kind": "simulated"}, tmp_path, tmp_path / "out")) == 1
