"""The form phased_scans: one reader for the stand-in, one's own NIfTI and DIR-Lab's headerless volumes."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.phased_scans.form import draw_samples, pack
from mlmi2023.cohorts.forms.phased_scans.reader import (
    any_phases,
    divide_patients,
    exhale_to_inhale,
    open_phased,
)
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.fields.displacement import warp
from mlmi2023.metrics.landmarks import tre_mm
from mlmi2023.preprocessing.lungmask import find_lungs
from mlmi2023.preprocessing.resample import resample
from phases_data import CONFIG, packed_phases, raw_phases

ROOT = Path(__file__).parents[2]


def test_stand_in_packs_as_scans_on_one_grid():
    cohort = open_phased(packed_phases())
    assert len(cohort) == 9 and cohort.shape == (40, 32, 44) and cohort.spacing == (7, 7, 6)
    assert cohort.patients == ["1"] * 3 + ["2"] * 3 + ["3"] * 3 and cohort.phases == ["T00", "T30", "T50"] * 3
    assert cohort.subjects[3:5] == ["2_T00", "2_T30"] and cohort.splits[::3] == ["train", "val", "test"]
    images = np.asarray(cohort.images("CT"), np.float32)
    assert images.min() == 0 and images.max() <= 1
    assert cohort.label_names[2] == "right middle lobe" and cohort.labels.shape == images.shape
    lungs = images[np.asarray(cohort.labels) > 0]
    assert 0.1 < np.median(lungs) < 0.25  # -850 to -625 HU in the window of -1000 to 500
    # the common reader knows it too
    assert np.array_equal(open_packed(packed_phases()).images("CT")[4], cohort.images("CT")[4])
    known = np.isfinite(cohort.landmarks).all(-1)
    assert cohort.landmarks.shape == (9, 80, 3)
    assert (
        known.all(1).tolist() == [True, False, True] * 3 and known.any(1).tolist() == [True, False, True] * 3
    )


def test_truth_brings_landmarks_and_lungs_together():
    cohort = open_phased(packed_phases())
    for patient in cohort.everybody:
        moving, fixed = exhale_to_inhale(cohort, [patient])[0]
        u = cohort.truth(patient).astype(np.float32)
        start, goal = cohort.landmarks[fixed], cohort.landmarks[moving]
        before = tre_mm(0 * u, start, goal, cohort.spacing).mean()
        after = tre_mm(u, start, goal, cohort.spacing)
        assert before > 2.5 and np.median(after) < 0.5 and after.mean() < 0.25 * before
        labels = [torch.from_numpy(np.array(cohort.labels[row]))[None, None] for row in (moving, fixed)]
        warped = warp(labels[0], torch.from_numpy(u)[None], mode="nearest").numpy()[0, 0]
        inside = labels[1].numpy()[0, 0] > 0
        lobes = labels[1].numpy()[0, 0][inside]
        assert (warped[inside] == lobes).mean() > 0.9


def test_pairs_are_of_one_patient_and_patients_are_divided():
    cohort = open_phased(packed_phases())
    assert divide_patients(cohort) == {"train": ["1"], "val": ["2"], "test": ["3"]}
    assert divide_patients(cohort, 0) == {"train": ["3"], "val": ["2"], "test": ["1"]}
    assert divide_patients(cohort, 2) == {"train": ["2"], "val": ["1"], "test": ["3"]}
    with pytest.raises(InputError, match=r"has 3 folds, fold 3"):
        divide_patients(cohort, 3)
    drawn = any_phases(cohort, ["1", "3"])
    assert len(drawn) == 12 and len(set(drawn)) == 12
    assert all(cohort.patients[m] == cohort.patients[f] and m != f for m, f in drawn)
    [(moving, fixed)] = exhale_to_inhale(cohort, ["2"])
    assert (cohort.phases[moving], cohort.phases[fixed]) == ("T50", "T00")
    with pytest.raises(InputError, match="no phase T90"):
        cohort.row("1", "T90")


def test_lungs_are_found_by_their_density():
    for patient in ("1", "3"):
        for phase in ("T00", "T50"):
            image, affine = read_volume(raw_phases() / f"{patient}/{phase}.nii.gz")
            lobes = read_labels(raw_phases() / f"{patient}/{phase}_lobes.nii.gz")[0]
            found, place = find_lungs(image, affine, "scan")
            found = resample(found, place, image.shape, affine, order=0)
            for side, own in ((1, (1, 2, 3)), (2, (4, 5))):
                truth, ours = np.isin(lobes, own), found == side
                assert 2 * (truth & ours).sum() / (truth.sum() + ours.sum()) > 0.9
    with pytest.raises(InputError, match=r"scan: no two lungs"):
        find_lungs(np.zeros((20, 20, 20), np.float32), np.diag([5.0, 5, 5, 1]), "scan")


def test_same_input_same_hash_and_a_picture(tmp_path):
    pack(CONFIG, raw_phases(), tmp_path / "again", "lungs")
    first, again = open_phased(packed_phases()), open_phased(tmp_path / "again")
    assert first.content_hash == again.content_hash
    draw_samples(packed_phases(), tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 5000


# --- one's own NIfTI ------------------------------------------------------------------------------


def test_own_scans_in_any_orientation_with_landmarks_in_mm_or_voxels(tmp_path):
    """The stand-in's files turned to left, back, feet, as scanners store them, without label maps."""
    source = raw_phases()
    for patient in ("1", "2"):
        for phase in ("T00", "T50"):
            image = nib.load(source / f"{patient}/{phase}.nii.gz")
            turned = nib.as_closest_canonical(image).as_reoriented([[0, -1], [1, -1], [2, -1]])
            folder = tmp_path / f"raw/{phase}"
            folder.mkdir(parents=True, exist_ok=True)
            nib.save(turned, folder / f"p{patient}.nii.gz")
            text = (source / f"{patient}/landmarks_{phase}.csv").read_text()
            (folder / f"p{patient}_mm.txt").write_text(text)
            mm = np.loadtxt(text.splitlines()[1:], delimiter=",")
            voxels = nib.affines.apply_affine(np.linalg.inv(turned.affine), mm) + 1
            np.savetxt(folder / f"p{patient}_vox.txt", voxels, fmt="%.5f")
    read = {**CONFIG["read"], "phases": ["T00", "T50"], "scans": "{phase}/p{subject}.nii.gz"}
    for kind, more in (("mm", {}), ("vox", {"landmark_index": 1})):
        own = {**read, "landmarks": "{phase}/p{subject}_" + kind + ".txt", **more}
        pack({"kind": "folder", "read": own}, tmp_path / "raw", tmp_path / kind, kind)
    first, other = open_phased(tmp_path / "mm"), open_phased(tmp_path / "vox")
    reference = open_phased(packed_phases())
    assert first.splits == ["all"] * 4 and not first.folds and first.truth("1") is None
    assert first.label_names == {1: "right lung", 2: "left lung"}
    assert np.allclose(first.landmarks, other.landmarks, atol=2e-3)
    for patient in ("1", "2"):
        ways = [
            c.landmarks[c.row(patient, "T50")] - c.landmarks[c.row(patient, "T00")]
            for c in (first, reference)
        ]
        assert np.allclose(*ways, atol=2e-3)


def broken(tmp_path, change, read=None):
    shutil.copytree(raw_phases(), tmp_path / "raw")
    change(tmp_path / "raw")
    with pytest.raises(InputError) as error:
        pack(merge(CONFIG, {"read": read or {}}), tmp_path / "raw", tmp_path / "out", "bad")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()
    return str(error.value)


def rewrite(file, line, text):
    lines = file.read_text().splitlines()
    lines[line] = text
    file.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("change", "read", "says"),
    [
        (lambda r: (r / "2/T30.nii.gz").unlink(), {}, "patient 2 has no scan of phase T30"),
        (lambda r: (r / "2/T50_lobes.nii.gz").unlink(), {}, "patient 2 has no label map of phase T50"),
        (lambda r: (r / "3/landmarks_T00.csv").unlink(), {}, "patient 3 has no landmarks of phase T00"),
        (lambda r: rewrite(r / "1/landmarks_T50.csv", 4, "900,0,0"), {}, "landmark 4 at (900, 0, 0) mm"),
        (lambda r: rewrite(r / "1/landmarks_T50.csv", 4, "1,2"), {}, "line 5 is no x, y, z"),
        (lambda r: rewrite(r / "1/landmarks_T50.csv", -1, ""), {}, "do not correspond"),
        (lambda r: (r / "1/T50.nii.gz").write_bytes(b""), {}, "the file is empty"),
        (lambda r: None, {"shape": [40, 32, 24]}, "raise read.shape"),
        (lambda r: None, {"window": [4000, 5000]}, "check read.window"),
        (lambda r: None, {"phases": ["T00", "T30"]}, "'T50' is not among read.phases"),
        (lambda r: None, {"phase": ["T00"]}, "did you mean 'phases'"),
        (lambda r: None, {"scans": "{subject}.nii.gz"}, "needs {subject} and {phase}"),
        (lambda r: None, {"scans": "x{subject}/{phase}.nii.gz"}, "is named like"),
        (lambda r: None, {"spacing": [7.0]}, "give a list of 3 values"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, change, read, says):
    assert says in broken(tmp_path, change, read)


def test_too_many_folds_are_named(tmp_path):
    with pytest.raises(InputError, match=r"folds\.count' is 5, there are 3"):
        pack({**CONFIG, "folds": {"count": 5}}, raw_phases(), tmp_path / "out", "bad")


# --- DIR-Lab --------------------------------------------------------------------------------------


def dirlab(root):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper"})
    return {**Settings(config, ROOT).cohort("dirlab"), "root": str(root)}


def names_of(case):
    """Folder, ending of images, folder and stem of landmarks, as released."""
    folder = "Case8Deploy" if case == 8 else f"Case{case}Pack"
    ending = {1: "_s"}.get(case, "-ssm") if case <= 5 else ""
    if case <= 5:
        return folder, ending, "ExtremePhases", f"Case{case}_300"
    return folder, ending, "extremePhases", f"case{case}_dirLab300"


def released(root):
    """Write the ten packs with empty files, and what else they hold."""
    for case in range(1, 11):
        folder, ending, marks, stem = names_of(case)
        for phase in range(0, 100, 10):
            file = root / folder / "Images" / f"case{case}_T{phase:02d}{ending}.img"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        for phase in ("T00", "T50"):
            file = root / folder / marks / f"{stem}_{phase}_xyz.txt"
            file.parent.mkdir(exist_ok=True)
            file.touch()
        sampled = root / folder / "Sampled4D" / f"case{case}_4D-75_T00.txt"
        sampled.parent.mkdir()
        sampled.touch()


def test_dirlab_is_found_in_its_release(tmp_path):
    released(tmp_path)
    config = dirlab(tmp_path)
    files = raw_files("dirlab", config, tmp_path)
    assert len(files) == 120 and not any("4D-75" in file.name for file in files)
    assert sum("Case8Deploy" in str(file) for file in files) == 12
    assert [f.parts[-3] for f in files[::12]][:3] == ["Case1Pack", "Case2Pack", "Case3Pack"]
    (tmp_path / "Case8Deploy/Images/case8_T70.img").unlink()
    with pytest.raises(InputError, match="patient 8 has no scan of phase T70"):
        raw_files("dirlab", config, tmp_path)
    shutil.rmtree(tmp_path)
    with pytest.raises(InputError, match=r"med\.emory\.edu.*access: registration.*data/dirlab"):
        raw_files("dirlab", config, tmp_path)


def test_published_sizes_are_complete():
    volumes = dirlab(".")["layout"]["read"]["volumes"]
    assert list(volumes) == [str(case) for case in range(1, 11)]
    voxels = [int(np.prod(v["size"])) for v in volumes.values()]
    assert sum(voxels) == 256**2 * (94 + 112 + 104 + 99 + 106) + 512**2 * (128 + 136 + 128 + 128 + 120)
    assert volumes["2"]["spacing"] == [1.16, 1.16, 2.5]


SIZE, STEP = (44, 36, 30), (6.0, 6.0, 8.0)
MARKS = {"T00": [(13, 15, 12), (30, 20, 18)], "T50": [(13, 16, 9), (31, 20, 16)]}  # counted from 1


def write_case(root, case):
    """A case in the format of the release: lungs in a body, a bright voxel where each landmark is."""
    folder, ending, marks, stem = names_of(case)
    for phase in ("T00", "T20", "T50"):
        x, y, z = np.meshgrid(*[np.arange(n) * s for n, s in zip(SIZE, STEP)], indexing="ij")
        hu = np.where(((x - 129) / 125) ** 2 + ((y - 105) / 95) ** 2 < 1, 40, -3024)
        for middle in (70, 188):
            lung = ((x - middle) / 48) ** 2 + ((y - 105) / 70) ** 2 + ((z - 116) / 95) ** 2 < 1
            hu[lung] = -800
        for place in MARKS.get(phase, []):
            hu[tuple(np.array(place) - 1)] = 400
        file = root / folder / "Images" / f"case{case}_{phase}{ending}.img"
        file.parent.mkdir(parents=True, exist_ok=True)
        (hu + 1024).astype("<i2").T.tofile(file)
        if phase in MARKS:
            text = root / folder / marks / f"{stem}_{phase}_xyz.txt"
            text.parent.mkdir(exist_ok=True)
            text.write_text("".join(f"{a}\t{b}\t{c}\t\r\n" for a, b, c in MARKS[phase]))


def small_dirlab(tmp_path):
    for case in (1, 8):
        write_case(tmp_path / "raw", case)
    volumes = {case: {"size": list(SIZE), "spacing": list(STEP)} for case in ("1", "8")}
    read = {
        "volumes": volumes,
        "phases": ["T00", "T20", "T50"],
        "spacing": [6.0, 6.0, 8.0],
        "shape": [44, 32, 32],
    }
    return merge(dirlab(tmp_path), {"read": read, "folds": None})


def test_dirlab_volumes_and_landmarks_are_read_as_stored(tmp_path):
    config = small_dirlab(tmp_path)
    pack(config, tmp_path / "raw", tmp_path / "out", "dirlab")
    cohort = open_phased(tmp_path / "out")
    assert cohort.everybody == ["1", "8"] and len(cohort) == 6 and len(cohort.landmark_names) == 2
    for patient in cohort.everybody:
        marks = {phase: cohort.landmarks[cohort.row(patient, phase)] for phase in MARKS}
        # the stored axes run left, back and feet: mm in RAS have the other sign
        way = (marks["T50"] - marks["T00"]) * cohort.spacing
        stored = (np.array(MARKS["T50"]) - np.array(MARKS["T00"])) * STEP
        assert np.allclose(way, -stored, atol=1e-3)
        for phase, points in marks.items():
            image = np.asarray(cohort.images("CT")[cohort.row(patient, phase)], np.float32)
            inside = np.asarray(cohort.labels[cohort.row(patient, phase)]) > 0
            assert np.median(image[inside]) == pytest.approx(200 / 1500, abs=0.01)
            for point in points:  # the bright voxel is there, and not a voxel off
                near = image[tuple(slice(v - 2, v + 3) for v in np.rint(point).astype(int))]
                peak = np.array(np.unravel_index(near.argmax(), near.shape)) - 2 + np.rint(point)
                assert np.abs(peak - point).max() <= 0.51 and near.max() > 0.3
            assert image[0, 0, 0] == 0
    assert cohort.label_names == {1: "right lung", 2: "left lung"}
    # the first stored voxels lie on the patient's right, as x runs to the left
    labels = np.asarray(cohort.labels[0])
    assert np.argwhere(labels == 1)[:, 0].mean() > np.argwhere(labels == 2)[:, 0].mean()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda r: (r / "Case1Pack/Images/case1_T20_s.img").write_bytes(b"12345"),
            "has 5 bytes, 44 x 36 x 30 voxels of type int16 take 95040",
        ),
        (
            lambda r: (r / "Case8Deploy/extremePhases/case8_dirLab300_T50_xyz.txt").write_text(
                "45 1 1\n9 9 9\n"
            ),
            "landmark 1 at (45, 1, 1) voxels lies outside the scan of 44 x 36 x 30",
        ),
        (
            lambda r: (r / "Case1Pack/ExtremePhases/Case1_300_T00_xyz.txt").write_text(""),
            "holds no landmarks",
        ),
        (lambda r: (r / "Case1Pack/Images/case1_T00_s.img").write_bytes(bytes(95040)), "all the same"),
    ],
)
def test_broken_dirlab_files_are_one_line(tmp_path, change, says):
    config = small_dirlab(tmp_path)
    change(tmp_path / "raw")
    with pytest.raises(InputError) as error:
        pack(config, tmp_path / "raw", tmp_path / "out", "dirlab")
    assert says in str(error.value) and "\n" not in str(error.value) and not (tmp_path / "out").exists()
