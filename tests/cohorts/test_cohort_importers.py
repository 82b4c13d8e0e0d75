"""TADPOLE and UK Biobank in the columns of their releases."""

from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.table.form import pack
from mlmi2023.cohorts.forms.table.importers import ukbb
from mlmi2023.cohorts.forms.table.importers.tadpole import group_of
from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
HEAD = [
    *("RID", "PTID", "VISCODE", "SITE", "DX_bl", "DXCHANGE", "AGE", "PTGENDER", "PTEDUCAT", "PTRACCAT"),
    *("APOE4", "CDRSB", "ADAS13", "MMSE", "FDG", "Hippocampus"),
    *("ST101SV_UCSFFSL_02_01_16_UCSFFSL51ALL_08_01_16", "FA_CST_L_DTIROI_04_30_14"),
    *("ABETA_UPENNBIOMK9_04_19_17", "EXAMDATE_UCSFFSL_02_01_16_UCSFFSL51ALL_08_01_16"),
]


def tadpole_rows():
    rows = []
    for i in range(9):
        stage = ["CN", "SMC", "EMCI", "LMCI", "AD"][i % 5]
        common = [str(i + 2), f"011_S_{i:04d}", "bl", "11", stage, "1", "70.5"]
        common += ["Male" if i % 2 else "Female", "16"]
        values = ["White", "1", str(i), f"{i / 2}", "29", "" if i < 6 else "1.2"]
        values += ["7000", "800", "0.5", "<200", "2006-01-01"]
        rows.append(common + values)
        rows.append([*common[:2], "m06", *common[3:], *values])
    return rows


def config_of(name, root):
    base = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["ia_gcn"]})
    config = Settings(base, ROOT).cohort(name)
    return {**config, "root": str(root), "folds": {}}


def tadpole(tmp_path, head=HEAD, rows=None):
    table = [head, *(rows or tadpole_rows())]
    (tmp_path / "TADPOLE_D1_D2.csv").write_text("\n".join(",".join(r) for r in table) + "\n")
    config = config_of("tadpole", tmp_path)
    assert raw_files("tadpole", config, tmp_path) == [tmp_path / "TADPOLE_D1_D2.csv"]
    pack(config, tmp_path, tmp_path / "packed", "tadpole")
    return open_table(tmp_path / "packed")


def test_tadpole_has_a_row_per_baseline_visit_and_three_stages(tmp_path):
    table = tadpole(tmp_path)
    assert len(table) == 9 and table.classes == {"diagnosis": ["CN", "MCI", "AD"]}
    assert table.labels("diagnosis").tolist() == [0, 0, 1, 1, 2, 0, 0, 1, 1]


def test_tadpole_features_are_measurements_and_never_the_diagnosis(tmp_path):
    table = tadpole(tmp_path)
    found = {c.name: c.group for c in table.columns}
    assert found == {
        "AGE": "demographic", "PTGENDER": "demographic", "PTEDUCAT": "demographic", "APOE4": "demographic",
        "CDRSB": "cognitive", "ADAS13": "cognitive", "MMSE": "cognitive", "Hippocampus": "mri",
        "ST101SV_UCSFFSL_02_01_16_UCSFFSL51ALL_08_01_16": "mri", "FA_CST_L_DTIROI_04_30_14": "dti",
        "ABETA_UPENNBIOMK9_04_19_17": "csf",
    }  # fmt: skip
    assert "FDG" not in found  # two thirds are missing
    names = list(found)
    order = [c.name for c in table.columns]
    assert sorted(names) == sorted(order)
    assert table.features[:, order.index("PTGENDER")].tolist() == [0, 1] * 4 + [0]
    assert (table.features[:, order.index("ABETA_UPENNBIOMK9_04_19_17")] == 200).all()
    assert group_of("RAVLT_immediate_bl") == "cognitive" and group_of("XYZ") == ""


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda head, rows: head.__setitem__(HEAD.index("CDRSB"), "CDR"), "column CDRSB is missing"),
        (lambda head, rows: rows[0].__setitem__(HEAD.index("MMSE"), "high"), "column MMSE holds 'high'"),
        (lambda head, rows: [r.__setitem__(2, "m12") for r in rows], "no row with VISCODE bl"),
        (lambda head, rows: rows[2].__setitem__(0, "2"), "subject 2 stands in rows"),
        (
            lambda head, rows: [r.__setitem__(HEAD.index("ADAS13"), "-4") for r in rows],
            "of column ADAS13 is missing",
        ),
        (lambda head, rows: rows[4].__setitem__(HEAD.index("MMSE"), "1e300"), "column MMSE holds 1e+300"),
        (lambda head, rows: rows[4].append("x"), "line 6 has 21 fields, the header 20"),
        (lambda head, rows: rows[4].pop(), "line 6 has 19 fields, the header 20"),
        (lambda head, rows: head.__setitem__(HEAD.index("FDG"), "MMSE"), "column MMSE stands twice"),
        (lambda head, rows: rows[4].__setitem__(0, "2"), "subject 2 stands in rows 2 and 6"),
    ],
)
def test_a_broken_tadpole_is_one_line(tmp_path, change, says):
    head, rows = list(HEAD), tadpole_rows()
    change(head, rows)
    with pytest.raises(InputError) as caught:
        tadpole(tmp_path, head, rows)
    assert says in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "packed").exists()


def test_tadpole_leaves_an_index_out_and_wants_what_is_dropped(tmp_path):
    rows = [[str(n), *row] for n, row in enumerate(tadpole_rows())]
    table = tadpole(tmp_path, ["", *HEAD], rows)
    assert len(table.columns) == 11 and not any("Unnamed" in c.name for c in table.columns)
    config = {**config_of("tadpole", tmp_path), "read": {"drop": ["FGD"]}}
    with pytest.raises(InputError, match="column FGD is missing"):
        pack(config, tmp_path, tmp_path / "again", "tadpole")


def test_missing_data_say_where_to_get_them(tmp_path):
    for name, site in (("tadpole", "tadpole.grand-challenge.org"), ("ukbb", "ukbiobank.ac.uk")):
        with pytest.raises(InputError) as caught:
            raw_files(name, config_of(name, tmp_path), tmp_path)
        message = str(caught.value)
        assert site in message and "access: dua" in message and f"data/{name}" in message


NAMES = {
    "converter": ("eid", lambda f, i: f"{f}-{i}.0", "0", "1"),
    "R": ("f.eid", lambda f, i: f"f.{f}.{i}.0", "0", "1"),
    "platform": (
        "participant.eid",
        lambda f, i: f"participant.p{f}" + (f"_i{i}" if f != 31 else ""),
        "Female",
        "Male",
    ),
}


def biobank(tmp_path, style, lose=None, **read):
    ident, name, female, male = NAMES[style]
    fields = [25001, 25002, 25056, 25104, 25040]
    head = [
        ident,
        name(31, 0),
        name(21003, 0),
        name(21003, 2),
        *(name(f, 2) for f in fields),
        name(25001, 3),
        "note",
    ]
    rows = [head]
    for i, age in enumerate([45, 52, 63, 71, 79, 44, 83, 66]):
        values = [str(i + f / 1e4) for f in fields] if i != 7 else [""] * 5
        rows.append([str(1000 + i), female if i % 2 else male, "40", str(age), *values, "9", "text"])
    if lose:
        column = head.index(name(*lose))
        rows = [row[:column] + row[column + 1 :] for row in rows]
    (tmp_path / "ukb.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    config = config_of("ukbb", tmp_path)
    config["read"] = {**config["read"], **read}
    pack(config, tmp_path, tmp_path / "packed", "ukbb")
    return open_table(tmp_path / "packed")


@pytest.mark.parametrize("style", list(NAMES))
def test_biobank_is_read_in_all_three_spellings(tmp_path, style):
    table = biobank(tmp_path, style)
    # an age beyond the seventies, and one without any image, are left out
    assert table.subjects == ["1000", "1001", "1002", "1003", "1004", "1005"]
    assert table.labels("sex").tolist() == [1, 0] * 3
    assert [table.classes["age"][c] for c in table.labels("age")] == [
        "40s",
        "50s",
        "60s",
        "70s",
        "70s",
        "40s",
    ]
    assert [c.group for c in table.columns] == ["volumes", "volumes", "diffusion", "diffusion", "functional"]
    assert table.features[2].tolist() == pytest.approx([4.5001, 4.5002, 4.5056, 4.5104, 4.504])
    assert not np.isnan(table.features).any()


@pytest.mark.parametrize(
    ("lose", "says"),
    [
        ((31, 0), "no column for sex"),
        ((21003, 2), "no column for age at visit"),
        ((25040, 2), "25040 to 25055"),
    ],
)
def test_a_biobank_extract_that_lacks_a_field_is_named(tmp_path, lose, says):
    with pytest.raises(InputError, match=says):
        biobank(tmp_path, "converter", lose)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"1003,0,": "1003,2,"}, "column 31-0.0 holds '2'"),
        ({"66,,,,,,9": "66,,,,,,9,9"}, "line 9 has 12 fields, the header 11"),
        # the first participant is left out, and rows are still those of the file
        ({"40,45,": "40,85,", "79,6.5001": "79,high"}, "column 25001-2.0, row 6: 'high' is not a number"),
    ],
)
def test_a_broken_biobank_extract_is_one_line(tmp_path, changes, says):
    biobank(tmp_path, "converter")
    text = (tmp_path / "ukb.csv").read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, text
        text = text.replace(old, new)
    (tmp_path / "ukb.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        pack(config_of("ukbb", tmp_path), tmp_path, tmp_path / "again", "ukbb")
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_biobank_fields_can_be_chosen(tmp_path):
    table = biobank(tmp_path, "converter", fields={"brain": [25001, 25104]})
    assert [c.name for c in table.columns] == ["25001-2.0", "25104-2.0"]
    assert ukbb.parse("p25750_i2_a3") == (25750, 2, 3) and ukbb.parse("note") is None
