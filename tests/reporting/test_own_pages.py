"""Pages of the user's own data wear their name, not the paper's clothes."""

import pandas as pd
import pytest

from mlmi2023.core.tidy import write_metrics
from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
from mlmi2023.reporting.figures.plots import draw_table
from mlmi2023.reporting.own_data import here, with_own_data
from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
from mlmi2023.reporting.pages.paper import PageInputs, build_page
from mlmi2023.reporting.tables.build import build_table, read_table, write_table
from reporting_data import frame, paper

VALUES = {"a": [[0.8, 0.82, 0.81]], "b": [[0.6, 0.63, 0.61]], "low": [[0.1] * 3], "high": [[1.0] * 3]}
FIRST = {"says": "A beats B on First", "check": "dice[a] > dice[b]", "margin": 0.05}
CLAIMS = [
    {"id": "c1", **FIRST, "source": "table1"},
    {"id": "c2", "says": "A beats C", "check": "dice[a] > dice[c]", "source": "table1"},
]  # fmt: skip


def reported(**own):
    return with_own_data(paper(claims=CLAIMS), own)


def test_nothing_changes_without_own_data():
    made = paper()
    assert with_own_data(made, {}) is made


def test_a_table_of_own_data_has_what_was_run_and_nothing_that_was_printed(tmp_path):
    made = reported(d1="mine")
    result = build_table(made, "table1", frame(VALUES))
    assert result.table.about == "mine, with the methods and measures of The only table"
    assert list(result.frame["method"]) == ["a", "b", "low", "high"], "C was not run, HD neither"
    assert result.frame["reported_mean"].isna().all() and result.frame["difference"].isna().all()
    assert result.status == "ok"
    write_table(result, made, tmp_path / "table1.csv")
    again = read_table(tmp_path / "table1.csv", made)
    assert again.table.columns == ("dice",) and len(again.table.rows) == 4
    text = (tmp_path / "table1.md").read_text()
    assert "reported" not in text and "0.85" not in text and "mine" in text


def test_structures_are_those_of_the_data():
    made = reported(d1="mine")
    values = pd.concat([frame(VALUES, label=label) for label in ("left lung", "heart")])
    assert list(dict.fromkeys(build_table(made, "table1", values).frame["label"])) == ["left lung", "heart"]
    with_mean = pd.concat([values, frame(VALUES, label="mean")])
    assert set(build_table(made, "table1", with_mean).frame["label"]) == {""}, "the paper's is the mean"
    many = pd.concat([frame(VALUES, label=f"s{n}") for n in range(30)] + [frame(VALUES, label="mean")])
    assert set(
        build_table(reported(new="yours"), "table_new", many.assign(dataset="new")).frame["label"]
    ) == {""}


def test_a_dataset_that_the_paper_does_not_have_gets_a_table(tmp_path):
    made = reported(new="yours")
    result = build_table(made, "table_new", frame(VALUES, dataset="new"))
    assert result.table.about == "yours" and result.table.columns == ("dice",) and len(result.frame) == 4
    draw_table(made, "table_new", frame(VALUES, dataset="new"), tmp_path / "table_new")
    assert (tmp_path / "table_new.png").stat().st_size > 3000
    assert build_table(made, "table1", frame(VALUES, dataset="new")).status == "not run"


def test_claims_on_own_data_have_no_effect_of_the_paper():
    own, not_run = evaluate_claims(reported(d1="mine"), frame(VALUES))
    assert own.says == "A beats B on mine" and own.margin != own.margin and own.effect > 0.1
    assert not_run.says == "A beats C (here on mine)" and not_run.verdict == "not tested"
    assert evaluate_claims(reported(d2="mine"), frame(VALUES))[0].margin == 0.05
    assert here(reported(d1="mine"), "Images of First.", ["d1"]) == "Images of mine."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    made, folder = reported(d1="mine"), root / "toy"
    metrics = frame(VALUES)
    write_metrics(metrics, folder / "metrics.csv")
    write_table(build_table(made, "table1", metrics), made, folder / "tables/table1.csv")
    write_claims(evaluate_claims(made, metrics), folder / "claims.csv")
    build_page(
        PageInputs(
            reported=paper(claims=CLAIMS),
            scale="bench",
            summary="What it does.",
            claims=folder / "claims.csv",
            tables=[folder / "tables/table1.csv"],
            own={"d1": "mine"},
        ),
        folder / "index.html",
    )
    item = OverviewItem(made, folder / "index.html", folder / "claims.csv", [folder / "tables/table1.csv"])
    build_overview([item], "bench", root / "index.html")
    return root


def test_the_first_lines_say_whose_data_they_are(site):
    text = (site / "toy/index.html").read_text()
    head = text[text.index("<body>") : text.index("<h1>")]
    assert "Your own data: mine" in head and "in the place of First" in head
    assert text.index("<title>mine:") > 0
    body = text[text.index("<main") :]
    assert "paper’s effect" not in body and ">reported<" not in body and "better than printed" not in body
    assert "0.850" not in body and "0.813" not in body.split("Tables")[0]
    assert "1 of the paper’s 2 claims need" in body, "the claim on C is counted, not shown"


def test_the_overview_names_the_cohort_and_prints_overlaps_in_percent(site):
    text = (site / "index.html").read_text()
    values = text[text.index("Values of the proposed method") :]
    assert (
        "mine" in values
        and "Dice (%)" in values
        and "<b>81.0</b>" in values
        and "85" not in values.split("</table>")[0]
    )
