"""What training and scoring read is what the grid step wrote."""

import json
import pickle
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from mlmi2023.cohorts.forms.volumes.reader import open_packed, pack
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash

SHAPE = (8, 9, 10)
AFFINE = np.diag([2.0, 2.0, 2.5, 1.0])
SPLITS = ["train", "train", "test", "atlas"]


def volume(seed: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def segmentation(seed: int, shape=SHAPE, values=(0, 1, 4)) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array(values), shape).astype(np.int16)


def save(path: Path, array, affine=AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(array, affine).to_filename(path)


def grid_batches(
    root: Path, shape=SHAPE, values=(0, 1, 4), marks: bool = True, labels: bool = True
) -> list[Path]:
    """Write two batches as the grid step does, subject ``n`` made from seed ``n``."""
    batches = [root / "batch-000", root / "batch-001"]
    for batch, members in zip(batches, ([0, 1], [2, 3])):
        records = []
        for n in members:
            base = f"sub-{n}/anat/sub-{n}"
            save(batch / f"{base}_T1w.nii.gz", volume(n, shape))
            save(batch / f"{base}_T2w.nii.gz", volume(100 + n, shape))
            if labels:
                save(batch / f"{base}_dseg.nii.gz", segmentation(n, shape, values))
            if marks:
                rows = "".join(f"p{k}\t{n + k}\t{k + 0.25}\t1\n" for k in range(3))
                (batch / f"{base}_landmarks.tsv").write_text(f"name\tx\ty\tz\n{rows}")
            records.append(
                {
                    "subject": str(n),
                    "split": SPLITS[n],
                    "images": {m: f"{base}_{m}.nii.gz" for m in ("T1w", "T2w")},
                    "labels": f"{base}_dseg.nii.gz" if labels else None,
                    "mask": None,
                    "affine_xfm": None,
                    "truth": None,
                    "landmarks": f"{base}_landmarks.tsv" if marks else None,
                }
            )
        (batch / "records.json").write_text(json.dumps(records))
    return batches


def change(batch: Path, n: int, **keys) -> None:
    records = json.loads((batch / "records.json").read_text())
    records[n].update(keys)
    (batch / "records.json").write_text(json.dumps(records))


def refused(batches, out: Path) -> str:
    with pytest.raises(InputError) as caught:
        pack(batches, {}, out, "c")
    assert "\n" not in str(caught.value) and not out.exists()
    assert not [p for p in out.parent.iterdir() if p.name.startswith(".partial")]
    return str(caught.value)


def test_round_trip(tmp_path):
    pack(grid_batches(tmp_path), {1: "caudate", 2: "absent"}, tmp_path / "packed", "brain")
    cohort = open_packed(tmp_path / "packed")
    assert (cohort.name, len(cohort), cohort.shape, cohort.spacing) == ("brain", 4, SHAPE, (2.0, 2.0, 2.5))
    assert cohort.subjects == ["0", "1", "2", "3"] and cohort.splits == SPLITS
    assert (
        cohort.indices("train") == [0, 1] and cohort.indices("atlas") == [3] and cohort.indices("val") == []
    )
    assert cohort.label_names == {1: "caudate", 4: "label_4"}
    np.testing.assert_allclose(cohort.affine, AFFINE)
    for n in range(4):
        np.testing.assert_allclose(cohort.images("T1w")[n], volume(n), atol=3e-4)
        np.testing.assert_allclose(cohort.images("T2w")[n], volume(100 + n), atol=3e-4)
        np.testing.assert_array_equal(cohort.labels[n], segmentation(n))
        np.testing.assert_allclose(cohort.landmarks[n, 2], [n + 2, 2.25, 1])
    assert cohort.images("T1w").dtype == np.float16 and cohort.labels.dtype == np.uint8
    assert isinstance(cohort.images("T1w"), np.memmap) and not cohort.images("T1w").flags.writeable
    with pytest.raises(InputError, match="FLAIR"):
        cohort.images("FLAIR")


def test_workers_get_paths_not_voxels(tmp_path):
    pack(grid_batches(tmp_path), {}, tmp_path / "packed", "c")
    cohort = open_packed(tmp_path / "packed")
    cohort.images("T1w")
    text = pickle.dumps(cohort)
    assert len(text) < 4000
    np.testing.assert_array_equal(pickle.loads(text).images("T1w"), cohort.images("T1w"))


def test_without_labels_and_landmarks(tmp_path):
    pack(grid_batches(tmp_path, marks=False, labels=False), {1: "x"}, tmp_path / "packed", "c")
    cohort = open_packed(tmp_path / "packed")
    assert cohort.labels is None and cohort.landmarks is None and cohort.label_names == {}
    assert not (tmp_path / "packed/labels.npy").exists()


def test_large_label_values_are_kept(tmp_path):
    pack(grid_batches(tmp_path, values=(0, 17, 2035)), {}, tmp_path / "packed", "c")
    cohort = open_packed(tmp_path / "packed")
    assert cohort.labels.dtype == np.int16 and set(np.unique(cohort.labels)) == {0, 17, 2035}


def test_same_input_same_bytes_other_input_other_hash(tmp_path):
    batches = grid_batches(tmp_path)
    for out in ("a", "b"):
        pack(batches, {}, tmp_path / out, "c")
    assert tree_hash(tmp_path / "a") == tree_hash(tmp_path / "b")
    first = open_packed(tmp_path / "a").content_hash
    image = volume(2)
    image[0, 0, 0] = 1 - image[0, 0, 0]
    hashes = {first}
    save(batches[1] / "sub-2/anat/sub-2_T1w.nii.gz", image)
    for n, step in enumerate((lambda: None, lambda: change(batches[0], 0, split="val"))):
        step()
        pack(batches, {}, tmp_path / f"c{n}", "c")
        hashes.add(open_packed(tmp_path / f"c{n}").content_hash)
    assert len(hashes) == 3


def test_memory_does_not_grow_with_the_cohort(tmp_path):
    shape = (48, 48, 48)
    batches = grid_batches(tmp_path, shape=shape)
    one = 4 * int(np.prod(shape))
    tracemalloc.start()
    pack(batches, {}, tmp_path / "packed", "c")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pack(batches[:1], {}, tmp_path / "half", "c")
    tracemalloc.start()
    pack(batches[:1], {}, tmp_path / "half", "c")
    half = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < half + one


def test_centred_grids_may_lie_elsewhere(tmp_path):
    batches = grid_batches(tmp_path)
    moved = AFFINE.copy()
    moved[:3, 3] = 7
    save(batches[1] / "sub-3/anat/sub-3_T1w.nii.gz", volume(3), moved)
    save(batches[1] / "sub-3/anat/sub-3_T2w.nii.gz", volume(103), moved)
    assert "sub-3_dseg" in refused(batches, tmp_path / "packed")  # its labels stayed behind
    save(batches[1] / "sub-3/anat/sub-3_dseg.nii.gz", segmentation(3), moved)
    pack(batches, {}, tmp_path / "packed", "c")


def test_what_is_refused(tmp_path):
    out = tmp_path / "packed"
    assert "no subject" in refused([], out)
    assert "records.json" in refused([tmp_path / "nowhere"], out)
    cases = {
        "T1w.nii.gz": [
            (volume(2, (8, 9, 11)), AFFINE, "(8, 9, 11)"),
            (volume(2), AFFINE * [[1], [1.1], [1], [1]], "voxels of"),
            (volume(2) * 2, AFFINE, "not from 0 to 1"),
            (np.where(volume(2) > 0.99, np.nan, volume(2)), AFFINE, "NaN"),
            (np.zeros(SHAPE, np.float32), AFFINE, "blank"),
        ],
        "dseg.nii.gz": [
            (segmentation(2, (8, 9, 11)), AFFINE, "(8, 9, 11)"),
            (volume(2), AFFINE, "whole number"),
            (np.zeros(SHAPE, np.uint8), AFFINE, "0 everywhere"),
        ],
    }
    for ending, wrongs in cases.items():
        for number, (array, affine, words) in enumerate(wrongs):
            batches = grid_batches(tmp_path / f"{ending}{number}")
            save(batches[1] / f"sub-2/anat/sub-2_{ending}", array, affine)
            text = refused(batches, out)
            assert words in text and f"sub-2_{ending}" in text


def test_subjects_must_be_alike(tmp_path):
    out = tmp_path / "packed"
    for number, (keys, words) in enumerate(
        [
            ({"subject": "3"}, "subject 3 stands in two"),
            ({"images": {"T1w": "sub-2/anat/sub-2_T1w.nii.gz"}}, "modalities"),
            ({"labels": None}, "subject 2 has no labels"),
            ({"landmarks": None}, "subject 2 has no landmarks"),
            ({"labels": "gone.nii.gz"}, "gone.nii.gz"),
            ({"landmarks": "gone.tsv"}, "gone.tsv"),
        ]
    ):
        batches = grid_batches(tmp_path / str(number))
        change(batches[1], 0, **keys)
        assert words in refused(batches, out)
    for text in (
        "name\tx\ty\tz\np0\t1\t1\t1\n",
        "name\tx\ty\np0\t1\t1\n",
        "name\tx\ty\tz\np0\tnan\t1\t1\n",
        "",
    ):
        batches = grid_batches(tmp_path / "marks")
        (batches[1] / "sub-2/anat/sub-2_landmarks.tsv").write_text(text)
        assert "sub-2_landmarks.tsv" in refused(batches, out)


def test_damaged_packed_folder(tmp_path):
    out = tmp_path / "packed"
    with pytest.raises(InputError, match="no packed cohort"):
        open_packed(out)
    pack(grid_batches(tmp_path), {}, out, "c")
    (out / "T1w.npy").write_bytes((out / "T1w.npy").read_bytes()[:-100])
    with pytest.raises(InputError, match=r"T1w\.npy"):
        open_packed(out).images("T1w")
    np.save(out / "T1w.npy", np.zeros((4, 3, 3, 3), np.float16))
    with pytest.raises(InputError, match=r"T1w\.npy"):
        open_packed(out)
    (out / "cohort.json").write_text("{}")
    with pytest.raises(InputError, match=r"cohort\.json"):
        open_packed(out)
