"""The form `scans`: from files of any size to packed arrays, with one line for every mistake."""

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import draw_samples, pack, raw_files
from mlmi2023.cohorts.forms.scans.reader import divide, open_scans
from mlmi2023.core.errors import InputError

CT = {"window": [-100, 100], "modality": "CT"}


def tree(root, count=4, spacing=(2.0, 2.0, 4.0), empty=()):
    rng = np.random.default_rng(0)
    for n in range(1, count + 1):
        shape = (10, 12, 6 + n)
        affine = np.diag([*spacing, 1.0])
        labels = np.zeros(shape, np.uint8)
        labels[2:5, 3:6, 1:4], labels[6:8, 3:6, 1:4] = 1, 3
        image = np.where(labels > 0, 50.0, -300.0) + rng.normal(0, 1, shape)
        write_volume(root / f"img/s{n}.nii.gz", image, affine)
        write_volume(root / f"lab/s{n}.nii.gz", labels * (n not in empty), affine)
    return {"image": "img/s{subject}.nii.gz", "labels": "lab/s{subject}.nii.gz"}


def packed(tmp_path, read, group=None, **config):
    own = tree(tmp_path, empty=config.pop("empty", ()))
    groups = [{**own, "split": {"train": 2, "test": ["4"]}, **(group or {})}]
    whole = {"kind": "folder", "read": {**read, "groups": groups}, **config}
    pack(whole, tmp_path, tmp_path / "out", "mine")
    return open_scans(tmp_path / "out")


def test_scans_keep_their_own_grid_and_get_the_window(tmp_path):
    scans = packed(tmp_path, CT, label_names={1: "liver", 2: "spleen", 3: "kidney"})
    assert scans.subjects == ["1", "2", "4"] and scans.splits == ["train", "train", "test"]
    assert scans.shapes == [(10, 12, 7), (10, 12, 8), (10, 12, 10)] and scans.spacings[0] == (2.0, 2.0, 4.0)
    image, labels = scans.image(2), scans.labels(2)
    assert image.dtype == np.float16 and float(image[0, 0, 0]) == 0.0
    assert np.allclose(image[labels == 1].astype(float), 0.75, atol=0.03)
    assert scans.label_names == {1: "liver", 2: "spleen", 3: "kidney"}
    assert np.array_equal(np.unique(labels), [0, 1, 3])
    draw_samples(tmp_path / "out", tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 5000


def test_spacing_crop_and_kept_labels(tmp_path):
    scans = packed(tmp_path, {**CT, "spacing": [2, 2, 2], "crop": True, "labels_kept": [3]})
    assert scans.spacings[0] == (2.0, 2.0, 2.0)
    # the box of both blocks: 6 x 3 x (3 slices of 4 mm in voxels of 2 mm, and what linear interpolation adds)
    assert scans.shapes[0][:2] == (6, 3) and 6 <= scans.shapes[0][2] <= 8
    assert set(np.unique(scans.labels(0))) == {0, 3}
    kept = int((scans.labels(0) == 3).sum())
    assert kept == 2 * 3 * 6


def test_coarser_voxels_are_smoothed_unless_the_config_says_no(tmp_path):
    """Slices of 4 mm, every second of them bright, brought to 8 mm."""
    image = np.full((6, 6, 9), -50.0)
    image[..., ::2] = 100.0
    image[0] = -90.0  # a CT has values below 0 however coarse it becomes
    affine = np.diag([2.0, 2.0, 4.0, 1.0])
    write_volume(tmp_path / "i1.nii.gz", image, affine)
    write_volume(tmp_path / "l1.nii.gz", np.ones(image.shape, np.uint8), affine)
    group = {"image": "i{subject}.nii.gz", "labels": "l{subject}.nii.gz"}
    found = {}
    for smooth in (None, True, False):
        read = {
            **CT,
            "spacing": [2, 2, 8],
            "groups": [group],
            **({} if smooth is None else {"smooth": smooth}),
        }
        pack({"kind": "folder", "read": read}, tmp_path, tmp_path / f"out{smooth}", "mine")
        found[smooth] = open_scans(tmp_path / f"out{smooth}").image(0)[3, 3].astype(float)
    assert len(found[None]) == 4 and np.array_equal(found[None], found[True])
    # dark slices lie in the middle of the new voxels
    assert np.array_equal(found[False], [0.25] * 4) and found[True].min() > 0.4


def test_zscore_keeps_zero_for_what_is_outside(tmp_path):
    own = tree(tmp_path)
    image = np.zeros((8, 8, 8))
    image[2:6, 2:6, 2:6] = np.random.default_rng(1).normal(100, 5, (4, 4, 4))
    image[3, 3, 3] = image[2:6, 2:6, 2:6].mean()
    write_volume(tmp_path / "img/s1.nii.gz", image, np.eye(4))
    write_volume(tmp_path / "lab/s1.nii.gz", (image > 104).astype(np.uint8), np.eye(4))
    read = {"scale": "zscore", "groups": [{**own, "split": {"train": ["1"]}, "site": "a"}]}
    pack({"kind": "folder", "read": read}, tmp_path, tmp_path / "out", "mine")
    scans = open_scans(tmp_path / "out")
    made = scans.image(0).astype(float)
    assert scans.subjects == ["a1"] and scans.sites == ["a"]
    assert np.array_equal(made != 0, image != 0)
    inside = made[image != 0]
    assert abs(inside.mean()) < 0.01 and abs(inside.std() - 1) < 0.01


def test_a_head_without_lesions_is_a_case(tmp_path):
    scans = packed(tmp_path, CT, empty=(1, 4))
    assert scans.labels(0).max() == 0 and scans.labels(1).max() == 3 and scans.labels(2).max() == 0


def test_folds_go_by_subject_and_parts_do_not_overlap(tmp_path):
    own = tree(tmp_path)
    config = {"kind": "folder", "folds": {"count": 4, "seed": 1}, "read": {**CT, "groups": [own]}}
    pack(config, tmp_path, tmp_path / "out", "mine")
    scans = open_scans(tmp_path / "out")
    tested = []
    for fold in range(4):
        parts = divide(scans, fold)
        assert sorted(row for rows in parts.values() for row in rows) == [0, 1, 2, 3]
        assert len(parts["test"]) == len(parts["val"]) == 1
        tested += parts["test"]
    assert sorted(tested) == [0, 1, 2, 3]
    with pytest.raises(InputError, match="has 4 folds, fold 4 is asked for"):
        divide(scans, 4)


def test_splits_without_folds(tmp_path):
    scans = packed(tmp_path, CT, {"split": {"train": 2, "dev": 1, "out": 1}})
    assert divide(scans, 0, "dev", ("dev", "out")) == {"train": [0, 1], "val": [2], "test": [2, 3]}
    with pytest.raises(InputError, match="no scan for 'val'"):
        divide(scans, 0)
    with pytest.raises(InputError, match="has no folds"):
        divide(scans, 1, "dev")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"windw": [0, 1]}, "did you mean 'window'"),
        ({"window": None}, "give one of read.window"),
        ({"scale": "zscore"}, "give one of read.window"),
        (
            {"groups": [{"image": "img/s{subject}.nii.gz", "labels": "no/s{subject}.nii.gz"}]},
            "has no file named",
        ),
        ({"groups": [{"image": "no/s{subject}.nii", "labels": "lab/s{subject}.nii.gz"}]}, "named like 'no/s"),
        ({"groups": [{"image": "img/s1.nii.gz", "labels": "lab/s1.nii.gz"}]}, "it needs {subject}"),
        ({"groups": [{"split": {"train": 9}}]}, "asks for 9 subjects but 4"),
        ({"groups": [{"split": {"train": ["7"]}}]}, "names '7'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, change, said):
    own = tree(tmp_path)
    read = {**CT, "groups": [own], **change}
    read["groups"] = [{**own, **group} for group in read["groups"]]
    with pytest.raises(InputError, match=said):
        raw_files({"kind": "folder", "read": {k: v for k, v in read.items() if v is not None}}, tmp_path)


def test_labels_on_another_grid_are_refused(tmp_path):
    own = tree(tmp_path)
    write_volume(tmp_path / "lab/s1.nii.gz", np.ones((10, 12, 7), np.uint8), np.diag([2.0, 2.0, 3.0, 1.0]))
    with pytest.raises(InputError, match="labels lie up to"):
        pack({"kind": "folder", "read": {**CT, "groups": [own]}}, tmp_path, tmp_path / "out", "mine")
    assert not (tmp_path / "out").exists()


def two_channels(root, lost=()):
    """Write three heads with a T1 and, but for those in ``lost``, a FLAIR of another contrast."""
    rng = np.random.default_rng(2)
    for n in (1, 2, 3):
        inside = np.zeros((8, 9, 7 + n), bool)
        inside[1:7, 1:8, 1:6] = True
        t1, flair = (np.where(inside, rng.normal(mean, 5, inside.shape), 0.0) for mean in (100, 300))
        labels = np.zeros(inside.shape, np.uint8)
        labels[3:5, 3:6, 2:4] = 1
        flair[labels > 0] += 60
        write_volume(root / f"s{n}_T1.nii.gz", t1, np.eye(4))
        if n not in lost:
            write_volume(root / f"s{n}_FLAIR.nii.gz", flair, np.eye(4))
        write_volume(root / f"s{n}_seg.nii.gz", labels, np.eye(4))
    images = {name: f"s{{subject}}_{name}.nii.gz" for name in ("T1", "FLAIR")}
    return {"images": images, "labels": "s{subject}_seg.nii.gz", "split": {"train": 2, "test": 1}}


def test_several_images_of_a_scan_are_its_channels_each_scaled_by_itself(tmp_path):
    read = {"scale": {"T1": "zscore"}, "window": {"FLAIR": [0, 500]}, "groups": [two_channels(tmp_path)]}
    config = {"kind": "folder", "read": read}
    assert len(raw_files(config, tmp_path)) == 9
    pack(config, tmp_path, tmp_path / "out", "mine")
    scans = open_scans(tmp_path / "out")
    assert scans.name == "mine" and scans.modalities == ["T1", "FLAIR"] and scans.missing == [[], [], []]
    stack = scans.stack(1).astype(float)
    assert stack.shape == (2, *scans.shapes[1])
    t1 = stack[0][stack[0] != 0]
    assert abs(t1.mean()) < 0.01 and abs(t1.std() - 1) < 0.01
    assert np.allclose(stack[1][scans.labels(1) == 1].mean(), 360 / 500, atol=0.02)
    assert np.array_equal(scans.stack(1, ["FLAIR", "T1"]), scans.stack(1)[::-1])
    with pytest.raises(InputError, match=r"task.modalities is \['T2'\]; cohort 'mine' has T1, FLAIR"):
        scans.stack(1, ["T2"])
    draw_samples(tmp_path / "out", tmp_path / "s.png")
    assert (tmp_path / "s.png").stat().st_size > 5000


def test_a_missing_image_is_refused_or_zeros_that_are_said(tmp_path):
    group = two_channels(tmp_path, lost=(2,))
    config = {"kind": "folder", "read": {"scale": "zscore", "groups": [group]}}
    with pytest.raises(InputError, match=r"subject 2 has no file named like 's\{subject\}_FLAIR"):
        pack(config, tmp_path, tmp_path / "out", "mine")
    pack(
        {"kind": "folder", "read": {**config["read"], "missing": "zero"}}, tmp_path, tmp_path / "out", "mine"
    )
    scans = open_scans(tmp_path / "out")
    assert scans.missing == [[], ["FLAIR"], []] and scans.present(1).tolist() == [True, False]
    assert not scans.image(1, "FLAIR").any() and scans.image(1, "T1").any() and scans.image(2, "FLAIR").any()
    assert scans.present(1, ["FLAIR"]).tolist() == [False]


@pytest.mark.parametrize(
    ("read", "more", "said"),
    [
        ({"scale": {"T1": "zscore"}}, {}, "read.scale .zscore, percentiles. for FLAIR"),
        ({"scale": {"T1": "zscore", "T2": "zscore"}}, {}, "read.scale names 'T2'"),
        ({"scale": "zscore", "missing": "zeros"}, {}, "read.missing' is 'zeros'; did you mean 'zero'"),
        (
            {"scale": "zscore"},
            {"images": {"T1": "s{subject}_T1.nii.gz"}},
            r"groups\[1\] has the images T1, the",
        ),
        ({"scale": "zscore"}, {"image": "s{subject}_T1.nii.gz"}, "give one of 'image' and 'images'"),
        (
            {"scale": "zscore"},
            {"images": {"T1": "x.nii", "FLAIR": "y.nii"}},
            "images.T1' is 'x.nii'; it needs .subject.",
        ),
    ],
)
def test_mistakes_about_channels_are_one_line(tmp_path, read, more, said):
    own = two_channels(tmp_path)
    groups = [{**own, "split": {"train": ["1"]}}, {**own, "split": {"test": ["3"]}, **more}]
    with pytest.raises(InputError, match=said) as caught:
        raw_files({"kind": "folder", "read": {**read, "groups": groups}}, tmp_path)
    assert "\n" not in str(caught.value)
