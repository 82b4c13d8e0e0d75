"""Cohorts are indexed from configuration alone; real layouts are tried as trees of empty files."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.find.label_names import label_names
from mlmi2023.cohorts.find.patterns import find, natural
from mlmi2023.core.errors import InputError
from release_trees import alberts_release, bcp_release, ixi_release, learn2reg_release, oasis_release, touch

REPO = Path(__file__).parents[2]
FOLDER = {
    "kind": "folder",
    "images": {"T1w": "i{subject}.nii.gz"},
    "labels": "s{subject}.nii.gz",
    "split": {"train": 3, "val": 1, "test": 2},
}


def own_folder(root: Path, count: int = 12) -> Path:
    return touch(root, [f"{kind}{n}.nii.gz" for n in range(1, count + 1) for kind in "is"])


def dataset(name: str, **own) -> dict:
    config = yaml.safe_load((REPO / f"config/cohorts/{name}.yaml").read_text())["paper"]
    config["layout"] = yaml.safe_load((REPO / f"resources/datasets/{name}.yaml").read_text())
    return {**config, **own}


def counts(records) -> dict[str, int]:
    return dict(Counter(r.split for r in records))


def refused(config: dict, root: Path) -> str:
    """Return the message, which must be one line."""
    with pytest.raises(InputError) as caught:
        index_cohort("mine", config, root)
    text = str(caught.value)
    assert "\n" not in text and ("mine" in text or str(root) in text)
    return text


# --- any folder -----------------------------------------------------------------------------------


def test_folder_splits_in_natural_order(tmp_path):
    records = index_cohort("mine", FOLDER, own_folder(tmp_path))
    assert [r.subject for r in records] == ["1", "2", "3", "4", "5", "6"]
    assert [r.split for r in records] == ["train"] * 3 + ["val"] + ["test"] * 2
    assert records[1].images == {"T1w": str(tmp_path / "i2.nii.gz")}
    assert records[1].labels == str(tmp_path / "s2.nii.gz") and records[1].truth is None
    assert records[1].entry()["mask"] is None


def test_folder_atlas_is_no_training_subject(tmp_path):
    records = index_cohort("mine", {**FOLDER, "atlas": "2"}, own_folder(tmp_path))
    assert [r.subject for r in records if r.split == "train"] == ["1", "3", "4"]
    assert [(r.subject, r.split) for r in records][-1] == ("2", "atlas")


def test_folder_atlas_files(tmp_path):
    touch(own_folder(tmp_path), ["atlas/mean.nii.gz", "atlas/seg.nii.gz"])
    config = {**FOLDER, "atlas_image": "atlas/mean.nii.gz", "atlas_labels": "atlas/seg.nii.gz"}
    atlas = index_cohort("mine", config, tmp_path)[-1]
    assert (atlas.split, atlas.labels) == ("atlas", str(tmp_path / "atlas/seg.nii.gz"))


def test_seeded_split_ignores_order_and_neighbours(tmp_path):
    config = {**FOLDER, "split": {"train": 5, "test": "rest"}, "split_seed": 1}
    train = {
        r.subject for r in index_cohort("mine", config, own_folder(tmp_path / "a")) if r.split == "train"
    }
    assert train != {"1", "2", "3", "4", "5"}
    other = index_cohort("mine", {**config, "split_seed": 2}, tmp_path / "a")
    assert {r.subject for r in other if r.split == "train"} != train
    again = index_cohort("mine", config, own_folder(tmp_path / "b"))
    assert {r.subject for r in again if r.split == "train"} == train
    for kind in "is":  # a test subject less moves nobody from train to test
        (tmp_path / f"b/{kind}{next(r.subject for r in again if r.split == 'test')}.nii.gz").unlink()
    fewer = index_cohort("mine", config, tmp_path / "b")
    assert {r.subject for r in fewer if r.split == "train"} == train


def test_split_file(tmp_path):
    own_folder(tmp_path)
    (tmp_path / "who.csv").write_text("subject,split\n7,train\n1,test\n2,n/a\n")
    config = {k: v for k, v in FOLDER.items() if k != "split"} | {"split_file": "who.csv"}
    assert [(r.subject, r.split) for r in index_cohort("mine", config, tmp_path)] == [
        ("7", "train"),
        ("1", "test"),
    ]


def test_split_by_folder_and_macos_twins(tmp_path):
    touch(tmp_path, ["Tr/a.nii.gz", "Tr/b.nii.gz", "Tr/._a.nii.gz", "Te/c.nii.gz", "Old/d.nii.gz"])
    config = {
        "kind": "folder",
        "images": {"T1w": "{split}/{subject}.nii.gz"},
        "split": {"train": "Tr", "test": "Te"},
    }
    assert [(r.subject, r.split) for r in index_cohort("mine", config, tmp_path)] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "test"),
    ]


def test_patterns():
    assert sorted(["s10", "s9", "a", "10", "9"], key=natural) == ["9", "10", "a", "s9", "s10"]


def test_pattern_repeats_subject(tmp_path):
    touch(tmp_path, ["p1/p1_T1.nii", "p2/p9_T1.nii", "p3/x_p3_T1.nii"])
    assert [m.subject for m in find(tmp_path, "{subject}/{subject}_T1.nii")] == ["p1"]


# --- mistakes: one line each, with the key or file and the fix ------------------------------------


def without(key: str) -> dict:
    return {k: v for k, v in FOLDER.items() if k != key}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({**FOLDER, "kind": "foldr"}, ["'kind'", "folder"]),
        (without("images"), ["'images'", "missing"]),
        ({**FOLDER, "images": {"T1w": "image.nii.gz"}}, ["'images.T1w'", "{subject}"]),
        ({**FOLDER, "images": {"T1w": "x{subject}.nii.gz"}}, ["'images.T1w'", "x{subject}.nii.gz", "holds"]),
        ({**FOLDER, "labels": "l{subject}.nii.gz"}, ["'labels'", "l{subject}"]),
        (without("split"), ["'split'", "missing"]),
        ({**FOLDER, "split": {"train": 9, "test": 9}}, ["'split'", "18", "12"]),
        ({**FOLDER, "split": {"training": 9}}, ["'split.training'", "train"]),
        ({**FOLDER, "split": {"train": -1}}, ["'split.train'", "-1"]),
        ({**FOLDER, "split": {"train": "rest", "test": "rest"}}, ["rest"]),
        ({**FOLDER, "split_file": "who.csv"}, ["'split'", "'split_file'"]),
        ({**without("split"), "split_file": "nowhere.csv"}, ["nowhere.csv", "no such file"]),
        ({**FOLDER, "atlas": "99"}, ["'atlas'", "99"]),
        ({**FOLDER, "atlas_image": "a.nii"}, ["'atlas_image'", "a.nii"]),
        ({**FOLDER, "modalities": ["T2w"]}, ["'modalities'", "T2w"]),
        ({**FOLDER, "images": {"T1w": "i*{subject}**.nii.gz"}}, ["**"]),
        ({**FOLDER, "images": {"T1w": "{split}/i{subject}.nii.gz"}}, ["images.T1w"]),
    ],
)
def test_wrong_folder_config(tmp_path, config, words):
    text = refused(config, own_folder(tmp_path))
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("subject,split\n77,train\n", ["77", "no image"]),
        ("subject,group\n1,train\n", ["subject and split", "group"]),
        ("subject,split\n1,train\n1,test\n", ["subject 1", "train", "test"]),
        ("subject,split\n1,training\n", ["training", "train, val"]),
        ("", ["no rows"]),
        ("subject,split\n1,\n", ["no subject has a split"]),
    ],
)
def test_wrong_split_file(tmp_path, table, words):
    own_folder(tmp_path)
    (tmp_path / "who.csv").write_text(table)
    text = refused({**without("split"), "split_file": "who.csv"}, tmp_path)
    assert all(word in text for word in words), text


def test_wrong_files(tmp_path):
    assert "'root'" in refused(FOLDER, tmp_path / "nowhere")
    (tmp_path / "none").mkdir()
    assert "it is empty" in refused(FOLDER, tmp_path / "none")
    (own_folder(tmp_path / "a") / "s2.nii.gz").unlink()
    text = refused(FOLDER, tmp_path / "a")
    assert "subject 2 has no label" in text and "split_file" in text
    touch(own_folder(tmp_path / "b"), ["i-1.nii.gz"])
    assert "two files of subject 1" in refused(FOLDER, tmp_path / "b")
    touch(tmp_path / "c", ["Tr/a.nii", "Te/a.nii"])
    overlap = {
        "kind": "folder",
        "images": {"T1w": "{split}/{subject}.nii"},
        "split": {"train": "Tr", "test": "Te"},
    }
    text = refused(overlap, tmp_path / "c")
    assert "subject a" in text and "overlap" in text
    touch(own_folder(tmp_path / "d"), ["t1.nii.gz"])
    two = {**FOLDER, "images": {"T1w": "i{subject}.nii.gz", "T2w": "t{subject}.nii.gz"}}
    assert "subject 2 has no T2w" in refused(two, tmp_path / "d")


# --- stand-ins and BIDS ---------------------------------------------------------------------------

SIMULATED = {
    "kind": "simulated",
    "modalities": ["T1w", "T2w"],
    "subjects": {"test": 1, "train": 2, "val": 1},
    "atlas": True,
}


def test_simulated_is_planned_without_files(tmp_path):
    records = index_cohort("brain", SIMULATED, tmp_path / "not/there")
    assert [(r.subject, r.split) for r in records] == [
        ("001", "train"),
        ("002", "train"),
        ("003", "val"),
        ("004", "test"),
        ("atlas", "atlas"),
    ]
    assert records[0].images["T2w"].endswith("not/there/sub-001/anat/sub-001_T2w.nii.gz")
    assert records[-1].truth.endswith("derivatives/truth/sub-atlas/anat")


def test_written_stand_in_reads_as_bids(tmp_path):
    planned = index_cohort("brain", SIMULATED, tmp_path)
    for r in planned:
        touch(
            tmp_path,
            [Path(p).relative_to(tmp_path) for p in [*r.images.values(), r.labels, f"{r.truth}/x.tsv"]],
        )
    rows = "".join(f"sub-{r.subject}\t{r.split}\n" for r in planned)
    (tmp_path / "participants.tsv").write_text(f"participant_id\tsplit\n{rows}")
    (tmp_path / "derivatives/labels/dseg.tsv").write_text("index\tname\tabbreviation\n0\tx\tx\n4\tput\tp\n")
    assert index_cohort("brain", {"kind": "bids"}, tmp_path) == planned
    assert label_names({"kind": "bids"}, tmp_path) == {4: "put"}


def test_foreign_bids(tmp_path):
    touch(tmp_path, [f"sub-{s}/ses-1/anat/sub-{s}_ses-1_acq-mprage_T1w.nii.gz" for s in ("A1", "A2", "B10")])
    config = {"kind": "bids", "split": {"train": 2, "test": 1}}
    records = index_cohort("mine", config, tmp_path)
    assert [r.subject for r in records] == ["A1", "A2", "B10"] and records[0].labels is None
    assert "participants.tsv" in refused({"kind": "bids"}, tmp_path)
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-A1\t3\n")
    assert "split" in refused({"kind": "bids"}, tmp_path)
    touch(tmp_path, ["sub-A1/ses-2/anat/sub-A1_ses-2_T1w.nii.gz"])
    assert "two files of subject A1" in refused(config, tmp_path)


def test_label_names_of_a_folder(tmp_path):
    assert label_names({**FOLDER, "label_names": {1: "CSF", "2": "GM"}}, tmp_path) == {1: "CSF", 2: "GM"}
    assert label_names(FOLDER, tmp_path) == {}
    for wrong in ({0: "air"}, {"one": "CSF"}, {1: "a", 2: "a"}, {1: ""}):
        with pytest.raises(InputError):
            label_names({**FOLDER, "label_names": wrong}, tmp_path)


# --- public datasets, as trees of empty files with the published names ----------------------------


def raw_ixi(root: Path) -> Path:
    lines = (REPO / "tests/trees/ixi_raw.txt").read_text().split()
    return touch(root, [line for line in lines if not line.startswith("#")])


@pytest.mark.parametrize("run", ["", "_run-001"])
def test_bcp_is_indexed_by_visit(tmp_path, run):
    records = index_cohort("bcp", dataset("bcp"), bcp_release(tmp_path, run))
    assert [r.subject for r in records] == [
        "116056ses3mo", "116056ses12mo", "200031ses6mo", "310009ses2wk", "420001ses9mo"
    ]  # fmt: skip
    assert counts(records) == {"test": 5}
    for record in records:
        assert set(record.images) == {"T1w", "T2w"} and all(Path(p).is_file() for p in record.images.values())
    assert "ses-12mo" in records[1].images["T2w"]


def test_a_visit_of_bcp_without_t2_is_one_line(tmp_path):
    root = bcp_release(tmp_path, "")
    with open(root / "infants.csv", "a") as stream:
        stream.write("600000_ses-9mo,test\n")
    assert "600000_ses-9mo has no image" in refused(dataset("bcp"), root)


@pytest.mark.parametrize(
    ("name", "make", "expected", "modalities"),
    [
        ("ixi", ixi_release, {"train": 403, "val": 58, "test": 115, "atlas": 1}, {"T1w"}),
        ("oasis", oasis_release, {"train": 394, "test": 20}, {"T1w"}),
        ("oasis", learn2reg_release, {"train": 394, "test": 20}, {"T1w"}),
        ("alberts", alberts_release, {"train": 10, "val": 4, "test": 6}, {"T1w", "T2w"}),
    ],
)
def test_published_layout(tmp_path, name, make, expected, modalities):
    make(tmp_path)
    start = time.process_time()
    records = index_cohort(name, dataset(name), tmp_path)
    assert time.process_time() - start < 1
    assert counts(records) == expected
    assert {frozenset(r.images) for r in records} == {frozenset(modalities)}
    for record in records:
        assert record.labels and all(Path(p).is_file() for p in [*record.images.values(), record.labels])
    assert len({r.subject for r in records}) == len(records)
    assert records == index_cohort(name, dataset(name), tmp_path)


def test_oasis_keeps_learn2regs_validation_subjects(tmp_path):
    records = index_cohort("oasis", dataset("oasis"), oasis_release(tmp_path))
    test = [r.subject for r in records if r.split == "test"]
    assert test == [f"0{n}" for n in range(438, 458)]  # pairs are (n, n + 1): 19 of them
    assert records[0].labels.endswith("_MR1/aligned_seg35.nii.gz")


def test_alberts_pairs_count_as_in_the_paper(tmp_path):
    n = counts(index_cohort("alberts", dataset("alberts"), alberts_release(tmp_path)))
    assert [n[s] * (n[s] - 1) for s in ("train", "val", "test")] == [90, 12, 30]


def test_raw_ixi(tmp_path):
    raw_ixi(tmp_path)
    own = {"variant": "raw", "modalities": ["T1w", "T2w"], "split": {"train": 2, "test": "rest"}}
    records = index_cohort("ixi", dataset("ixi", **own), tmp_path)
    assert "IXI002Guys0828" in {r.subject for r in records} and records[0].labels is None
    everyone = {p.name[:6] for p in (tmp_path / "IXI-T1").iterdir()}
    both = everyone & {p.name[:6] for p in (tmp_path / "IXI-T2").iterdir()}
    assert len(records) == len(both) < len(everyone)


def test_missing_dataset_says_how_to_get_it(tmp_path):
    for name, licence in (("ixi", "CC BY-SA"), ("oasis", "data use agreement"), ("alberts", "registration")):
        with pytest.raises(InputError) as caught:
            index_cohort(name, dataset(name), tmp_path / "absent")
        text = str(caught.value)
        assert "\n" not in text and "https://" in text and licence in text and f"data/{name}" in text
        assert "'root'" in text and str(tmp_path / "absent") in text


def test_incomplete_dataset(tmp_path):
    root = ixi_release(tmp_path)
    (root / "IXI_data/Test").rename(root / "Test")
    text = refused(dataset("ixi"), root)
    assert "0 test subjects" in text and "115" in text
    part = dataset("ixi", split={"train": "Train", "test": "Val"})
    assert counts(index_cohort("ixi", part, root)) == {"train": 403, "test": 58, "atlas": 1}
    shutil.rmtree(root / "IXI_data")
    text = refused(dataset("oasis", variant="l2r"), root)
    assert "'variant'" in text and "learn2reg" in text
    text = refused(dataset("ixi", modalities=["T2w"], variant="transmorph"), ixi_release(tmp_path / "b"))
    assert "T2w" in text and "raw" in text
    learn2reg_release(tmp_path / "c")
    (tmp_path / "c/labelsTr/OASIS_0007_0000.nii.gz").unlink()
    assert "0007" in refused(dataset("oasis"), tmp_path / "c")


def test_label_tables(tmp_path):
    root = oasis_release(tmp_path)
    ours = label_names(dataset("oasis"), root)  # the shipped table is empty here
    assert sorted(ours) == list(range(1, 36)) and ours[13] == "Brain-Stem"
    (root / "seg35_labels.txt").write_text("# no name r g b a\n 0 Unknown 0 0 0 0\n 13  Stem   1 2 3 0\n")
    assert label_names(dataset("oasis"), root) == {13: "Stem"}
    ixi = label_names(dataset("ixi"), ixi_release(tmp_path / "ixi"))
    scored = dataset("ixi")["layout"]["scored"]
    assert len(set(scored)) == 30 and set(scored) <= set(ixi) and ixi[53] == "Right-Hippocampus"
    alberts = label_names(dataset("alberts"), alberts_release(tmp_path / "alberts"))
    assert sorted(alberts) == list(range(1, 51))


@pytest.mark.parametrize("name", ["ixi", "oasis", "alberts"])
def test_dataset_files_are_complete(name):
    layout = dataset(name)["layout"]
    for key in ("id", "name", "access", "url", "licence", "citation", "where_to_put", "notes", "variants"):
        assert layout[key], key
    assert layout["id"] == name and layout["url"].startswith("https://")


# --- cost -----------------------------------------------------------------------------------------


def test_thousands_of_subjects_in_no_time(tmp_path):
    own_folder(tmp_path, 4000)
    seconds = []
    for _ in range(3):  # the best of three: a busy machine slows the processor's clock as well
        start = time.process_time()
        records = index_cohort("mine", {**FOLDER, "split": {"train": "rest", "test": 5}}, tmp_path)
        seconds.append(time.process_time() - start)
        assert len(records) == 4000
    assert min(seconds) < 0.5


def test_import_is_light():
    heavy = "{'numpy', 'pandas', 'yaml', 'nibabel'}"
    code = f"import sys, mlmi2023.cohorts.find.index; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
