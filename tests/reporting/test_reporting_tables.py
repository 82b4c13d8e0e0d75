import copy
import json

import numpy as np
import pandas as pd
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.tables.build import COLUMNS, build_table, read_table, write_table
from mlmi2023.reporting.tables.layout import best_rows
from reporting_data import PAPER, frame, paper

VALUES = {
    "a": [[0.80, 0.90], [0.84, 0.94]],  # cases 0.82, 0.92: mean 0.87, sd 0.0707; seeds 0.85, 0.89: sd 0.0283
    "b": [[0.70, 0.80], [0.70, 0.80]],
    "ref": [[0.90, 0.92]],
    "low": [[0.10, 0.20]],
    "high": [[1.0, 1.0]],
}


def table(values=VALUES, extra=(), made=None, table_id="table1"):
    return build_table(made or paper(), table_id, pd.concat([frame(values), *extra], ignore_index=True))


def cell(result, method, metric="dice"):
    rows = result.frame[(result.frame["method"] == method) & (result.frame["metric"] == metric)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_values_by_hand():
    a = cell(table(), "a")
    assert a["mean"] == pytest.approx(0.87)
    assert a["sd"] == pytest.approx(0.0707107, abs=1e-6)
    assert a["sd_seeds"] == pytest.approx(0.0282843, abs=1e-6)
    assert (a["n_cases"], a["n_seeds"]) == (2, 2)
    assert a["reported_mean"] == 0.85 and np.isnan(a["reported_sd"])
    assert a["difference"] == pytest.approx(+0.02)
    b = cell(table(), "b")
    assert b["difference"] == pytest.approx(-0.05)
    assert b["reported_sd"] == pytest.approx(0.1) and b["sd_seeds"] == 0


def test_rows_are_the_papers_then_the_others():
    result = table()
    assert list(dict.fromkeys(result.frame["method"])) == ["b", "c", "a", "ref", "low", "high"]
    missing = cell(result, "c")
    assert np.isnan(missing["mean"]) and missing["n_cases"] == 0 and missing["reported_mean"] == 0.7
    assert np.isnan(cell(result, "ref")["reported_mean"]) and np.isnan(cell(result, "ref")["difference"])


def test_another_datasets_values_stay_out():
    other = frame({"a": [[0.0, 0.0]], "c": [[0.3, 0.3]]}, dataset="d2")
    assert cell(table(extra=[other]), "a")["mean"] == pytest.approx(0.87)
    assert np.isnan(cell(table(extra=[other]), "c")["mean"])


def test_controls_hold():
    result = table()
    assert (result.status, result.reasons) == ("ok", [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"b": [[0.05, 0.06]]}, "Dice of B is below the floor: 0.055 against 0.150 of Low"),
        ({"high": [[0.5, 0.5]]}, "Dice of A is above the ceiling: 0.870 against 0.500 of High"),
        ({"low": [[0.86, 0.86]]}, "Dice of B is below the floor"),
    ],
)
def test_a_control_that_does_not_bracket_breaks_the_table(change, reason):
    result = table({**VALUES, **change})
    assert result.status == "broken"
    assert any(r.startswith(reason) for r in result.reasons)


def test_a_method_a_hair_below_the_floor_has_learned_nothing_and_breaks_nothing():
    # floor 0.15, ceiling 1: up to 0.05 of 0.85 below it, 0.0425
    result = table({**VALUES, "b": [[0.10, 0.12]]})
    assert result.status == "at the floor"
    assert result.reasons == ["Dice of B is below the floor: 0.110 against 0.150 of Low"]
    assert table({**VALUES, "b": [[0.10, 0.114]]}).status == "broken"
    both = table({**VALUES, "b": [[0.10, 0.12]], "c": [[0.0, 0.0]]})
    assert both.status == "broken" and len(both.reasons) == 2


def test_a_method_a_hair_above_the_floor_is_at_it_too():
    # floor 0.15, ceiling 1: up to 0.1925
    result = table({**VALUES, "b": [[0.18, 0.20]]})
    assert result.status == "at the floor"
    assert result.reasons == ["Dice of B is at the floor: 0.190 against 0.150 of Low"]
    assert table({**VALUES, "b": [[0.18, 0.21]]}).status == "ok"
    # seen outside: networks of noise, Dice 0.3 %, gave a table that was "ok"
    noise = table({"a": [[0.003, 0.002]], "b": [[0.0, 0.001]], "low": [[0.0, 0.0]], "high": [[1.0, 1.0]]})
    assert noise.status == "at the floor" and len(noise.reasons) == 2


def test_of_a_ratio_in_db_the_way_is_that_of_its_error():
    # a twentieth off an error is 0.446 dB, however many dB rounding leaves the truth itself
    content = copy.deepcopy(PAPER)
    next(metric for metric in content["metrics"] if metric["id"] == "dice")["unit"] = "dB"
    made = paper(metrics=content["metrics"])
    ends = {"a": [[30.0, 30.0]], "ref": [[30.0, 30.0]], "low": [[20.0, 20.0]], "high": [[100.0, 100.0]]}
    found = [
        table({**ends, "b": [[20.0 + gain, 20.0 + gain]]}, made=made) for gain in (0.44, 0.45, -0.44, -0.45)
    ]
    assert [result.status for result in found] == ["at the floor", "ok", "at the floor", "broken"]


def test_a_method_of_another_domain_may_be_worse_than_the_floor_and_its_file_says_why():
    content = copy.deepcopy(PAPER)
    next(one for one in content["methods"] if one["id"] == "b")["below_floor"] = "it has seen no scan"
    made = paper(methods=content["methods"])
    result = table({**VALUES, "b": [[0.05, 0.06]]}, made=made)
    assert result.status == "at the floor"
    assert result.reasons == [
        "Dice of B is below the floor: 0.055 against 0.150 of Low (it has seen no scan)"
    ]
    assert table({**VALUES, "a": [[0.05, 0.06]]}, made=made).status == "broken", "another method"
    assert table({**VALUES, "high": [[0.75, 0.75]]}, made=made).status == "broken", "the other end"


def test_a_network_that_has_not_learned_breaks_nothing_however_far_below_the_floor():
    deep = frame({**VALUES, "b": [[0.05, 0.06]]})
    found = [
        build_table(paper(), "table1", deep, {("d1", "a"): "settled", ("d1", "b"): status})
        for status in ("not learned", "still rising")
    ]
    assert [table.status for table in found] == ["at the floor", "broken"]
    assert found[0].reasons == ["Dice of B is below the floor: 0.055 against 0.150 of Low"]
    high = frame({**VALUES, "high": [[0.5, 0.5]]})
    above = build_table(paper(), "table1", high, {("d1", "a"): "not learned"})
    assert above.status == "broken", "above the ceiling it is the metric all the same"


def test_rows_say_whether_their_networks_have_learned():
    learned = {("d1", "a"): "settled", ("d1", "b"): "not learned", ("d1", "c"): "settled"}
    result = build_table(paper(), "table1", frame(VALUES), learned)
    assert {m: cell(result, m)["learned"] for m in ("a", "b", "c", "ref", "low")} == {
        "a": "settled",
        "b": "not learned",
        "c": "",  # not run
        "ref": "",  # not trained
        "low": "",
    }
    assert set(table().frame["learned"]) == {""}
    assert COLUMNS[-1] == "learned"


def test_spread_between_methods_and_between_seeds_by_hand():
    # means 0.87, 0.75 and 0.91, controls left out; seeds' means 0.85, 0.89 of a and equal ones of b
    found = table().spread
    assert found.methods == pytest.approx(np.std([0.87, 0.75, 0.91], ddof=1))
    assert found.seeds == pytest.approx(np.sqrt(0.0008 / 2))
    assert found.ratio == pytest.approx(found.methods / found.seeds)
    one = table({name: values[:1] for name, values in VALUES.items()}).spread
    assert np.isfinite(one.methods) and np.isnan(one.seeds) and np.isnan(one.ratio)
    alone = table({"a": VALUES["a"], "low": VALUES["low"], "high": VALUES["high"]}).spread
    assert np.isnan(alone.methods) and np.isnan(alone.ratio) and alone.seeds > 0


def test_spread_between_methods_is_within_a_setting():
    rows = [frame({"a": [[0.2, 0.2]], "b": [[0.3, 0.3]]}, setting=f"r={r}") for r in (2,)]
    rows += [frame({"a": [[0.8, 0.8]], "b": [[0.9, 0.9]]}, setting="r=4")]
    assert settings_table(*rows).spread.methods == pytest.approx(np.std([0.2, 0.3], ddof=1))


def test_without_a_ceiling_nothing_is_near_the_floor():
    no_ceiling = {k: v for k, v in VALUES.items() if k != "high"}
    assert table({**no_ceiling, "b": [[0.14, 0.15]]}).status == "broken"


def test_equal_to_a_control_is_within_the_bracket():
    assert table({**VALUES, "a": [[1.0, 1.0]]}).status == "ok"


def test_lower_is_better_turns_the_bracket():
    content = copy.deepcopy(PAPER)
    content["methods"][4]["brackets"] = ["dice", "hd"]
    made = paper(methods=content["methods"])
    good = frame({"low": [[9.0, 9.0]], "a": [[2.0, 3.0]]}, metric="hd")
    assert table(extra=[good], made=made).status == "ok"
    bad = frame({"low": [[1.0, 1.0]], "a": [[2.0, 3.0]]}, metric="hd")
    result = table(extra=[bad], made=made)
    assert result.status == "broken" and result.reasons == [
        "HD of A is below the floor: 2.5 against 1.0 of Low",
    ]
    # by itself a control speaks for the first column only: doing nothing may fold least
    assert table(extra=[bad]).status == "ok"


def test_tables_without_controls_or_values_say_so():
    no_floor = {k: v for k, v in VALUES.items() if k != "low"}
    result = table(no_floor)
    assert result.status == "unchecked" and result.reasons == ["floor Low has no dice"]
    nothing = build_table(paper(), "table1", frame({"a": [[0.5]]}, dataset="d2"))
    assert nothing.status == "not run" and nothing.frame["mean"].isna().all()
    with pytest.raises(InputError, match="no table 'table9'"):
        build_table(paper(), "table9", frame(VALUES))


def test_settings_and_labels_have_rows_of_their_own():
    tables = copy.deepcopy(PAPER["tables"])
    tables[0]["rows"] = [
        {"method": "a", "setting": {"r": 2}, "label": "wm", "values": {"dice": 0.5}},
        {"method": "a", "setting": {"r": 4}, "label": "wm", "values": {"dice": 0.4}},
    ]
    rows = [
        frame({"a": [[0.6, 0.8]], "low": [[0.1, 0.1]]}, setting="r=2", label="wm"),
        frame({"a": [[0.3, 0.5]]}, setting="r=4", label="wm"),
        frame({"a": [[0.0, 0.0]]}, setting="r=2", label="gm"),
    ]
    result = build_table(paper(tables=tables, claims=CLAIM), "table1", pd.concat(rows))
    dice = result.frame[result.frame["metric"] == "dice"].set_index(["method", "setting", "label"])["mean"]
    assert dice[("a", "r=2", "wm")] == pytest.approx(0.7)
    assert dice[("a", "r=4", "wm")] == pytest.approx(0.4)
    assert dice[("low", "r=2", "wm")] == pytest.approx(0.1)
    assert ("low", "r=4", "wm") not in dice.index


CLAIM = [{"id": "c1", "says": "x", "check": "dice[a, d1] > dice[b, d1]"}]


def test_best_is_the_best_that_we_measured():
    made = paper()
    hd = frame({"a": [[2.0, 2.0]], "b": [[3.0, 3.0]], "low": [[1.0, 1.0]]}, metric="hd")
    result = table(extra=[hd])
    (dice,) = best_rows(made.metrics["dice"], result.frame)
    assert result.frame.loc[dice, "method"] == "ref"  # not the ceiling, and not the paper's best
    (hd_best,) = best_rows(made.metrics["hd"], result.frame)
    assert result.frame.loc[hd_best, "method"] == "a"


def test_files(tmp_path):
    made, result = paper(), table()
    write_table(result, made, tmp_path / "table1.csv")
    text = (tmp_path / "table1.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert ",".join(COLUMNS).startswith(
        "method,name,role,metric,reported_mean,reported_sd,mean,sd,sd_seeds,n_cases,n_seeds,difference"
    )
    back = read_table(tmp_path / "table1.csv", made)
    pd.testing.assert_frame_equal(back.frame, result.frame, check_dtype=False)
    assert back.status == "ok" and back.spread.ratio == pytest.approx(result.spread.ratio, rel=1e-6)
    about = json.loads((tmp_path / "table1.json").read_text())
    assert about["spread"]["methods"] == pytest.approx(result.spread.methods)
    assert set(about["spread"]) == {"methods", "seeds", "ratio"}
    md = (tmp_path / "table1.md").read_text()
    assert "| A | 2 | 2 | 0.850 | 0.870 ± 0.071 | +0.020 | 3.0 |" in md
    assert "| Ref | 2 | 1 |  | **0.910 ± 0.014** |" in md
    assert "| C |  |  | 0.700 | not run |" in md
    assert "| B | 2 | 2 | 0.800 ± 0.100 | 0.750 ± 0.071 | −0.050 |" in md


def test_a_file_of_another_form_is_refused(tmp_path):
    (tmp_path / "table1.csv").write_text("method,mean\na,1\n")
    with pytest.raises(InputError, match="delete it and run again"):
        read_table(tmp_path / "table1.csv", paper())


def test_a_method_with_settings_of_its_own_is_no_row_of_a_table_without():
    extra = frame({"ref": [[0.1, 0.9]]}, setting="r=2")
    values = {name: own for name, own in VALUES.items() if name != "ref"}
    result = build_table(paper(), "table1", pd.concat([frame(values), extra]))
    assert "ref" not in set(result.frame["method"])


def settings_table(*rows):
    tables = copy.deepcopy(PAPER["tables"])
    tables[0]["rows"] = [{"method": "a", "setting": {"r": r}, "values": {"dice": 0.5}} for r in (2, 4)]
    return build_table(paper(tables=tables, claims=CLAIM), "table1", pd.concat(rows))


def test_a_control_without_settings_stands_once_and_brackets_all_of_them():
    rows = [frame({"a": [[0.6, 0.8]]}, setting="r=2"), frame({"a": [[0.3, 0.5]]}, setting="r=4")]
    result = settings_table(*rows, frame({"low": [[0.1, 0.1]], "high": [[1.0, 1.0]]}))
    assert list(result.frame[result.frame["metric"] == "dice"]["method"]) == ["a", "a", "low", "high"]
    assert result.status == "ok"
    broken = settings_table(*rows, frame({"low": [[0.45, 0.45]], "high": [[1.0, 1.0]]}))
    assert broken.status == "broken" and len(broken.reasons) == 1 and "r=4" in broken.reasons[0]
    # where a control has a value of its own, that one counts
    own = settings_table(
        *rows,
        frame({"low": [[0.45, 0.45]], "high": [[1.0, 1.0]]}),
        frame({"low": [[0.2, 0.2]]}, setting="r=4"),
    )
    assert own.status == "ok"
