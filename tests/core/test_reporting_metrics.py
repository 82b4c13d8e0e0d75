import numpy as np
import pandas as pd
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.core.tidy import COLUMNS, gather, read_metrics, write_metrics
from mlmi2023.reporting.names import setting_factors, setting_name
from reporting_data import frame


def row(**changes):
    base = dict(zip(COLUMNS, ["d1", "", "a", 0, 0, "s1", "mean", "dice", 0.5]))
    return {**base, **changes}


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "metrics.csv"
    write_metrics([row(case="s2", value=0.25), row(case="s1", value=1 / 3)], path)
    found = read_metrics(path)
    assert path.read_text().splitlines()[0] == "dataset,setting,method,seed,fold,case,label,metric,value"
    assert list(found["case"]) == ["s1", "s2"]
    assert list(found["value"]) == [1 / 3, 0.25]
    assert found["setting"].tolist() == ["", ""]


def test_order_of_rows_does_not_change_the_bytes(tmp_path):
    rows = [row(case=f"s{i}", value=i / 7) for i in range(5)]
    write_metrics(rows, tmp_path / "a.csv")
    write_metrics(rows[::-1], tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(), row(value=0.6)], "there twice"),
        ([row(value="high")], "not a number"),
        ([row(value=np.inf)], "infinite"),
        ([row(seed="x")], "whole numbers"),
        ([row(method="")], "method is empty"),
        ([{**row(), "extra": 1}], "unknown \\['extra'\\]"),
        ([{k: v for k, v in row().items() if k != "label"}], "missing \\['label'\\]"),
    ],
)
def test_bad_rows_are_refused(tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        write_metrics(rows, tmp_path / "metrics.csv")
    assert not list(tmp_path.iterdir())


def test_nan_is_kept_and_counted(tmp_path):
    with pytest.warns(UserWarning, match="1 of 2 values are nan"):
        write_metrics([row(), row(case="s2", value=np.nan)], tmp_path / "m.csv")
    assert "nan" in (tmp_path / "m.csv").read_text()
    with pytest.warns(UserWarning, match="1 of 2"):
        assert read_metrics(tmp_path / "m.csv")["value"].isna().sum() == 1


def test_gather_joins_and_finds_rows_in_two_files(tmp_path):
    write_metrics(frame({"a": [[1, 2]]}), tmp_path / "a.csv")
    write_metrics(frame({"b": [[3, 4]]}), tmp_path / "b.csv")
    assert gather([tmp_path / "b.csv", tmp_path / "a.csv"])["value"].tolist() == [1, 2, 3, 4]
    with pytest.raises(InputError, match="there twice"):
        gather([tmp_path / "a.csv", tmp_path / "a.csv"])
    assert list(gather([]).columns) == COLUMNS


def test_missing_and_empty_files_have_one_line(tmp_path):
    with pytest.raises(InputError, match="no such file; run again"):
        read_metrics(tmp_path / "no.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty\.csv: is empty"):
        read_metrics(tmp_path / "empty.csv")


def test_settings_have_one_spelling():
    assert setting_name({"r": 2, "modality": "t1w"}) == "modality=t1w;r=2"
    assert setting_name({"mm": 2.50}) == setting_name({"mm": "2.5"}) == "mm=2.5"
    assert setting_name("centre1") == "centre1"
    assert setting_factors("modality=t1w;r=2") == {"modality": "t1w", "r": "2"}
    assert pd.isna(float("nan")) and setting_name(None) == ""
