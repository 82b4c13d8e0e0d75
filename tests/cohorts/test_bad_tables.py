"""Tables with mistakes: one clear line each, at load where it can be; what can be read is read as meant."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.classical.classifiers import fit_predict
from mlmi2023.cohorts.forms.table.form import pack, read_key
from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.core.schemas import check
from mlmi2023.reporting.pages.cohorts import describe_cohort
from mlmi2023.training.data.tabular import folds
from preflight_root import ROOT, load

SCHEMA = ROOT / "config/schemas/cohort.schema.yaml"
HEAD = ["id", "age", "volume", "sex", "dx"]
READ = {"file": "own.csv", "subject": "id", "target": "dx", "categories": ["sex"]}


def rows():
    """Twelve subjects; every third is ill."""
    return [
        [f"s{i}", str(40 + i), f"{i * i / 4}", "FM"[i % 2], "ill" if i % 3 == 0 else "well"]
        for i in range(12)
    ]


def text(body=None, head=HEAD, separator=","):
    return "".join(separator.join(row) + "\n" for row in [head, *(rows() if body is None else body)])


def with_column(place, values, name=None):
    """The table with other values, row by row, in a column."""
    head = [*HEAD]
    head[place] = name or head[place]
    return text([[*row[:place], str(v), *row[place + 1 :]] for row, v in zip(rows(), values)], head)


def packed(root, content, **read):
    data = content if isinstance(content, bytes) else content.encode()
    (root / "own.csv").write_bytes(data)
    config = {"kind": "folder", "form": "table", "root": str(root), "folds": {"count": 2, "seed": 1}}
    config["read"] = {key: value for key, value in {**READ, **read}.items() if value is not None}
    pack(config, root, root / "packed", "mine")
    return open_table(root / "packed")


def named(table):
    return [column.name for column in table.columns]


def column(table, name):
    return np.asarray(table.features)[:, named(table).index(name)]


# --- keys: refused when the workflow loads --------------------------------------------------------

KEYS = {
    "misspelt drop": ({"dorp": ["site"]}, "'read.dorp'", "did you mean 'drop'"),
    "misspelt categories": ({"categoires": ["sex"]}, "did you mean 'categories'"),
    "drop as text": ({"drop": "site"}, "'read.drop'", "give a list"),
    "missing true": ({"missing": True}, "'read.missing' is true"),
    "missing by column, true": ({"missing": {"age": [True]}}, "read.missing.age"),
    "binarise mean": ({"binarise": "mean"}, "'read.binarise' is 'mean'", "median"),
    "binarise above text": ({"binarise": {"above": "3"}}, "'read.binarise.above'", "without quotes"),
    "binarise below": ({"binarise": {"below": 3}}, "'read.binarise.below'", "above"),
    "binarise true": ({"binarise": True}, "'read.binarise' is true"),
    "classes as list": ({"classes": ["well", "ill"]}, "'read.classes'", "give a mapping"),
    "classes empty": ({"classes": {"dx": []}}, "read.classes.dx", "must not be empty"),
    "classes yes and no without quotes": ({"classes": {"dx": [False, True]}}, "read.classes.dx.0", "false"),
    "separator of two": ({"separator": "::"}, "'read.separator'", "one character"),
    "decimal word": ({"decimal": "comma"}, "'read.decimal'", "choose . or ,"),
    "decimal and separator alike": ({"separator": ",", "decimal": ","}, "another separator"),
    "encoding unknown": ({"encoding": "latin-99"}, "'read.encoding'", "latin-1"),
    "encoding of bytes": ({"encoding": "base64"}, "'read.encoding'", "latin-1"),
    "subject is target": ({"target": "id"}, "column id has two uses"),
    "target twice": ({"target": ["dx", "dx"]}, "column dx has two uses"),
    "target is category": ({"categories": ["dx"]}, "column dx has two uses"),
    "no file": ({"file": None}, "'read.file' is missing", "add it"),
    "misspelt file": ({"file": None, "fille": "own.csv"}, "unknown key 'read.fille'", "did you mean 'file'"),
    "misspelt subject": ({"subject": None, "subjct": "id"}, "unknown key 'read.subjct'", "'subject'"),
    "no target": ({"target": []}, "'read.target' is []", "must not be empty"),
    "file a number": ({"file": 3}, "'read.file' is 3", "give a text"),
    "max_missing of an importer": ({"max_missing": 0.5}, "unknown key 'read.max_missing'"),
}


@pytest.mark.parametrize("case", KEYS)
def test_a_wrong_key_is_one_line_at_load(case):
    read, *words = KEYS[case]
    read = {key: value for key, value in {**READ, **read}.items() if value is not None}
    said(lambda: read_key({"kind": "folder", "form": "table", "read": read}, "config of 'mine'"), *words)


IMPORTERS = {
    "instance text": ("ukbb", {"instance": "2"}, "'read.instance' is '2'", "without quotes"),
    "instance negative": ("ukbb", {"instance": -1}, "'read.instance'", "at least 0"),
    "misspelt instance": ("ukbb", {"instnce": 2}, "did you mean 'instance'"),
    "a key of own tables": ("ukbb", {"drop": ["a"]}, "unknown key 'read.drop'"),
    "fields a number": ("ukbb", {"fields": 25001}, "'read.fields'", "give a mapping"),
    "fields text": ("ukbb", {"fields": {"mri": ["25001"]}}, "read.fields.mri.0", "without quotes"),
    "fields endless": ("ukbb", {"fields": {"mri": {1: 10**9}}}, "read.fields.mri.1", "999999"),
    "fields backwards": ("ukbb", {"fields": {"mri": {25010: 25001}}}, "25010: 25001 is empty"),
    "fields empty": ("ukbb", {"fields": {"mri": []}}, "must not be empty"),
    "share above 1": ("tadpole", {"max_missing": 50}, "'read.max_missing'", "between 0 and 1"),
    "file of a release": ("tadpole", {"file": "x.csv"}, "unknown key 'read.file'"),
}


@pytest.mark.parametrize("case", IMPORTERS)
def test_a_wrong_key_of_an_importer_is_one_line_at_load(case):
    importer, read, *words = IMPORTERS[case]
    config = {"kind": "dataset", "form": "table", "dataset": importer, "layout": {"importer": importer}}
    said(lambda: read_key({**config, "read": read}, "config of 'mine'"), *words)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"count": 2, "seed": -1}, "folds.seed"),
        ({"count": 1}, "folds.count"),
        ({"count": 10**5}, "folds.count"),
        ({"count": "3"}, "folds.count"),
        ({"count": 3, "sed": 1}, "folds.sed"),
        ({"seed": 1}, "folds.count"),
    ],
)
def test_wrong_folds_are_one_line_at_load(given, word):
    config = {"kind": "folder", "form": "table", "root": "x", "folds": given}
    said(lambda: check(config, SCHEMA, "cohort 'mine'"), word)


PAPER = {
    "misspelt drop": ({"read": {"drpo": ["site"]}}, {}, "config of cohort 'mine'", "did you mean 'drop'"),
    "negative seed": ({"folds": {"count": 2, "seed": -1}}, {}, "cohort 'mine'", "folds.seed"),
    "no folds": ({"folds": None}, {}, "'datasets.tadpole.cohort'", "has no key 'folds'"),
    "another target": ({}, {"target": "diagnosis"}, "'datasets.tadpole.task.target'", "known: dx"),
}


@pytest.mark.parametrize("case", PAPER)
def test_the_workflow_refuses_when_it_loads(case):
    cohort, task, *words = PAPER[case]
    read = {**READ, **cohort.get("read", {})}
    mine = {"kind": "folder", "form": "table", "root": "x", "folds": {"count": 2}, **cohort, "read": read}
    mine = {key: value for key, value in mine.items() if value is not None}
    datasets = {"tadpole": {"cohort": "mine", "task": {"target": "dx", **task}}}
    over = {"papers": ["ia_gcn"], "cohorts": {"mine": mine}, "overrides": {"ia_gcn": {"datasets": datasets}}}
    said(lambda: load(ROOT, over), *words)


# --- files ----------------------------------------------------------------------------------------

FILES = {
    "a longer row": (
        text([[*r, "x"] if n == 4 else r for n, r in enumerate(rows())]),
        {},
        "line 6",
        "6 fields",
    ),
    "all rows longer": (text([["x", *r] for r in rows()]), {}, "line 2 has 6 fields, the header 5"),
    "trailing commas": (text([[*r, ""] for r in rows()]), {}, "line 2", "separators at the end"),
    "trailing commas, header too": (
        text([[*r, ""] for r in rows()], [*HEAD, ""]),
        {},
        "column 6 has no name",
        "'Unnamed: 5' in 'read.drop'",
    ),
    "a row cut short": (
        text([r[:3] if n == 4 else r for n, r in enumerate(rows())]),
        {},
        "line 6 has 3",
        "cut short",
    ),
    "cut in the last row": (text()[:-8], {}, "ends in the middle of a row", "copy it again"),
    "an index without a name": (
        text([[str(n), *r] for n, r in enumerate(rows())], ["", *HEAD]),
        {},
        "column 1 has no name",
        "'Unnamed: 0' in 'read.drop'",
    ),
    "the target twice": (
        text([[*r, r[-1]] for r in rows()], [*HEAD, "dx"]),
        {},
        "column dx stands twice",
        "(columns 5 and 6)",
    ),
    "a feature twice": (text([[*r, "1"] for r in rows()], [*HEAD, " age"]), {}, "column age stands twice"),
    "an open quote": (text().replace("s3,", '"s3,'), {}, "line", "not closed"),
    "text after a quote": (text().replace("s3,", '"s3"x,'), {}, "line 5", "quotes"),
    "semicolons": (text(separator=";"), {}, "'read.separator' to ';'"),
    "tabs": (text(separator="\t"), {}, r"'read.separator' to '\t'"),
    "commas in a tsv": (text(), {"separator": ";"}, "'read.separator' to ','"),
    "decimal commas": (
        text([[c.replace(".", ",") for c in r] for r in rows()], separator=";"),
        {"separator": ";"},
        "column volume",
        "'read.decimal' to ','",
    ),
    "points as thousands": (
        text([[c.replace(".25", ".250") for c in r] for r in rows()], separator=";"),
        {"separator": ";", "decimal": ","},
        "is not a number",
    ),
    "latin-1": (
        text(with_umlaut := [[c.replace("ill", "krank ä") for c in r] for r in rows()]).encode("latin-1"),
        {},
        "'read.encoding', perhaps to latin-1",
    ),
    "utf-16": (text().encode("utf-16"), {}, "'read.encoding', perhaps to utf-16"),
    "utf-16 without its mark": (text().encode("utf-16-le"), {}, "'read.encoding', perhaps to utf-16"),
    "another encoding than said": (
        text(with_umlaut).encode("latin-1"),
        {"encoding": "utf-8"},
        "correct 'read.encoding'",
    ),
    "a workbook": (b"PK\x03\x04" + bytes(100), {}, "workbook", "save the table as CSV"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), {}, "is not UTF-8 text"),
    "nothing": (b"", {}, "is empty"),
    "blank lines": (b"\n\n  \n", {}, "is empty"),
    "a header alone": (text([]), {}, "no rows"),
    "a line above the header": ("my table\n" + text(), {}, "line 2 has 5 fields, the header 1"),
    "zeros in a block": (text().encode().replace(b"s3,43", b"\0\0\0\0\0"), {}, "text"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_broken_file_is_one_line(tmp_path, case):
    content, read, *words = FILES[case]
    said(lambda: packed(tmp_path, content, **read), "own.csv", *words)
    assert not (tmp_path / "packed").exists()


@pytest.mark.parametrize(
    ("name", "write"),
    [("own.csv.gz", lambda f: f.write_bytes(gzip.compress(text().encode())[:-30])), ("own.csv", Path.mkdir)],
)
def test_what_cannot_be_opened_is_one_line(tmp_path, name, write):
    write(tmp_path / name)
    config = {"kind": "folder", "form": "table", "read": {**READ, "file": name}}
    said(lambda: pack(config, tmp_path, tmp_path / "packed", "mine"), name, "cannot be read")


def test_damaged_files_are_read_or_refused_with_one_line(tmp_path):
    def attempt(data):
        packed(tmp_path, data)
        (tmp_path / "packed/cohort.json").unlink()

    accepted = reads_or_says(attempt, damaged(text().encode(), 60))
    assert 0 < accepted < 40


# --- content --------------------------------------------------------------------------------------

CONTENT = {
    "too large": (with_column(1, ["1e300", *range(11)]), {}, "column age holds 1e+300", "read.missing"),
    "text among numbers": (with_column(1, ["old", *range(11)]), {}, "column age, row 2", "read.categories"),
    "names not listed": (
        text(),
        {"categories": []},
        "column sex, row 2: 'F' is not a number",
        "'read.categories'",
    ),
    "a category that is no column": (text(), {"categories": ["site"]}, "column site is missing"),
    "a category of subjects": (
        with_column(3, [f"n{i}" for i in range(12)]),
        {},
        "column sex has 12 names",
        "read.drop",
    ),
    "a category and a column alike": (with_column(1, range(12), "sex=M"), {}, "both called sex=M"),
    "codes of a column that is none": (text(), {"missing": {"agee": [-9]}}, "column agee is missing"),
    "a code in the target": (
        with_column(4, ["-9", *(r[4] for r in rows()[1:])]),
        {"missing": -9},
        "target dx holds '-9'",
        "by column",
    ),
    "a measure as target": (
        with_column(4, [i / 7 for i in range(12)]),
        {},
        "12 different values",
        "read.binarise: {above: 0.785",
    ),
    "text with binarise": (text(), {"binarise": "median"}, "target dx, row 2: 'ill' is not a number"),
    "nobody above": (with_column(4, range(12)), {"binarise": {"above": 11}}, "from 0 to 11"),
    "half at the largest": (with_column(4, [0] * 5 + [1] * 7), {"binarise": "median"}, "on one side of 1"),
    "missing with binarise": (
        with_column(4, ["", *range(11)]),
        {"binarise": "median"},
        "missing for 1 subjects, first s0",
    ),
    "one class in two spellings": (
        with_column(4, ["Ill", *(r[4] for r in rows()[1:])]),
        {},
        "both 'Ill' and 'ill'",
    ),
    "one number in two spellings": (with_column(4, ["1.0", *[0, 1] * 6]), {}, "both '1' and '1.0'"),
    "one class": (with_column(4, ["ill"] * 12), {}, "'ill' for all subjects"),
    "classes of no target": (text(), {"classes": {"dxx": ["a"]}}, "read.classes.dxx", "did you mean 'dx'"),
    "a class listed twice": (text(), {"classes": {"dx": ["ill", "well", "ill"]}}, "names a class twice"),
    "a rare class": (
        with_column(4, ["rare", *(r[4] for r in rows()[1:])]),
        {},
        "class rare has 1 subjects",
        "folds.count",
    ),
    "a feature of nothing": (with_column(1, ["-9"] * 12), {"missing": [-9]}, "column age has no value"),
    "a category of nothing": (with_column(3, [""] * 12), {}, "column sex has no value"),
    "nothing varies": (
        text([[*r[:1], "7", "7", "F", r[4]] for r in rows()]),
        {},
        "every feature has one value",
    ),
    "no feature": (text(), {"drop": ["age", "volume", "sex"], "categories": []}, "no feature"),
}


@pytest.mark.parametrize("case", CONTENT)
def test_unusable_content_is_one_line(tmp_path, case):
    content, read, *words = CONTENT[case]
    said(lambda: packed(tmp_path, content, **read), *words)
    assert not (tmp_path / "packed").exists()


# --- what is read as meant ------------------------------------------------------------------------

AGES = ["-4", "-4.0", "-9", "?", *range(40, 48)]


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        (["-4", -9, "?"], [0, 1, 2, 3]),
        ({"age": [-4, "?", "-9"]}, [0, 1, 2, 3]),
        ({"age": ["?", -9], "all": -4}, [0, 1, 2, 3]),
    ],
)
def test_codes_for_missing_values_are_numbers_or_texts(tmp_path, missing, lost):
    table = packed(tmp_path, with_column(1, AGES), missing=missing)
    assert np.flatnonzero(np.isnan(column(table, "age"))).tolist() == lost


def test_a_text_is_one_code_and_codes_of_a_column_are_its_own(tmp_path):
    content = with_column(1, ["-4", "-4", "4", *range(40, 49)])
    for name, code in (("a", "-4"), ("c", -4)):
        (tmp_path / name).mkdir()
        table = packed(tmp_path / name, content, missing=code)
        assert np.flatnonzero(np.isnan(column(table, "age"))).tolist() == [0, 1]
    (tmp_path / "b").mkdir()
    table = packed(tmp_path / "b", content, missing={"volume": [-4]})
    assert column(table, "age")[:3].tolist() == [-4, -4, 4] and not np.isnan(table.features).any()
    assert "-4 stand in no cell" in (tmp_path / "b/packed/cohort.json").read_text()


def test_other_layouts_come_to_the_same_table(tmp_path):
    wanted = packed(tmp_path, text())
    german = [[c.replace(".", ",").replace("ill", "kränk") for c in r] for r in rows()]
    others = {
        "semicolons": (
            text(german, separator=";").encode("latin-1"),
            {"separator": ";", "decimal": ",", "encoding": "latin-1"},
        ),
        "tabs": (text(separator="\t"), {"separator": "\t"}),
        "utf-16": (text().encode("utf-16"), {"encoding": "utf-16"}),
        "byte order mark and Windows' ends": (text().replace("\n", "\r\n").encode("utf-8-sig"), {}),
        "quotes, blanks and blank lines": (text().replace("s3,", '"s3",  ').replace("s5", "\n\ns5"), {}),
    }
    for name, (content, read) in others.items():
        (tmp_path / name).mkdir()
        table = packed(tmp_path / name, content, **read)
        np.testing.assert_array_equal(table.features, wanted.features, err_msg=name)
        assert table.subjects == wanted.subjects and len(table.classes["dx"]) == 2


def test_a_compressed_table_is_read(tmp_path):
    (tmp_path / "own.tsv.gz").write_bytes(gzip.compress(text(separator="\t").encode()))
    config = {"kind": "folder", "form": "table", "read": {**READ, "file": "own.tsv.gz"}}
    pack(config, tmp_path, tmp_path / "packed", "mine")
    assert len(open_table(tmp_path / "packed")) == 12


def test_categories_become_a_feature_for_each_name(tmp_path):
    sites = ["b", "a", "", "10", "9", *"abab", "9", "10", "a"]
    body = [[*row[:2], site, *row[3:]] for row, site in zip(rows(), sites)]
    table = packed(tmp_path, text(body, ["id", "age", "site", "sex", "dx"]), categories=["site", "sex"])
    assert named(table) == ["age", "site=9", "site=10", "site=a", "site=b", "sex=M"]
    assert column(table, "sex=M").tolist() == [0, 1] * 6
    assert np.isnan(table.features[2, 1:5]).all() and not np.isnan(np.delete(table.features, 2, 0)).any()
    assert (np.delete(table.features, 2, 0)[:, 1:5].sum(1) == 1).all()
    assert {c.kind for c in table.columns} == {"continuous", "binary"}


def test_numbers_that_are_names_are_one_name_however_they_are_written(tmp_path):
    table = packed(tmp_path, with_column(3, ["1", "1.0", "2", "3"] * 3))
    assert named(table)[2:] == ["sex=1", "sex=2", "sex=3"] and column(table, "sex=1").sum() == 6


@pytest.mark.parametrize(
    ("values", "read", "classes"),
    [
        (range(12), {"binarise": "median"}, ["low", "high"]),
        (range(-6, 6), {"binarise": {"above": 0}}, ["low", "high"]),
        ([-1, 1] * 6, {}, ["-1", "1"]),
        ([9, 10] * 6, {}, ["9", "10"]),
        (["high", "low"] * 6, {}, ["low", "high"]),
        (["ill", "well"] * 6, {}, ["ill", "well"]),
        (["ill", "well"] * 6, {"classes": {"dx": ["well", "ill"]}}, ["well", "ill"]),
        (range(12), {"binarise": "median", "classes": {"dx": ["high", "low"]}}, ["high", "low"]),
    ],
)
def test_the_positive_class_is_the_high_one_or_the_stated_one_and_named(
    tmp_path, capsys, values, read, classes
):
    table = packed(tmp_path, with_column(4, values), **read)
    assert table.classes["dx"] == classes
    about = json.loads((tmp_path / "packed/cohort.json").read_text())
    assert about["positive"] == {"dx": classes[1]}
    assert f"the positive class is '{classes[1]}'" in capsys.readouterr().out
    config = {"kind": "folder", "form": "table"}
    facts = dict(describe_cohort("mine", config, tmp_path, tmp_path / "packed", ["x"]).about)
    assert facts["positive class"] == f"{classes[1]} (dx)"


def test_above_is_above_and_the_cut_is_said(tmp_path, capsys):
    table = packed(tmp_path, with_column(4, [0, 0, 1, 2] * 3), binarise={"above": 0})
    assert table.labels("dx").tolist() == [0, 0, 1, 1] * 3
    assert "dx: high is above 0 (given)" in capsys.readouterr().out


def test_a_measure_whose_classes_are_listed_is_none(tmp_path):
    content = text([[f"t{n}", *row[1:4], str(n % 11)] for n, row in enumerate([*rows(), *rows()])])
    said(lambda: packed(tmp_path, content), "11 different values", "read.classes.dx")
    table = packed(tmp_path, content, classes={"dx": [*range(11)]})
    assert len(table.classes["dx"]) == 11


NOTES = {
    "constant": (with_column(1, ["7"] * 12), "age: one value for all subjects"),
    "the target as a number": (
        with_column(1, [int(r[4] == "ill") for r in rows()]),
        "age has one value for each class",
    ),
    "a positive class by name": (text(), "well is the positive class, being last by name"),
    "no end of the last line": (text()[:-1], "its last line has no end"),
}


@pytest.mark.parametrize("case", NOTES)
def test_what_looks_wrong_is_said_in_a_line_and_on_the_page(tmp_path, capsys, case):
    content, words = NOTES[case]
    packed(tmp_path, content)
    assert words in capsys.readouterr().out
    facts = json.loads((tmp_path / "packed/cohort.json").read_text())["facts"]
    assert any(words in line for _, line in facts)


def test_nothing_is_said_of_a_good_table(tmp_path, capsys):
    packed(tmp_path, text(), classes={"dx": ["ill", "well"]})
    assert capsys.readouterr().out == "mine: dx: the positive class is 'well'\n"


def test_a_fold_without_a_class_is_one_line(tmp_path):
    rare = ["rare", "rare", *["well", "ill"] * 5]
    table = packed(tmp_path, with_column(4, rare))
    said(lambda: list(folds(table, {"target": "dx", "validation": 0.5})), "class rare", "task.validation")
    assert len(list(folds(table, {"target": "dx"}))) == 2


def test_too_few_for_logistic_regression_are_one_line():
    x = np.arange(8.0).reshape(4, 2)
    said(
        lambda: fit_predict("logistic", x, np.array([0, 0, 1, 1]), x), "'logistic' needs 3 training subjects"
    )
