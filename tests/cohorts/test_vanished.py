"""A subject that would vanish unnoticed is named in one line: refused where it must be, else said."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bad_inputs import said
from mlmi2023.cohorts.find import unused
from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.forms import patterns_of, raw_files
from preflight_root import ROOT
from tiny_run import checkout

IDS = [f"{n:02d}" for n in range(1, 9)]
COUNTS = {"train": 4, "val": 1, "test": 2}
VOLUMES = {"kind": "folder", "images": {"T1w": "{subject}_t1.nii.gz"}, "labels": "{subject}_seg.nii.gz"}
IMAGES = {
    "kind": "folder",
    "form": "images",
    "read": {"images": "i/{subject}.png", "masks": "m/{subject}.png"},
}
GROUPS = [{"image": "i/{subject}.nii.gz", "labels": "m/{subject}.nii.gz", "split": COUNTS}]
SCANS = {"kind": "folder", "form": "scans", "read": {"window": [0, 1], "groups": GROUPS}}


def tree(root, *patterns, ids=IDS):
    for name in ids:
        for pattern in patterns:
            file = root / pattern.replace("{subject}", name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return root


def annexed(file):
    file.unlink()
    file.symlink_to("../.git/annex/objects/zz/1.nii.gz")


# --- a link to what is not there ------------------------------------------------------------------


@pytest.mark.parametrize("lost", ["03_t1.nii.gz", "03_seg.nii.gz"])
def test_a_volume_that_was_not_fetched_is_named(lost, tmp_path):
    tree(tmp_path, "{subject}_t1.nii.gz", "{subject}_seg.nii.gz")
    annexed(tmp_path / lost)
    config = {**VOLUMES, "split": COUNTS}
    said(
        lambda: index_cohort("mine", config, tmp_path),
        str(tmp_path / lost),
        "get the file or remove the link",
    )
    # one who takes no part need not be there
    (tmp_path / "who.csv").write_text("subject,split\n01,train\n02,test\n")
    records = index_cohort("mine", {**VOLUMES, "split_file": "who.csv"}, tmp_path)
    assert [r.subject for r in records] == ["01", "02"]


@pytest.mark.parametrize(
    ("config", "ending", "lost"),
    [
        ({**IMAGES, "split": COUNTS}, "png", "i/03.png"),
        ({**IMAGES, "split": COUNTS}, "png", "m/03.png"),
        (SCANS, "nii.gz", "i/03.nii.gz"),
        (SCANS, "nii.gz", "m/03.nii.gz"),
    ],
)
def test_an_image_or_scan_that_was_not_fetched_is_named(config, ending, lost, tmp_path):
    tree(tmp_path, f"i/{{subject}}.{ending}", f"m/{{subject}}.{ending}")
    annexed(tmp_path / lost)
    said(lambda: raw_files("mine", config, tmp_path), lost, "get the file or remove the link")


def test_a_slice_and_a_folder_that_were_not_fetched_are_named(tmp_path):
    tree(tmp_path / "series", "{subject}.dcm")
    annexed(tmp_path / "series/03.dcm")
    stacks = {"kind": "folder", "form": "ct_stacks", "read": {"volumes": {"a": "series"}}}
    said(lambda: raw_files("mine", stacks, tmp_path), "series/03.dcm", "get the file or remove the link")
    tree(tmp_path, "{subject}/t1.nii.gz")
    (tmp_path / "09").symlink_to("nowhere")
    config = {"kind": "folder", "images": {"T1w": "{subject}/t1.nii.gz"}, "split": COUNTS}
    said(lambda: index_cohort("mine", config, tmp_path), str(tmp_path / "09"), "get the file")


# --- tables ---------------------------------------------------------------------------------------


def bids(root, ids=IDS, nested=()):
    tree(root, "sub-{subject}/anat/sub-{subject}_T1w.nii.gz", ids=[i for i in ids if i not in nested])
    tree(root, "sub-{subject}/ses-1/anat/sub-{subject}_ses-1_T1w.nii.gz", ids=nested)
    rows = [f"sub-{name}\t{20 + n}\t{'test' if n > 5 else 'train'}" for n, name in enumerate(ids)]
    (root / "participants.tsv").write_text("participant_id\tage\tsplit\n" + "\n".join(rows) + "\n")
    return root / "participants.tsv"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sub-03\t22\ttrain", "sub-03\t22", ["line 4 (sub-03) ends before column split"]),
        ("sub-03\t22\ttrain", "sub-03", ["line 4 (sub-03) ends before column age"]),
        ("sub-03\t22\ttrain", "sub-03\t\t22\ttrain", ["line 4 (sub-03) has more cells than the header"]),
    ],
)
def test_a_row_of_another_length_is_named(old, new, words, tmp_path):
    table = bids(tmp_path)
    table.write_text(table.read_text().replace(old, new))
    said(lambda: index_cohort("mine", {"kind": "bids"}, tmp_path), str(table), *words, "correct the line")


def test_empty_cells_at_the_end_of_rows_or_header_are_nothing(tmp_path):
    table = bids(tmp_path)
    text = table.read_text()
    for own in (text.replace("train\n", "train\t\n"), text.replace("split\n", "split\t\n")):
        table.write_text(own)
        assert len(index_cohort("mine", {"kind": "bids"}, tmp_path)) == 8


def test_who_has_images_and_no_row_is_said(tmp_path):
    table = bids(tmp_path)
    table.write_text(
        table.read_text().replace("sub-03\t22\ttrain\n", "").replace("sub-05\t24\ttrain", "sub-05\t24\tn/a")
    )
    records = index_cohort("mine", {"kind": "bids"}, tmp_path)
    assert len(records) == 6  # n/a is said on purpose
    (line,) = unused.of_volumes("here", {"kind": "bids"}, tmp_path, records)
    assert "participants.tsv has no row of sub-03: they take no part" in line


# --- a second layout ------------------------------------------------------------------------------


def test_a_second_layout_beside_the_first_is_named(tmp_path):
    bids(tmp_path, nested=["07", "08"])
    line = said(lambda: index_cohort("mine", {"kind": "bids"}, tmp_path), "one layout", "images.T1w")
    assert "sub-01/anat" in line and "sub-07/ses-1/anat" in line
    flat = {"T1w": "sub-{subject}/anat/sub-{subject}*_T1w.nii*"}
    records = index_cohort(
        "mine", {"kind": "bids", "images": flat, "split": {"train": 4, "test": 2}}, tmp_path
    )
    assert [r.subject for r in records] == IDS[:6]


def test_a_second_variant_of_a_dataset_is_said(tmp_path):
    layout = yaml.safe_load((ROOT / "resources/datasets/ixi.yaml").read_text())
    config = {"kind": "dataset", "layout": layout}
    for variant in layout["variants"].values():
        pattern = next(iter(variant["images"].values()))
        for folder in [*variant.get("folders", []), "."][:1]:
            split = next((v for v in (variant.get("split") or {}).values() if isinstance(v, str)), "")
            file = tmp_path / folder / pattern.replace("{subject}", "IXI002-Guys").replace("{split}", split)
            file = Path(str(file).replace("*", "0"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    (line,) = unused.of_volumes("here", config, tmp_path, [])
    assert "files of the variants" in line and "set 'variant' to choose" in line
    assert (
        unused.of_volumes("here", {**config, "variant": next(iter(layout["variants"]))}, tmp_path, []) == []
    )


# --- endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "pattern"),
    [
        (
            {**VOLUMES, "images": {"T1w": "i/{subject}.*"}, "labels": "m/{subject}.nii.gz", "split": COUNTS},
            "i/",
        ),
        ({**IMAGES, "read": {"images": "i/{subject}.*", "masks": "m/{subject}.png"}, "split": COUNTS}, "i/"),
        ({**SCANS, "read": {"window": [0, 1], "groups": [{**GROUPS[0], "image": "i/{subject}.*"}]}}, "i/"),
        ({**SCANS, "read": {"window": [0, 1], "groups": [{**GROUPS[0], "labels": "m/{subject}.*"}]}}, "m/"),
    ],
)
def test_two_files_of_one_subject_are_refused(config, pattern, tmp_path):
    tree(
        tmp_path,
        "i/{subject}.nii.gz",
        "m/{subject}.nii.gz",
        "i/{subject}.png",
        "m/{subject}.png",
        ids=IDS[2:3],
    )
    ending = "png" if config.get("form") == "images" else "nii.gz"
    tree(tmp_path, f"i/{{subject}}.{ending}", f"m/{{subject}}.{ending}")
    look = raw_files if "form" in config else index_cohort
    said(lambda: look("mine", config, tmp_path), "two files of subject 03", f"{pattern}03.")


@pytest.mark.parametrize(
    ("pattern", "other"),
    [
        ("{subject}_t1.nii.gz", "09_t1.nii"),
        ("photos/{subject}.jpg", "photos/09.JPG"),
        ("{subject}/{subject}.png", "09/09.tif"),
        ("photos/{subject}.jpg", "photos/12_left.png"),
    ],
)
def test_files_that_differ_in_the_ending_alone_are_said(pattern, other, tmp_path):
    tree(tmp_path, pattern)
    assert unused.of_pattern("here", "images", tmp_path, pattern) == []
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).touch()
    (line,) = unused.of_pattern("here", "images", tmp_path, pattern)
    assert Path(other).name in line and "they take no part" in line


def test_overlays_beside_images_are_no_subjects(tmp_path):
    tree(tmp_path, "{subject}.jpg", "{subject}_superpixels.png")
    assert unused.of_pattern("here", "images", tmp_path, "{subject}.jpg") == []


def test_patterns_of_every_form_are_looked_at():
    several = [{"images": {"T1": "a/{subject}.nii.gz", "FLAIR": "b/{subject}.nii.gz"}, "labels": "x"}]
    sources = [{"images": "c/{subject}.png", "masks": "y"}]
    assert patterns_of(IMAGES) == {"read.images": "i/{subject}.png"}
    assert patterns_of(SCANS) == {"read.groups[0].image": "i/{subject}.nii.gz"}
    assert patterns_of({"read": {"groups": several, "sources": sources}}) == {
        "read.sources[0].images": "c/{subject}.png",
        "read.groups[0].images.T1": "a/{subject}.nii.gz",
        "read.groups[0].images.FLAIR": "b/{subject}.nii.gz",
    }


def test_the_plan_says_it_once_and_goes_on(tmp_path):
    place = checkout(tmp_path / "checkout")
    tree(tmp_path / "data", "i/{subject}.png", "m/{subject}.png")
    (tmp_path / "data/i/09.jpg").touch()
    over = {"datasets": {"isic2017": None, "isic2018": {"cohort": "mine", "methods": ["unet"]}}}
    cohort = {**IMAGES, "root": str(tmp_path / "data"), "split": COUNTS}
    config = {
        "papers": ["skin_transformer"],
        "cohorts": {"mine": cohort},
        "overrides": {"skin_transformer": over},
    }
    (place / "mine.yaml").write_text(json.dumps(config))
    command = [Path(sys.executable).with_name("snakemake"), "-n", "--cores", "1", "--configfile", "mine.yaml"]
    run = subprocess.run(command, cwd=place, capture_output=True, text=True)
    out = run.stdout + run.stderr
    assert run.returncode == 0, out[-2000:]
    assert out.count("09.jpg differ in the ending alone") == 1
