"""Packed cohorts that are not as they were packed: every kind of damage, in every form, is one line."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from bad_inputs import damaged, said
from mlmi2023.cohorts import seal as sealing
from mlmi2023.cohorts.about import about_packed, packed_array
from mlmi2023.cohorts.forms import open_cohort
from mlmi2023.cohorts.seal import seal, stamp
from mlmi2023.core.errors import InputError

SUBJECTS = [{"subject": f"s{k}", "split": split} for k, split in enumerate(["train", "val", "test"])]


def noise(*shape, kind=np.float16):
    return (np.random.default_rng(0).random(shape) * 90).astype(kind)


def volumes():
    grid = {"shape": [4, 5, 6], "spacing": [1, 1, 1], "affine": np.eye(4).tolist()}
    about = {"subjects": SUBJECTS, "modalities": ["T1w"], "labels": {"1": "wm"}, "landmarks": [], **grid}
    return about, {"T1w": noise(3, 4, 5, 6), "labels": noise(3, 4, 5, 6, kind=np.uint8)}


def phased():
    about, arrays = volumes()
    rows = [{**row, "patient": row["subject"], "phase": "T00"} for row in SUBJECTS]
    about |= {"form": "phased_scans", "subjects": rows, "inhale": "T00", "exhale": "T50", "truth": False}
    return about, arrays


def scans():
    rows = [{**row, "site": "", "shape": [2, 3, 4], "spacing": [1, 1, 1]} for row in SUBJECTS]
    about = {"form": "scans", "subjects": rows, "modalities": ["CT"], "labels": {"1": "spleen"}}
    return about, {"CT": noise(72), "labels": noise(72, kind=np.uint8)}


def images():
    about = {"form": "images", "subjects": SUBJECTS, "classes": ["lesion"]}
    return about, {"images": noise(3, 8, 8, 3, kind=np.uint8), "masks": noise(3, 8, 8, kind=np.uint8)}


def stacks():
    scan = {"pixel": 1.0, "thickness": 5.0, "spacing": 2.5, "first": 1.25, "length": 10.0}
    rows = [
        {**row, "label": "", "stacks": [{"file": f"{row['subject']}_0.npy", **scan}], "reference": None}
        for row in SUBJECTS
    ]
    return {"form": "ct_stacks", "subjects": rows}, {
        f"{row['subject']}_0": noise(4, 6, 6, kind=np.int16) for row in SUBJECTS
    }


def exams():
    rows = [{**row, "case": row["subject"], "label": 0, "type": "", "ehr": True} for row in SUBJECTS]
    about = {"form": "exams", "subjects": rows, "offsets": [0, 2, 4, 6], "slice": [5, 5], "defects": True}
    return about, {"slices": noise(6, 5, 5, kind=np.int16), "defects": noise(6, 5, 5, kind=np.uint8)}


def table():
    column = {"group": "", "kind": "number", "unit": "", "informative": None}
    about = {
        "form": "table",
        "subjects": SUBJECTS,
        "columns": [{"name": name, **column} for name in "ab"],
        "targets": ["sick"],
        "classes": {"sick": ["no", "yes"]},
        "folds": {"count": 3},
    }
    ones = np.arange(3, dtype=np.int16)[:, None]
    return about, {"features": noise(3, 2, kind=np.float32), "targets": ones, "folds": ones}


FORMS = {f.__name__: f for f in (volumes, phased, scans, images, stacks, exams, table)}


@pytest.fixture(params=FORMS)
def packed(request, tmp_path):
    """A packed cohort, as the workflow leaves it, and its arrays' files."""
    return packed_as(request.param, tmp_path / "packed")


def packed_as(form, folder):
    about, arrays = FORMS[form]()
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    if form == "exams":
        (folder / "record.csv").write_text("case,age\ns0,50\ns1,60\ns2,70\n")
    seal(folder, {"name": form, **about}, "")
    stamp(folder)
    open_cohort(folder)
    return folder


def replaced(change):
    """Return a damage that puts another array into the last file."""

    def damage(folder):
        file = sorted(folder.glob("*.npy"))[-1]
        np.save(file, change(np.load(file)))

    return damage


def written(content, name=None):
    def damage(folder):
        (sorted(folder.glob("*.npy"))[-1] if name is None else folder / name).write_bytes(content)

    return damage


def edited(change):
    """Return a damage that edits cohort.json by hand, and leaves its seal."""

    def damage(folder):
        about = json.loads((folder / "cohort.json").read_text())
        change(about)
        (folder / "cohort.json").write_text(json.dumps(about))

    return damage


def other_type(array):
    """The same bytes as numbers of another kind."""
    return array.view(f"{'u' if array.dtype.kind == 'i' else 'i'}{array.itemsize}")


def as_npz(folder):
    file = sorted(folder.glob("*.npy"))[-1]
    array = np.load(file)
    with open(file, "wb") as stream:
        np.savez(stream, array)


def as_folder(folder):
    file = sorted(folder.glob("*.npy"))[-1]
    file.unlink()
    file.mkdir()


def by_one(file):
    """Change one bit of a file."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


DAMAGES = {
    "array zero bytes": (written(b""), "bytes"),
    "array cut": (lambda f: os.truncate(sorted(f.glob("*.npy"))[-1], 150), "bytes"),
    "array is an npz": (as_npz, ".npy"),
    "array is a folder": (as_folder, "is a folder"),
    "array missing": (lambda f: sorted(f.glob("*.npy"))[0].unlink(), "No such file"),
    "array all zero": (replaced(np.zeros_like), "has changed since it was packed"),
    "array of another type": (replaced(lambda a: a.astype(np.float64)), "were packed"),
    "array of another type of that size": (replaced(other_type), "has changed since it was packed"),
    "array of other values": (replaced(lambda a: a[::-1] + 1), "has changed since it was packed"),
    "array of fewer rows": (replaced(lambda a: a[:-1]), "were packed"),
    "one bit": (lambda f: by_one(sorted(f.glob("*.npy"))[0]), "has changed since it was packed"),
    "cohort.json null": (written(b"null", "cohort.json"), "holds null instead of keys"),
    "cohort.json a number": (written(b"3", "cohort.json"), "holds 3 instead of keys"),
    "cohort.json zero bytes": (written(b"", "cohort.json"), "not valid JSON"),
    "cohort.json latin-1": (written('{"name": "Müller"}'.encode("latin-1"), "cohort.json"), "not valid JSON"),
    "cohort.json nested": (written(b"[" * 100_000, "cohort.json"), "not valid JSON"),
    "cohort.json of before seals": (edited(lambda a: a.pop("seal")), "lacks seal"),
    "subjects null": (edited(lambda a: a.update(subjects=None)), "key 'subjects' is null"),
    "one subject less": (edited(lambda a: a["subjects"].pop()), "was changed after the packing"),
    "split edited": (edited(lambda a: a["subjects"][2].update(split="train")), "was changed after"),
    "hash edited": (edited(lambda a: a.update(content_hash="0" * 12)), "was changed after"),
    "file left out": (edited(lambda a: a["files"].popitem()), "was changed after the packing"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_cohort_is_refused(case, packed):
    damage, words = DAMAGES[case]
    damage(packed)
    said(lambda: open_cohort(packed), str(packed), words, "pack again")


def test_any_damage_of_cohort_json_is_refused(tmp_path):
    folder = packed_as("images", tmp_path / "packed")
    content = (folder / "cohort.json").read_bytes()
    refused = 0
    for copy in damaged(content, 60):
        (folder / "cohort.json").write_bytes(copy)
        if copy.rstrip() != content.rstrip():
            said(lambda: open_cohort(folder), "cohort.json", "pack again")
            refused += 1
    assert refused > 50


def test_a_cohort_of_another_form_is_named(tmp_path):
    folder = packed_as("images", tmp_path / "packed")
    said(lambda: about_packed(folder, "scans"), str(folder), "another form than scans")
    assert about_packed(folder, "images")["name"] == "images"


def test_an_array_that_needs_code_is_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object))
    said(lambda: packed_array(tmp_path / "a.npy"), "a.npy", "pack again")


@pytest.fixture
def hashed(monkeypatch):
    """Names of the files that were hashed; what a process knows is forgotten at each call."""
    found = []
    real = sealing.file_hash
    monkeypatch.setattr(sealing, "file_hash", lambda file: (found.append(Path(file).name), real(file))[1])

    def opened(folder):
        sealing._right.clear()
        found.clear()
        open_cohort(folder)
        return list(found)

    return opened


def later(folder, seconds=5):
    """Give all arrays an older time, as of files that nobody has touched for a while."""
    for file in folder.glob("*.npy"):
        time = file.stat().st_mtime_ns - seconds * 10**9
        os.utime(file, ns=(time, time))


def test_bytes_are_hashed_once_for_each_state_of_the_files(tmp_path, hashed):
    folder = packed_as("images", tmp_path / "packed")
    assert hashed(folder) == [], "packing has hashed them"
    later(folder)  # copied without its times, say
    assert sorted(hashed(folder)) == ["images.npy", "masks.npy"]
    assert hashed(folder) == [], "the stamp says that they were found right"
    (tmp_path / ".packed.checked.json").write_text("[1")
    assert len(hashed(folder)) == 2 and hashed(folder) == []


def test_a_process_hashes_once_where_no_stamp_can_be_written(tmp_path, hashed, monkeypatch, capsys):
    def refuse(path, content):
        raise InputError(f"{path}: cannot write here (Read-only file system)")

    folder = packed_as("images", tmp_path / "packed")
    later(folder)
    monkeypatch.setattr(sealing, "write_json", refuse)
    assert len(hashed(folder)) == 2
    assert "Read-only file system" in capsys.readouterr().out
    monkeypatch.setattr(sealing, "file_hash", None)
    open_cohort(folder)


def test_a_stamp_is_of_one_packing(tmp_path, hashed):
    """Other files of the same sizes and times under the same name are not taken for those."""
    folder = packed_as("images", tmp_path / "packed")
    times = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.npy")}
    about = json.loads((folder / "cohort.json").read_text())
    by_one(folder / "images.npy")
    seal(folder, {**about, "name": "other"}, "")
    for name, time in times.items():
        os.utime(folder / name, ns=(time, time))
    assert len(hashed(folder)) == 2


NAMES = ["../x", "a/b", "..", ".hidden", "", " a", "a\\b", "a\nb", "x" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_subjects_whose_names_lead_elsewhere_are_not_packed(name, tmp_path):
    about, _ = images()
    rows = [*SUBJECTS[:2], {"subject": name, "split": "test"}]
    said(lambda: seal(tmp_path, {"name": "c", **about, "subjects": rows}, ""), "cohort 'c'", "rename it")
    assert not list(tmp_path.iterdir())


def test_subjects_of_a_table_name_no_file(tmp_path):
    about, _ = table()
    seal(tmp_path, {"name": "c", **about, "subjects": [{"subject": "2020/17", "split": "all"}]}, "")


def test_a_cohort_goes_through_a_copy(tmp_path):
    folder = packed_as("scans", tmp_path / "packed")
    shutil.copytree(folder, tmp_path / "copy")
    assert open_cohort(tmp_path / "copy").content_hash == open_cohort(folder).content_hash
