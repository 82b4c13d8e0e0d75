"""The form ``tissue``: nuclei from several kinds of files, maps, pairs, kinds of tissue, tiles, splits."""

import numpy as np
import pytest

from bad_inputs import said
from image_folders import photo, write
from mlmi2023.cohorts.forms.tissue import form
from mlmi2023.cohorts.forms.tissue.instances import instances_of
from mlmi2023.cohorts.forms.tissue.options import Nuclei
from mlmi2023.cohorts.forms.tissue.reader import open_tissue
from mlmi2023.core.files import read_json

SPLIT = {"train": 2, "val": 1, "test": 1}
TYPES = {1: "large", 2: "small"}


def labels(number=0):
    """Two nuclei that touch, numbers 4 and 9, and one apart, number 300."""
    found = np.zeros((24, 24), np.uint16)
    found[4:10, 4 + number : 8 + number], found[4:10, 8 + number : 12 + number], found[16:20, 16:20] = (
        4,
        9,
        300,
    )
    return found


def folder(root, count=4):
    for number in range(count):
        write(root / f"i/s{number}.png", np.stack([photo(number, 24)] * 3, -1))
        write(root / f"n/s{number}.png", labels(number))
        write(root / f"c/s{number}.png", np.where(labels(number) > 9, 2, labels(number) > 0).astype(np.uint8))
        write(root / f"f/s{number}.png", photo(number + 7, 24))
    return root


def packed(root, read, **more):
    config = {"kind": "folder", "form": "tissue", "read": read, "split": SPLIT, **more}
    assert all(file.is_file() for file in form.raw_files(config, root))
    form.pack(config, root, root / "packed", "mine")
    return open_tissue(root / "packed")


READ = {
    "images": "i/{subject}.png",
    "nuclei": {"files": "n/{subject}.png"},
    "maps": {"cells": {"files": "c/{subject}.png", "classes": TYPES}},
    "paired": {"panck": "f/{subject}.png"},
}


def test_all_that_is_known_of_an_image_is_packed(tmp_path):
    cohort = packed(folder(tmp_path), READ)
    assert cohort.images.shape == (4, 24, 24, 3) and cohort.splits == ["train", "train", "val", "test"]
    for row in range(4):
        assert np.array_equal(cohort.images[row][..., 0], photo(row, 24))
        assert np.array_equal(cohort.paired["panck"][row], photo(row + 7, 24))
        # numbers are counted through, touching nuclei stay two
        wanted = np.select([labels(row) == n for n in (4, 9, 300)], [1, 2, 3])
        assert np.array_equal(cohort.nuclei[row], wanted)
        assert np.array_equal(cohort.maps["cells"][row], np.where(wanted == 3, 2, wanted > 0))
    assert cohort.classes == {"cells": ["large", "small"]} and (cohort.labels == -1).all()
    facts = dict(read_json(cohort.path / "cohort.json")["facts"])
    assert facts["nuclei of an image"] == "median 3, from 3 to 3"
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000
    assert [look.case for look in form.looks(tmp_path / "packed")] == cohort.subjects


def test_nuclei_come_from_masks_of_each_and_from_parts(tmp_path):
    write(tmp_path / "a.png", (labels() == 4).astype(np.uint8) * 255)
    write(tmp_path / "b.png", (labels() == 9).astype(np.uint8) * 255)
    write(tmp_path / "all.png", (labels() > 0).astype(np.uint8) * 255)
    files = [str(tmp_path / name) for name in ("a.png", "b.png")]
    own = instances_of(files, Nuclei(files="x{subject}", how="masks", threshold=127), (24, 24))
    assert np.array_equal(own, np.select([labels() == 4, labels() == 9], [1, 2]))
    parts = Nuclei(files="x{subject}", how="parts", threshold=127)
    own = instances_of([str(tmp_path / "all.png")], parts, (24, 24))
    assert own.max() == 2 and np.array_equal(own > 0, labels() > 0), "two that touch are one part"
    large = Nuclei(files="x{subject}", how="parts", threshold=127, least=17)
    assert instances_of([str(tmp_path / "all.png")], large, (24, 24)).max() == 1
    said(lambda: instances_of(files, parts, (20, 24)), "has 24 x 24 pixels, its image 20 x 24")


def test_sizes_change_and_tiles_stay_together(tmp_path):
    small = packed(folder(tmp_path), {**READ, "size": [12, 12]})
    assert small.images.shape == (4, 12, 12, 3) and set(np.unique(small.nuclei[0])) == {0, 1, 2, 3}
    tiles = packed(folder(tmp_path / "more"), {**READ, "tiles": {"size": [16, 16], "stride": [8, 8]}})
    assert len(tiles) == 16 and len(set(tiles.groups)) == 4
    assert dict(zip(tiles.groups, tiles.splits)) == {f"s{n}": own for n, own in enumerate(small.splits)}
    assert np.array_equal(tiles.nuclei[3], np.select([labels()[8:, 8:] == n for n in (4, 9, 300)], [1, 2, 3]))


def test_kinds_of_tissue_come_from_folders_and_have_an_order(tmp_path):
    for number, name in enumerate(("TUM", "ADI", "TUM", "ADI")):
        write(tmp_path / f"set/{name}/{name}-{number}.tif", np.stack([photo(number, 24)] * 3, -1))
    read = {"images": "set/{tissue}/{subject}.tif", "tissues": {"TUM": "tumour", "ADI": "adipose"}}
    cohort = packed(tmp_path, read, split_seed=1)
    assert cohort.tissue_names == ["tumour", "adipose"] and cohort.nuclei is None
    assert [cohort.tissue_names[n] for n in cohort.labels] == cohort.tissues
    assert sorted(cohort.subjects) == ["ADI-1", "ADI-3", "TUM-0", "TUM-2"]
    lost = {**read, "tissues": {"TUM": "tumour"}}
    said(lambda: packed(tmp_path, lost), "of the tissue 'ADI'", "read.tissues")


def test_sources_have_splits_of_their_own_and_tables_patients(tmp_path):
    folder(tmp_path, 6)
    (tmp_path / "who.csv").write_text(
        "image,patient,split\n"
        + "".join(
            f"s{n}.png,p{n // 2},{s}\n"
            for n, s in enumerate(("train", "train", "val", "val", "test", "test"))
        )
    )
    table = {"file": "who.csv", "patient": "patient", "split": "split"}
    cohort = packed(tmp_path, {**READ, "table": table}, split=None)
    assert cohort.groups == ["p0", "p0", "p1", "p1", "p2", "p2"] and cohort.splits[::2] == [
        "train",
        "val",
        "test",
    ]
    counted = packed(
        tmp_path,
        {**READ, "table": {"file": "who.csv", "patient": "patient"}},
        split={"train": 1, "val": 1, "test": 1},
    )
    assert counted.splits == ["train", "train", "val", "val", "test", "test"], "numbers count patients"
    (tmp_path / "who.csv").write_text("image,patient,split\ns0.png,p0,train\ns1.png,p0,test\n")
    said(lambda: packed(tmp_path, {**READ, "table": table}, split=None), "group 'p0' is torn apart")
    for number in range(4, 6):
        write(tmp_path / f"other/s{number}x.png", np.stack([photo(number, 24)] * 3, -1))
    read = {
        "sources": [
            {"images": "i/{subject}.png", "split": {"train": 4, "val": 2}},
            {"images": "other/{subject}.png", "split": {"test": "rest"}},
        ]
    }
    two = packed(tmp_path, read, split=None)
    assert two.splits == ["train"] * 4 + ["val"] * 2 + ["test"] * 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nuclei": {"files": "n/{subject}.png", "how": "label"}}, ("'label'",)),
        ({"nuclei": {"files": "i/{subject}.png"}}, ("is the images themselves",)),
        ({"nuclei": {"files": "x/{subject}.png"}}, ("no file of 'read.nuclei.files'",)),
        ({"paired": {"panck": "x/{subject}.png"}}, ("has no file", "panck")),
        ({"size": [12, 12], "tiles": {"size": [12, 12]}}, ("give one of read.size and read.tiles",)),
        ({"tissues": {"a": "b"}}, ("nothing says of which tissue",)),
        ({"table": {"file": "none.csv"}}, ("none.csv",)),
    ],
)  # fmt: skip
def test_slips_are_one_line(tmp_path, change, words):
    config = {"kind": "folder", "form": "tissue", "read": {**READ, **change}, "split": SPLIT}
    said(lambda: form.pack(config, folder(tmp_path), tmp_path / "packed", "mine"), *words)
