"""The form ``outlines``: sizes kept, outlines filled, objects cut out, NIfTI, layouts of public sets."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from bad_inputs import said
from image_folders import disc, photo, write
from mlmi2023.cohorts.forms.outlines import form
from mlmi2023.cohorts.forms.outlines.reader import open_outlines
from mlmi2023.core.files import read_json
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
SPLIT = {"train": 2, "val": 1, "test": 1}


def packed(root, read, **more):
    config = {"kind": "folder", "form": "outlines", "read": read, "split": SPLIT, **more}
    assert all(file.is_file() for file in form.raw_files(config, root))
    form.pack(config, root, root / "packed", "mine")
    return open_outlines(root / "packed")


def dataset(name, root, **more):
    """The cohort of a public dataset, with its layout."""
    config = read_yaml(ROOT / f"config/cohorts/{name}.yaml")["paper"]
    layout = read_yaml(ROOT / f"resources/datasets/{config['dataset']}.yaml")
    return merge({**config, "layout": layout}, more)


def test_images_keep_their_own_size(tmp_path):
    for number, side in enumerate((20, 24, 30, 24)):
        write(tmp_path / f"i/s{number}.png", photo(number, side)[: side - 4])
        write(tmp_path / f"m/s{number}.png", disc(side)[: side - 4])
    read = {"images": "i/{subject}.png", "masks": "m/{subject}.png", "grey": True}
    cohort = packed(tmp_path, read)
    assert cohort.shapes == [(16, 20), (20, 24), (26, 30), (20, 24)] and cohort.channels == 1
    for row, side in enumerate((20, 24, 30, 24)):
        assert np.array_equal(cohort.image(row)[..., 0], photo(row, side)[: side - 4])
        assert np.array_equal(cohort.mask(row) > 0, disc(side)[: side - 4])
    facts = dict(read_json(cohort.path / "cohort.json")["facts"])
    assert facts["size"] == "16 x 20 to 26 x 30, grey" and facts["images"] == "2 train, 1 val, 1 test"
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000
    assert [look.case for look in form.looks(tmp_path / "packed")] == cohort.subjects


def test_outlines_are_filled(tmp_path):
    ring = disc(24) & ~ndimage.binary_erosion(disc(24))
    for number in range(4):
        write(tmp_path / f"training_set/{number:03d}_HC.png", photo(number, 24))
        write(tmp_path / f"training_set/{number:03d}_HC_Annotation.png", ring)
    write(tmp_path / "training_set/001_2HC.png", photo(9, 24))
    write(tmp_path / "training_set/001_2HC_Annotation.png", ring)
    config = dataset("hc18", tmp_path, split=SPLIT)
    assert len(form.raw_files(config, tmp_path)) == 10
    form.pack(config, tmp_path, tmp_path / "packed", "hc18")
    cohort = open_outlines(tmp_path / "packed")
    assert len(cohort) == 5 and cohort.classes == ["foreground"]
    assert all(np.array_equal(cohort.mask(row) > 0, disc(24)) for row in range(5))
    by_fetus = {}
    for subject, split in zip(cohort.subjects, cohort.splits):
        by_fetus.setdefault(subject[:3], set()).add(split)
    assert len(by_fetus) == 4 and all(len(splits) == 1 for splits in by_fetus.values())


def nifti(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array.T.astype(np.uint8), np.eye(4)), path)


def test_camus_is_read_from_nifti(tmp_path):
    labels = np.zeros((20, 16), np.uint8)
    labels[3:8, 4:9], labels[9:12, 4:9], labels[13:17, 2:5] = 1, 3, 2
    folder = tmp_path / "database_nifti"
    for number in range(1, 5):
        for view in ("2CH", "4CH"):
            for time in ("ED", "ES"):
                name = folder / f"patient{number:04d}" / f"patient{number:04d}_{view}_{time}"
                nifti(Path(f"{name}.nii.gz"), photo(number, 20)[:, :16])
                nifti(Path(f"{name}_gt.nii.gz"), labels)
        half = folder / f"patient{number:04d}" / f"patient{number:04d}_4CH_half_sequence.nii.gz"
        nifti(half, np.zeros((20, 16)))
    config = dataset("camus", tmp_path, split=SPLIT)
    assert len(form.raw_files(config, tmp_path)) == 32
    form.pack(config, tmp_path, tmp_path / "packed", "camus")
    cohort = open_outlines(tmp_path / "packed")
    assert len(cohort) == 16 and cohort.classes == ["lv", "mc", "la"] and cohort.shapes[0] == (20, 16)
    assert np.array_equal(cohort.mask(5), labels)
    assert np.array_equal(cohort.image(0)[..., 0], photo(int(cohort.groups[0][-1]), 20)[:, :16])
    assert all(
        len({s for s, g in zip(cohort.splits, cohort.groups) if g == name}) == 1 for name in cohort.groups
    )


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("hc18", [f"training_set/{n:03d}_HC{end}.png" for n in range(806) for end in ("", "_Annotation")]),
        ("two_chambers", [f"{place}/{n:04d}.png" for n in range(1731) for place in ("images", "masks")]),
        (
            "camus",
            [
                f"database_nifti/patient{n:04d}/patient{n:04d}_{v}_{t}{end}.nii.gz"
                for n in range(1, 501)
                for v in ("2CH", "4CH")
                for t in ("ED", "ES", "half_sequence")
                for end in ("", "_gt")
            ],
        ),
    ],
)
def test_trees_of_empty_files_are_found(name, files, tmp_path):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = form.raw_files(dataset(name, tmp_path), tmp_path)
    assert len(found) == len([file for file in files if "half" not in file])


def test_single_objects_are_cut_out(tmp_path):
    mask = np.zeros((60, 80), bool)
    mask[5:15, 6:16], mask[30:50, 40:52], mask[0:10, 60:70], mask[25:27, 5:7] = True, True, True, True
    for number in range(4):
        write(tmp_path / f"i/s{number}.png", np.stack([photo(number, 80)[:60]] * 3, -1))
        write(tmp_path / f"m/s{number}.png", mask)
    read = {"images": "i/{subject}.png", "masks": "m/{subject}.png", "objects": {"margin": 0.25, "least": 20}}
    cohort = packed(tmp_path, read)
    assert len(cohort) == 8 and cohort.subjects[:2] == ["s0_2", "s0_4"] and cohort.groups[:2] == ["s0", "s0"]
    assert cohort.splits == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    assert cohort.shapes[:2] == [(15, 15), (30, 30)]
    assert cohort.mask(0).sum() == 100 and cohort.mask(1).sum() == 240
    assert np.array_equal(cohort.image(1)[..., 0], photo(0, 80)[25:55, 31:61])
    read["objects"]["most"] = 1
    assert len(packed(tmp_path, read)) == 4


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ({"images": "i/{subject}.png"}, "give both read.images and read.masks"),
        ({"fil": True}, "fil"),
        ({"classes": {1: "a"}, "threshold": 3}, "give one of read.classes and read.threshold"),
        ({"classes": {1: "a", 2: "b"}, "objects": {}}, "read.objects cuts out objects of one kind"),
        ({"objects": {"margn": 1}}, "margin"),
    ],
)
def test_wrong_keys_are_one_line(read, words):
    said(lambda: form.read_key({"read": read}), words)


def test_wrong_files_are_one_line(tmp_path):
    for number in range(4):
        write(tmp_path / f"i/s{number}.png", photo(number, 24))
        write(tmp_path / f"m/s{number}.png", disc(24))
    read = {"images": "i/{subject}.png", "masks": "m/{subject}.png"}
    write(tmp_path / "m/s1.png", disc(20))
    said(lambda: packed(tmp_path, read), "m/s1.png", "20 x 20", "24 x 24")
    write(tmp_path / "m/s1.png", disc(24))
    said(
        lambda: packed(tmp_path, {**read, "objects": {"least": 5000}}),
        "no object is left",
        "read.objects.least",
    )
    for number in range(4):
        write(tmp_path / f"m/s{number}.png", np.zeros((24, 24), bool))
    said(lambda: packed(tmp_path, read), "no mask shows foreground")
    (tmp_path / "i/s0.nii").write_bytes(b"no image")
    nii = {"images": "i/{subject}.nii", "masks": "m/{subject}.png"}
    said(lambda: packed(tmp_path, nii, split={"train": 1}), "i/s0.nii", "no readable NIfTI")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 3), np.uint8), np.eye(4)), tmp_path / "i/s0.nii")
    said(lambda: packed(tmp_path, nii, split={"train": 1}), "i/s0.nii", "(4, 4, 3)", "one slice")
