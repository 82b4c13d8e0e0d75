"""The form aligned_scans: a known affine is undone, labels follow images, AMOS is read as released."""

from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.aligned_scans.form import draw_samples, pack
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.overlap import dice_per_label

ROOT = Path(__file__).parents[2]
SHAPE, STEP = (40, 32, 28), 6.0
READ = {
    "groups": [
        {"image": "img_{subject}.nii.gz", "labels": "seg_{subject}.nii.gz", "split": {"train": 2, "test": 1}}
    ],
    "window": [-500, 800],
    "spacing": [8.0, 8.0, 8.0],
    "shape": [32, 24, 24],
    "align": {"spacing": 12.0, "iterations": [100, 50], "shrink": [2, 1], "smooth": [1, 0], "sampling": 1.0},
}


def body(move=None):
    """A body with organs in Hounsfield units, and labels; ``move`` maps mm of the scan to mm of the body."""
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = -(np.array(SHAPE) - 1) / 2 * STEP
    voxels = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), -1)
    place = voxels @ affine[:3, :3].T + affine[:3, 3]
    if move is not None:
        place = place @ move[:3, :3].T + move[:3, 3]
    x, y, z = np.moveaxis(place, -1, 0)
    hu = np.where((x / 100) ** 2 + (y / 70) ** 2 < 1, -100.0, -1000.0)
    labels = np.zeros(SHAPE, np.uint8)
    for value, middle, radii in (
        (1, (45, 10, 10), (40, 35, 35)),
        (2, (-55, -15, 5), (22, 20, 30)),
        (3, (0, -45, 0), (16, 16, 300)),
    ):
        inside = sum(((p - m) / r) ** 2 for p, m, r in zip((x, y, z), middle, radii)) < 1
        hu[inside], labels[inside] = 60.0 + 150 * (value == 3), value
    hu += np.random.default_rng(0).normal(0, 10, SHAPE)
    return hu.astype(np.float32), labels, affine


@pytest.fixture
def folder(tmp_path):
    angle = np.deg2rad(8)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]) * 1.08
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = turn, (10.0, -8.0, 6.0)
    for subject, how in (("1", None), ("2", move), ("3", np.linalg.inv(move))):
        hu, labels, affine = body(how)
        write_volume(tmp_path / f"raw/img_{subject}.nii.gz", hu, affine)
        write_volume(tmp_path / f"raw/seg_{subject}.nii.gz", labels, affine)
    return tmp_path


def packed(folder, name="packed", **changes):
    config = {"kind": "folder", "form": "aligned_scans", "read": {**READ, **changes}}
    pack(config, folder / "raw", folder / name, name)
    return open_packed(folder / name)


def overlap(cohort, a, b):
    return np.mean(
        list(dice_per_label(np.asarray(cohort.labels[a]), np.asarray(cohort.labels[b]), [1, 2]).values())
    )


def apart(cohort, a, b, label):
    """Distance between the middles of a label in two scans, in voxels."""
    first, second = (np.argwhere(np.asarray(cohort.labels[row]) == label).mean(0) for row in (a, b))
    return np.linalg.norm(first - second)


def test_known_affine_is_undone_and_labels_follow(folder):
    cohort = packed(folder)
    assert (
        cohort.shape == (32, 24, 24)
        and cohort.spacing == (8, 8, 8)
        and cohort.splits == ["train", "train", "test"]
    )
    untouched = packed(folder, "untouched", align=False)
    for other in (1, 2):
        assert overlap(cohort, 0, other) > overlap(untouched, 0, other) + 0.1
        for label in (1, 2):
            assert apart(cohort, 0, other, label) < 0.7 * apart(untouched, 0, other, label)
    images = np.asarray(cohort.images("CT"), np.float32)
    assert images.min() >= 0 and images.max() <= 1
    # the organ is where its label is: 60 HU in the window of -500 to 800
    for row in range(3):
        assert np.median(images[row][np.asarray(cohort.labels[row]) == 1]) == pytest.approx(
            560 / 1300, abs=0.02
        )
    draw_samples(folder / "packed", folder / "samples.png")
    assert (folder / "samples.png").stat().st_size > 5000


def test_same_input_same_hash_and_labels_kept(folder):
    first, again = packed(folder, "a", align=False), packed(folder, "b", align=False)
    about = [open_packed(c.path) for c in (first, again)]
    assert np.array_equal(about[0].labels, about[1].labels)
    kept = packed(folder, "c", align=False, labels_kept=[2])
    assert set(np.unique(kept.labels)) == {0, 2}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"reference": "9"}, "reference"),
        ({"windows": [0, 1]}, "windows"),
        ({"shape": [8, 8]}, "shape"),
        ({"align": {"speed": 1}}, "speed"),
        ({"window": [5000, 6000]}, "window"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(folder, changes, word):
    with pytest.raises(InputError, match=word) as error:
        packed(folder, "bad", **changes)
    assert "\n" not in str(error.value) and not (folder / "bad").exists()


def amos(root):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["implicit_reg"]})
    return {**Settings(config, ROOT).cohort("amos"), "root": str(root)}


def test_amos_is_read_in_its_release_and_mr_is_left_out(tmp_path):
    for number in [*range(1, 398, 2), 410, 507, 583]:
        for folder in ("imagesTr", "labelsTr"):
            file = tmp_path / folder / f"amos_{number:04d}.nii.gz"
            file.parent.mkdir(exist_ok=True)
            file.touch()
    files = raw_files("amos", amos(tmp_path), tmp_path)
    assert len(files) == 400 and "amos_0507" not in str(files)
    for file in (tmp_path / "imagesTr").glob("*"):
        file.unlink()
    with pytest.raises(InputError, match=r"amos22\.grand-challenge\.org"):
        raw_files("amos", amos(tmp_path), tmp_path)
