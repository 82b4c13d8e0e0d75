"""The form of reports: MIMIC-CXR's and Open-I's layouts from small files, sections, splits, bad files."""

import csv
import gzip

import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.reports import form
from mlmi2023.cohorts.forms.reports.reader import open_reports
from mlmi2023.cohorts.forms.reports.sections import pair_of, uniform
from mlmi2023.cohorts.sources.simulators.radiology_reports.cohort import simulate
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import tree_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT

LONG = "The lungs are clear of consolidation, and there is no effusion or pneumothorax at all."
TEXT = "\n".join(
    [
        "                                 FINAL REPORT",
        " EXAMINATION:  CHEST (PA AND LAT)",
        " ",
        " INDICATION:  ___F with new onset ascites",
        " ",
        " FINDINGS: ",
        f" {LONG}",
        " Heart size: normal.",
        " ",
        " IMPRESSION: ",
        " ",
        " No acute process, as told to Dr. ___ at ___.",
    ]
)


def mimic(root, studies):
    """Write reports as MIMIC-CXR has them; studies are patient, study, split and text."""
    rows = [("dicom_id", "study_id", "subject_id", "split")]
    for patient, study, split, text in studies:
        folder = root / f"files/p{patient[:2]}/p{patient}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"s{study}.txt").write_text(text)
        rows += [(f"{study}-{view}", study, patient, split) for view in "ab"]
    with gzip.open(root / "mimic-cxr-2.0.0-split.csv.gz", "wt", newline="") as stream:
        csv.writer(stream).writerows(rows)


def setup(dataset, root, **more):
    layout = read_yaml(ROOT / f"resources/datasets/{dataset}.yaml")
    own = {"kind": "dataset", "form": "reports", "dataset": dataset, "root": str(root), "layout": layout}
    return merge(own, more)


def packed(config, root, name="mine"):
    form.pack(config, root, root / "packed", name)
    return open_reports(root / "packed")


STUDIES = [
    ("10000032", "50414267", "train", TEXT),
    ("10000032", "53189527", "train", TEXT.replace("IMPRESSION", "CONCLUSION")),
    ("10000764", "57375967", "validate", TEXT),
    ("10000898", "50771383", "test", TEXT),
    ("10000935", "50578979", "train", TEXT.replace("IMPRESSION:", "NOTE:")),
    ("10000980", "50985099", "train", TEXT.replace(LONG, "Clear.").replace("Heart size: normal.", "")),
]


def test_mimic_cxr_is_read_with_its_official_split(tmp_path):
    mimic(tmp_path, STUDIES)
    config = setup("mimic_cxr_reports", tmp_path)
    files = raw_files("mimic", config, tmp_path)
    assert [file.name for file in files] == ["s50414267.txt", "mimic-cxr-2.0.0-split.csv.gz"]
    found = packed(config, tmp_path)
    assert found.subjects == ["50414267", "50771383", "53189527", "57375967"], "two lack a section or words"
    assert found.splits == ["train", "test", "train", "val"]
    assert found.groups == ["10000032", "10000898", "10000032", "10000764"]
    assert found.findings[0] == f"{LONG} Heart size: normal."
    assert found.impressions[0] == "No acute process, as told to Dr. at."
    assert not found.shown


def openi(root, count=5):
    rows = [("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")]
    for number in range(1, count + 1):
        rows.append(
            (number, "normal", "", "", "", "", f"XXXX {LONG}\nMore XXXX XXXX.", f"Normal {number} XXXX.")
        )
    rows.append((count + 1, "normal", "", "", "", "", "", "Nothing to see."))
    with open(root / "indiana_reports.csv", "w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def test_open_i_is_read_from_its_table_and_split_by_seed(tmp_path):
    openi(tmp_path)
    config = setup("openi_reports", tmp_path, split={"train": 2, "val": 1, "test": "rest"})
    found = packed(config, tmp_path)
    assert found.subjects == ["1", "2", "3", "4", "5"] and sorted(found.splits) == ["test"] * 2 + [
        "train"
    ] * 2 + ["val"]
    assert found.findings[0] == f"{LONG} More." and found.impressions[1] == "Normal 2."
    again = setup("openi_reports", tmp_path, split={"train": 2, "val": 1, "test": "rest"}, split_seed=5)
    form.pack(again, tmp_path, tmp_path / "other", "mine")
    assert sorted(open_reports(tmp_path / "other").splits) == sorted(found.splits)


def test_blanks_and_spaces():
    assert uniform("a  ___ , b.\n\nXXXX-XXXX c XXX . ") == "a, b. c."
    assert uniform("Exxon is xx no blank") == "Exxon is xx no blank"
    assert pair_of(TEXT.replace("FINDINGS", "FINDINGS AND IMPRESSION"))[0] == ""


def table(root, rows, name="mine.csv"):
    with open(root / name, "w", newline="") as stream:
        csv.writer(stream).writerows([("id", "who", "findings", "impression", "part"), *rows])
    return {
        "kind": "folder", "form": "reports", "root": str(root),
        "read": {"table": name, "patient": "who", "split": "part", "least": {"findings": 1, "impression": 1}},
    }  # fmt: skip


ROWS = [("a1", "a", "x y", "z", "train"), ("b1", "b", "x", "z", "val"), ("c1", "c", "x", "z", "test")]


def test_a_table_of_one_s_own_with_a_column_of_splits(tmp_path):
    found = packed(table(tmp_path, ROWS), tmp_path)
    assert found.splits == ["train", "val", "test"] and found.findings[0] == "x y"


@pytest.mark.parametrize(
    "rows, change, words",
    [
        ([*ROWS, ("a2", "a", "x", "z", "test")], {}, ["patient a", "train", "test"]),
        ([*ROWS, ("a1", "a", "x", "z", "train")], {}, ["a1", "twice"]),
        ([*ROWS, ("d1", "d", "x", "z", "tset")], {}, ["d1", "tset"]),
        (ROWS, {"read": {"findings": "finding"}}, ["no column 'finding'"]),
        (ROWS, {"read": {"least": {"findings": 50}}}, ["none of 3", "read.least"]),
        (ROWS, {"read": {"texts": "x/{subject}.txt"}}, ["either table", "texts"]),
        (ROWS, {"read": {"split": None}}, ["split"]),
        (ROWS, {"read": {"colums": 1}}, ["colums"]),
        ([("../x", "a", "x", "z", "test")], {}, ["../x"]),
    ],
)
def test_mistakes_are_one_line_without_a_report_s_text(tmp_path, rows, change, words):
    secret = [(name, who, f"{text} sekret", "sekret", part) for name, who, text, _, part in rows]
    config = merge(table(tmp_path, secret), change)
    line = said(lambda: packed(config, tmp_path), *words)
    assert "sekret" not in line


def test_damaged_tables_are_read_or_said(tmp_path):
    config = table(tmp_path, ROWS)
    file = tmp_path / "mine.csv"

    def read(content):
        file.write_bytes(content)
        form.pack(config, tmp_path, tmp_path / f"out{len(list(tmp_path.iterdir()))}", "mine")

    assert reads_or_says(read, damaged(file.read_bytes(), 12)) < 12


def test_a_missing_table_or_reports_changed_since_are_one_line(tmp_path):
    config = table(tmp_path, ROWS)
    packed(config, tmp_path)
    (tmp_path / "packed/reports.json").write_text("[]")
    said(lambda: open_reports(tmp_path / "packed"), "reports.json", "pack again")
    (tmp_path / "mine.csv").unlink()
    with pytest.raises(InputError, match=r"mine\.csv"):
        raw_files("mine", config, tmp_path)


def simulated(place, **options):
    config = {
        "kind": "simulated", "form": "reports", "simulator": "radiology_reports", "seed": 4,
        "subjects": {"train": 6, "val": 2, "test": 3},
        "options": {"style": "ward", "studies": [1, 3], **options},
    }  # fmt: skip
    simulate(config, place, 2)
    return config


def test_the_simulator_s_patients_have_several_reports_on_one_side(tmp_path):
    config = simulated(tmp_path / "raw")
    simulated(tmp_path / "again")
    assert tree_hash(tmp_path / "raw") == tree_hash(tmp_path / "again")
    form.pack(config, tmp_path / "raw", tmp_path / "packed", "mine")
    found = open_reports(tmp_path / "packed")
    sides = {group: {s for g, s in zip(found.groups, found.splits) if g == group} for group in found.groups}
    assert all(len(own) == 1 for own in sides.values()) and len(found.subjects) > len(sides)
    assert found.shown
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 5000
    said(lambda: simulated(tmp_path / "x", style="wards"), "options.style", "did you mean 'ward'")
    said(lambda: simulated(tmp_path / "x", studies=[3, 1]), "options.studies")
