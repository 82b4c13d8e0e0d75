"""Volumes come out in RAS order from every format, and nothing broken gets in."""

import gzip
import os
import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.formats.volumes import check_same_grid, read_labels, read_volume, write_volume
from mlmi2023.core.errors import InputError

SHAPE = (5, 6, 7)
AFFINE = np.array([[1.0, 0, 0, -3], [0, 2.0, 0, 4], [0, 0, 3.0, 5], [0, 0, 0, 1]])
IMAGE = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
LABELS = np.random.default_rng(1).integers(0, 4, SHAPE).astype(np.uint8)


def save(path: Path, array, affine=AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = nib.MGHImage if path.suffix == ".mgz" else nib.Nifti1Image
    kind(array, affine).to_filename(path)
    return path


def refused(read, path) -> str:
    with pytest.raises(InputError) as caught:
        read(path)
    text = str(caught.value)
    assert "\n" not in text and str(path) in text and len(text) < 400
    return text


# --- what is good ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz"])
def test_formats(tmp_path, ending):
    data, affine = read_volume(save(tmp_path / f"a{ending}", IMAGE))
    assert data.dtype == np.float32 and data.flags.c_contiguous
    np.testing.assert_allclose(data, IMAGE)
    np.testing.assert_allclose(affine, AFFINE, atol=1e-5)


@pytest.mark.parametrize("axes", ["LPS", "LIA", "PSR", "ASL", "RAS"])
def test_every_orientation_becomes_ras(tmp_path, axes):
    """A bright voxel keeps its place in the world, whatever the axes on disk."""
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(axes)
    )
    stored = nib.orientations.apply_orientation(IMAGE, turn)
    affine = AFFINE @ nib.orientations.inv_ornt_aff(turn, SHAPE)
    data, got = read_volume(save(tmp_path / "a.nii.gz", stored, affine))
    np.testing.assert_array_equal(data, IMAGE)
    np.testing.assert_allclose(got, AFFINE, atol=1e-5)


def test_oblique_keeps_its_affine(tmp_path):
    angle = 0.3
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    data, affine = read_volume(save(tmp_path / "a.nii", IMAGE, turn @ AFFINE))
    np.testing.assert_array_equal(data, IMAGE)
    np.testing.assert_allclose(affine, turn @ AFFINE, atol=1e-5)


def test_trailing_axis_and_scaling(tmp_path):
    image = nib.Nifti1Image((IMAGE * 100).astype(np.int16)[..., None], AFFINE)
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(tmp_path / "a.nii")
    data, _ = read_volume(tmp_path / "a.nii")
    assert data.shape == SHAPE
    np.testing.assert_allclose(data, (IMAGE * 100).astype(np.int16) * 0.5 + 3)


def test_labels(tmp_path):
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        data, _ = read_labels(save(tmp_path / "l.nii.gz", LABELS.astype(dtype)))
        assert data.dtype == np.uint8
        np.testing.assert_array_equal(data, LABELS)
    large, _ = read_labels(save(tmp_path / "l.nii.gz", LABELS.astype(np.int32) * 12000))
    assert large.dtype == np.int32 and large.max() == 36000


def test_written_volumes_read_back_and_repeat(tmp_path):
    paths = [tmp_path / d / "sub-1_T1w.nii.gz" for d in "ab"]
    for path in paths:
        write_volume(path, IMAGE, AFFINE)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert os.listdir(tmp_path / "a") == ["sub-1_T1w.nii.gz"]
    data, affine = read_volume(paths[0])
    np.testing.assert_array_equal(data, IMAGE)
    np.testing.assert_allclose(affine, AFFINE)
    for array, dtype in (
        (LABELS > 1, np.uint8),
        (LABELS.astype(np.int64), np.int32),
        (IMAGE[..., None], "f4"),
    ):
        write_volume(tmp_path / "x.nii", array, AFFINE)
        assert nib.load(tmp_path / "x.nii").get_data_dtype() == dtype


# --- TransMorph's pickles -------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_pair(tmp_path, protocol):
    path = tmp_path / "subject_0.pkl"
    path.write_bytes(pickle.dumps((IMAGE, LABELS.astype(np.int16)), protocol=protocol))
    image, labels = read_volume(path), read_labels(path)
    check_same_grid(image, labels, path)
    # on disk the axes run left, down, front: 160x192x224 becomes 160x224x192
    assert image[0].shape == (5, 7, 6)
    np.testing.assert_array_equal(image[0], IMAGE[::-1, ::-1].transpose(0, 2, 1))
    np.testing.assert_array_equal(labels[0], LABELS[::-1, ::-1].transpose(0, 2, 1))
    np.testing.assert_allclose(image[1] @ [2, 3, 2.5, 1], [0, 0, 0, 1], atol=1e-6)


def test_pickle_of_numpy_1_is_read(tmp_path):
    """Released files were written before numpy renamed its core module."""
    text = pickle.dumps((IMAGE, LABELS), protocol=2)
    assert b"numpy._core" in text
    (tmp_path / "a.pkl").write_bytes(text.replace(b"numpy._core", b"numpy.core"))
    assert read_volume(tmp_path / "a.pkl")[0].shape == (5, 7, 6)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch hacked",)


class Sly:
    def __reduce__(self):
        return eval, ("__import__('os').system('touch hacked')",)


@pytest.mark.parametrize(
    "content", [Malicious(), (IMAGE, Malicious()), Sly(), [np.array([Malicious()], object)]]
)
def test_malicious_pickle_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("a.pkl").write_bytes(pickle.dumps(content))
    assert "other than arrays" in refused(read_volume, Path("a.pkl"))
    assert not Path("hacked").exists()


def test_broken_pickles(tmp_path):
    path = tmp_path / "a.pkl"
    whole = pickle.dumps((IMAGE, LABELS))
    for content in (whole[:200], b"\x80\x05garbage", whole[:-1], b"text"):
        path.write_bytes(content)
        refused(read_volume, path)
    path.write_bytes(pickle.dumps(IMAGE))
    assert "no labels" in refused(read_labels, path)
    path.write_bytes(pickle.dumps(("image", "labels")))
    assert "no image" in refused(read_volume, path)


# --- what is broken: one line with the file and the fix -------------------------------------------


def with_value(value) -> np.ndarray:
    image = IMAGE.copy()
    image[2, 3, 4] = value
    return image


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (with_value(np.nan), ["1 voxels", "NaN"]),
        (with_value(np.inf), ["infinite"]),
        (IMAGE.astype(np.float64) * 1e39, ["infinite"]),
        (np.zeros(SHAPE, np.float32), ["blank"]),
        (np.full(SHAPE, 7, np.uint8), ["blank", "7"]),
        (np.stack([IMAGE, IMAGE], -1), ["(5, 6, 7, 2)", "3-D"]),
        (IMAGE[0], ["(6, 7)", "3-D"]),
        (IMAGE.astype(np.complex64), ["complex"]),
        (np.zeros((4, 0, 4), np.float32), ["no voxel"]),
        (np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")]), ["real number"]),
    ],
)
def test_unusable_images(tmp_path, array, words):
    text = refused(read_volume, save(tmp_path / "a.nii", array))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (IMAGE, ["whole number", "nearest"]),
        (with_value(np.nan), ["NaN"]),
        (LABELS.astype(np.int16) - 1, ["-1"]),
        (np.zeros(SHAPE, np.uint8), ["0 everywhere"]),
        (np.stack([LABELS, LABELS], -1), ["3-D"]),
    ],
)
def test_unusable_labels(tmp_path, array, words):
    text = refused(read_labels, save(tmp_path / "a.nii.gz", array))
    assert all(word in text for word in words), text


def test_damaged_files(tmp_path):
    good = save(tmp_path / "good.nii.gz", np.random.default_rng(2).random((20, 20, 20), np.float32))
    packed, plain = good.read_bytes(), gzip.decompress(good.read_bytes())
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF
    cases = {
        "missing.nii.gz": (None, "no such file"),
        "zero.nii.gz": (b"", "0 bytes"),
        "zero.nii": (b"", "0 bytes"),
        "zero.pkl": (b"", "0 bytes"),
        "cut.nii.gz": (packed[: len(packed) // 2], "cannot be read"),
        "flipped.nii.gz": (bytes(flipped), "cannot be read"),
        "plain.nii.gz": (plain, "cannot be read"),
        "text.nii.gz": (b"<html>not found</html>", "cannot be read"),
        "cut.nii": (plain[: len(plain) // 2], "cannot be read"),
        "header.nii": (plain[:200], "cannot be read"),
        "text.mgz": (b"hello", "cannot be read"),
        "scan.dcm": (b"DICM" * 99, "cannot be read"),
    }
    for name, (content, words) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert words in refused(read_volume, tmp_path / name), name
    (tmp_path / "folder.nii.gz").mkdir()
    refused(read_volume, tmp_path / "folder.nii.gz")


def test_flat_affine(tmp_path):
    image = nib.Nifti1Image(IMAGE, AFFINE)
    image.header.set_sform(np.diag([1, 1, 0, 1]), code=1)
    image.header.set_qform(None, code=0)
    nib.Nifti1Image(IMAGE, None, image.header).to_filename(tmp_path / "a.nii")
    assert "affine" in refused(read_volume, tmp_path / "a.nii")


def test_grids_must_agree():
    check_same_grid((IMAGE, AFFINE), (LABELS, AFFINE + 1e-4), "l.nii")
    shifted, flipped = AFFINE.copy(), AFFINE.copy()
    shifted[0, 3] += 0.5
    flipped[0, 0] *= -1
    for labels in ((LABELS[1:], AFFINE), (LABELS, shifted), (LABELS, flipped), (LABELS, AFFINE * 1.1)):
        with pytest.raises(InputError, match=r"l\.nii"):
            check_same_grid((IMAGE, AFFINE), labels, "l.nii")


# --- from configuration to arrays -----------------------------------------------------------------


def test_own_folder_end_to_end(tmp_path):
    for n in (1, 2, 10):
        save(tmp_path / f"ilist{n}.nii.gz", IMAGE * n)
        save(tmp_path / f"slist{n}.nii.gz", LABELS.astype(np.float32))
    config = {
        "kind": "folder",
        "images": {"T1w": "ilist{subject}.nii.gz"},
        "labels": "slist{subject}.nii.gz",
        "split": {"train": 2, "test": 1},
    }
    for record, n in zip(index_cohort("mine", config, tmp_path), (1, 2, 10)):
        image, labels = read_volume(record.images["T1w"]), read_labels(record.labels)
        check_same_grid(image, labels, record.labels)
        np.testing.assert_allclose(image[0], IMAGE * n, rtol=1e-6)


@pytest.mark.real
@pytest.mark.skipif("MLMI_REAL_DATA" not in os.environ, reason="MLMI_REAL_DATA does not point at real data")
def test_real_brain_slabs():
    root = Path(os.environ["MLMI_REAL_DATA"]) / "brain_t1_slabs"
    if not root.is_dir():
        pytest.skip(f"no {root}")
    config = {
        "kind": "folder",
        "images": {"T1w": "ilist{subject}.nii.gz"},
        "labels": "slist{subject}.nii.gz",
        "split": {"train": 20, "val": 4, "test": 5},
        "atlas": "12",
    }
    records = index_cohort("slabs", config, root)
    assert len(records) == 30
    for record in records:
        image, labels = read_volume(record.images["T1w"]), read_labels(record.labels)
        check_same_grid(image, labels, record.labels)
        assert image[0].shape == (182, 217, 18) and set(np.unique(labels[0])) <= set(range(5))
