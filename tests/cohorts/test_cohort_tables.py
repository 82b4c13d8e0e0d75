"""Cohorts of the form table: own CSV files, the tidy form, folds, mistakes in one line."""

import numpy as np
import pandas as pd
import pytest

from mlmi2023.cohorts.about import data_hash
from mlmi2023.cohorts.find.folds import hold_out, stratified_folds
from mlmi2023.cohorts.formats.tables import Column, RawTable, write_tidy
from mlmi2023.cohorts.forms import load_form, raw_files
from mlmi2023.cohorts.forms.table.form import draw_samples, pack
from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.core.errors import InputError
from mlmi2023.reporting.pages.cohorts import describe_cohort

OWN = {
    "kind": "folder",
    "form": "table",
    "read": {
        "file": "own.csv",
        "subject": "id",
        "target": "dx",
        "drop": ["site"],
        "classes": {"dx": ["well", "ill"]},
    },
    "folds": {"count": 2, "seed": 1},
}


def own_csv():
    rows = [["id", "age", "volume", "site", "dx"]]
    for i in range(12):
        rows.append(
            [f"s{i}", str(40 + i), "" if i == 3 else str(i / 4), "x", "ill" if i % 3 == 0 else "well"]
        )
    return rows


def refused(tmp_path, rows, **read):
    (tmp_path / "own.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    with pytest.raises(InputError) as caught:
        pack({**OWN, "read": {**OWN["read"], **read}}, tmp_path, tmp_path / "packed", "mine")
    message = str(caught.value)
    assert "\n" not in message and not (tmp_path / "packed").exists()
    return message


def packed_own(tmp_path, rows=None, **config):
    (tmp_path / "own.csv").write_text("\n".join(",".join(row) for row in rows or own_csv()) + "\n")
    pack({**OWN, **config}, tmp_path, tmp_path / "packed", "mine")
    return open_table(tmp_path / "packed")


def test_own_csv_is_read_as_it_stands(tmp_path):
    table = packed_own(tmp_path)
    assert [c.name for c in table.columns] == ["age", "volume"]
    assert table.features.dtype == np.float32 and np.isnan(table.features[3, 1])
    assert np.isnan(table.features).sum() == 1
    assert table.features[5].tolist() == [45.0, 1.25]
    assert table.classes == {"dx": ["well", "ill"]}
    assert table.labels("dx").tolist() == [1, 0, 0] * 4
    assert table.informative("dx") is None and table.truth() is None


def test_folds_cover_every_subject_once_and_keep_the_class_shares(tmp_path):
    table = packed_own(tmp_path)
    tests = [table.split("dx", fold)[1] for fold in range(2)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(12))
    for fold in range(2):
        train, test = table.split("dx", fold)
        assert not set(train) & set(test) and len(train) + len(test) == 12
        assert table.labels("dx")[test].sum() == 2
    with pytest.raises(InputError, match="asked for number 2"):
        table.split("dx", 2)
    with pytest.raises(InputError, match=r"has no target 'sex'.*dx"):
        table.labels("sex")


def test_folds_keep_the_rows_of_a_subject_together_and_depend_on_the_seed_alone():
    subjects = [f"s{i // 2}" for i in range(80)]
    labels = [(i // 2) % 4 == 0 for i in range(80)]
    folds = stratified_folds("here", labels, subjects, 5, 3)
    assert all(folds[i] == folds[i + 1] for i in range(0, 80, 2))
    again = stratified_folds("here", labels[::-1], subjects[::-1], 5, 3)
    assert (again[::-1] == folds).all()
    assert (stratified_folds("here", labels, subjects, 5, 4) != folds).any()
    assert np.bincount(folds).tolist() == [16] * 5
    with pytest.raises(InputError, match="too few for 11 folds"):
        stratified_folds("here", labels, subjects, 11, 0)


def test_held_out_rows_are_stratified_and_disjoint():
    labels = np.array([0] * 40 + [1] * 20 + [0] * 40)
    train, held = hold_out(labels, np.arange(60), 0.1, 0)
    assert len(held) == 6 and labels[held].sum() == 2
    assert sorted([*train, *held]) == list(range(60))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[0].__setitem__(4, "diagnosis"), ["own.csv", "column dx is missing"]),
        (lambda rows: rows[0].__setitem__(0, "name"), ["own.csv", "column id is missing"]),
        (
            lambda rows: rows[4].__setitem__(1, "old"),
            ["column age, row 5", "'old' is not a number", "read.missing"],
        ),
        (lambda rows: rows[4].__setitem__(1, "inf"), ["column age, row 5", "'inf' is not a number"]),
        (lambda rows: rows[4].__setitem__(0, "s1"), ["subject s1 stands in rows 3 and 5"]),
        (lambda rows: rows[4].__setitem__(0, ""), ["row 5 names no subject"]),
        (lambda rows: rows[4].__setitem__(4, ""), ["target dx is missing for 1 subjects, first s3"]),
        (lambda rows: rows[4].__setitem__(4, "NaN"), ["target dx is missing for 1 subjects, first s3"]),
        (lambda rows: [r.__setitem__(4, "well") for r in rows[1:]], ["target dx is 'well' for all subjects"]),
        (lambda rows: rows[4].__setitem__(4, "unsure"), ["'unsure'", "read.classes.dx"]),
        (lambda rows: [r.__setitem__(2, "") for r in rows[1:]], ["column volume has no value", "read.drop"]),
    ],
)
def test_a_mistake_in_the_table_is_one_line_and_leaves_nothing(tmp_path, change, says):
    rows = own_csv()
    change(rows)
    message = refused(tmp_path, rows)
    for part in says:
        assert part in message


def test_missing_files_and_forms_are_named(tmp_path):
    with pytest.raises(InputError, match=r"cohort 'mine': no such file: .*own.csv"):
        raw_files("mine", OWN, tmp_path)
    with pytest.raises(InputError, match="key 'form' is 'tabel'; choose one of volumes"):
        load_form("tabel")
    tadpole = {"kind": "dataset", "form": "table", "dataset": "ixi", "layout": {"name": "IXI"}}
    with pytest.raises(InputError, match="no table"):
        raw_files("mine", tadpole, tmp_path)


def test_own_missing_marks_and_median_split(tmp_path):
    rows = own_csv()
    rows[2][1] = "-4"
    for number, row in enumerate(rows[1:]):
        row[4] = str(number)
    read = {**OWN["read"], "missing": ["-4"], "binarise": "median", "classes": {"dx": ["low", "high"]}}
    table = packed_own(tmp_path, rows, read=read)
    assert np.isnan(table.features[1, 0])
    assert table.labels("dx").tolist() == [0] * 6 + [1] * 6


def test_a_missing_number_cannot_be_cut_at_the_median(tmp_path):
    rows = own_csv()
    for number, row in enumerate(rows[1:]):
        row[4] = str(number)
    rows[3][4] = ""
    message = refused(tmp_path, rows, binarise="median", classes={})
    assert "target dx is missing for 1 subjects, first s2" in message


def tidy(root, n=12):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, 3)).astype(np.float32)
    features[0, 1] = np.nan
    columns = [
        Column("a", "cognitive", "ordinal", "points", ("dx",)),
        Column("b", "mri", informative=("dx", "age")),
        Column("c", "mri", informative=()),
    ]
    targets = {"dx": ["CN", "AD"] * (n // 2), "age": ["f", "f", "m"] * (n // 3)}
    classes = {"dx": ["CN", "AD"], "age": ["f", "m"]}
    write_tidy(
        RawTable(
            [f"{i:02d}" for i in range(n)], columns, features, targets, classes, {"community": ["1"] * n}
        ),
        root,
    )
    return features


def test_tidy_form_round_trip_keeps_values_truth_and_hash(tmp_path):
    features = tidy(tmp_path / "raw")
    config = {
        "kind": "simulated",
        "form": "table",
        "read": {"classes": {"dx": ["CN", "AD"]}},
        "folds": {"count": 2},
    }
    pack(config, tmp_path / "raw", tmp_path / "packed", "stand_in")
    table = open_table(tmp_path / "packed")
    np.testing.assert_allclose(table.features, features, rtol=1e-5)
    assert table.informative("dx").tolist() == [True, True, False]
    assert table.informative("age").tolist() == [False, True, False]
    assert table.truth()["community"].tolist() == [1] * 12
    assert table.classes["dx"] == ["CN", "AD"] and table.labels("dx")[:2].tolist() == [0, 1]
    assert table.labels("age")[:3].tolist() == [0, 0, 1]
    assert data_hash(tmp_path / "packed") == table.content_hash
    pack(config, tmp_path / "raw", tmp_path / "again", "stand_in")
    assert data_hash(tmp_path / "again") == table.content_hash
    frame = pd.read_csv(tmp_path / "raw/features.csv", dtype=str)
    frame.loc[2, "c"] = "0.5"
    frame.to_csv(tmp_path / "raw/features.csv", index=False)
    pack(config, tmp_path / "raw", tmp_path / "changed", "stand_in")
    assert data_hash(tmp_path / "changed") != table.content_hash


def test_a_table_is_described_and_drawn(tmp_path):
    tidy(tmp_path / "raw")
    config = {"kind": "simulated", "simulator": "x", "form": "table", "folds": {"count": 2}}
    pack(config, tmp_path / "raw", tmp_path / "packed", "stand_in")
    draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000
    cohort = describe_cohort("stand_in", config, tmp_path, tmp_path / "packed", ["tadpole"])
    facts = dict(cohort.about)
    assert facts["subjects"] == "12" and facts["features"] == "3 (1 cognitive, 2 mri)"
    assert facts["dx"] == "6 AD, 6 CN" and facts["truly relevant to age"] == "1 features"
    assert cohort.samples() == tmp_path / "samples.png"


@pytest.mark.parametrize(
    ("module", "shape", "counts"),
    [("sklearn_breast_cancer", (569, 30), [357, 212]), ("sklearn_diabetes", (442, 10), [221, 221])],
)
def test_tables_inside_scikit_learn(tmp_path, module, shape, counts):
    pytest.importorskip("sklearn")
    from mlmi2023.cohorts.sources.make import make_cohort

    config = {
        "kind": "packaged",
        "form": "table",
        "dataset": module,
    }
    make_cohort(config, tmp_path / "raw", 1)
    pack(config, tmp_path / "raw", tmp_path / "packed", module)
    table = open_table(tmp_path / "packed")
    assert table.features.shape == shape
    assert np.bincount(table.labels(next(iter(table.classes)))).tolist() == counts
    assert next(iter(table.classes.values()))[1] in ("malignant", "high")


def test_the_example_of_a_table_with_names_is_packed_as_it_says(tmp_path):
    from pathlib import Path

    from mlmi2023.core.yaml_files import read_yaml

    example = read_yaml(Path(__file__).parents[2] / "config/examples/clinic_table.yaml")
    lines = ["Patient;Datum;Geschlecht;Zentrum;Raucher;Alter;MMSE;Hippocampus;Diagnose"]
    for i in range(30):
        town, smokes = ["Köln", "Bonn", "Mainz"][i % 3], ["nie", "früher", "?"][i // 3 % 3]
        age = "-9,0" if i == 4 else f"{60 + i / 2:.1f}".replace(".", ",")
        volume = "?" if i == 7 else f"{6 + i / 100:.2f}".replace(".", ",")
        ill = "krank" if i % 4 else "gesund"
        lines.append(f"P{i:03d};03.05.2021;{'mw'[i % 2]};{town};{smokes};{age};{30 - i // 3};{volume};{ill}")
    (tmp_path / "visits.csv").write_text("\n".join(lines) + "\n", encoding="latin-1")
    pack(example["cohorts"]["clinic"], tmp_path, tmp_path / "packed", "clinic")
    table = open_table(tmp_path / "packed")
    assert [c.name for c in table.columns] == [
        *("Geschlecht=w", "Zentrum=Bonn", "Zentrum=Köln", "Zentrum=Mainz", "Raucher=nie"),
        *("Alter", "MMSE", "Hippocampus"),
    ]
    np.testing.assert_allclose(
        table.features[:2], [[0, 0, 1, 0, 1, 60, 30, 6], [1, 1, 0, 0, 1, 60.5, 30, 6.01]]
    )
    assert np.isnan(table.features[4, 5]) and np.isnan(table.features[7, 7])
    assert np.isnan(table.features[:, 4]).sum() == 9 and np.isnan(table.features).sum() == 11
    assert table.classes == {"Diagnose": ["gesund", "krank"]} and table.labels("Diagnose")[:2].tolist() == [
        0,
        1,
    ]


def test_preprocessing_belongs_to_volumes_alone():
    from pathlib import Path

    from mlmi2023.core.schemas import check

    schema = Path(__file__).parents[2] / "config/schemas/cohort.schema.yaml"
    check({"kind": "folder", "form": "table", "root": "x"}, schema, "cohort")
    with pytest.raises(InputError, match="preprocess"):
        check({"kind": "folder", "root": "x"}, schema, "cohort")
    with pytest.raises(InputError, match="preprocess"):
        grid = {"grid": {"shape": [8, 8, 8], "spacing": 1}}
        check({"kind": "folder", "form": "table", "root": "x", "preprocess": grid}, schema, "cohort")
