"""Tables in the paper's shape: which way round, what stands in which cell, what is bold."""

import re

import pandas as pd
import pytest
from PIL import Image

from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
from mlmi2023.reporting.figures.plots import draw_table
from mlmi2023.reporting.pages.paper import PageInputs, build_page
from mlmi2023.reporting.pages.tables import table_view
from mlmi2023.reporting.read_reported import load_reported
from mlmi2023.reporting.tables.build import build_table, write_table
from mlmi2023.reporting.tables.layout import build_grid, is_wide
from mlmi2023.training.loop.status import NOT_KNOWN, NOT_LEARNED, RISING, SETTLED
from preflight_root import ROOT
from reporting_data import frame, paper

CLAIM = [{"id": "c1", "says": "x", "check": "dice[a, d1] > dice[b, d1]"}]
ROWS = [(method, label) for method in "bca" for label in ("wm", "gm")]
PRINTED = dict(zip(ROWS, (0.80, 0.70, 0.60, 0.65, 0.90, 0.50)))
OURS = dict(zip(ROWS, (0.81, 0.60, 0.62, 0.65, 0.70, 0.55)))


def table_of(rows, columns=("dice",)):
    return [{"id": "table1", "about": "Organs", "dataset": "d1", "columns": list(columns), "rows": rows}]


def row(method, value, **where):
    return {"method": method, "values": {"dice": value}, **where}


def organs(**changes):
    """The toy paper with a table of three methods by two organs, whose names are spelled out."""
    rows = [row(method, value, label=label) for (method, label), value in PRINTED.items()]
    names = {"wm": "white <matter>", "gm": "grey matter"}
    return paper(tables=table_of(rows), claims=CLAIM, labels=names, **changes)


def organ_values(shift=None):
    """Our values of the table of organs, controls included; ``shift`` swaps the two organs of a method."""
    parts = []
    for (method, label), value in OURS.items():
        other = {"wm": "gm", "gm": "wm"}[label]
        parts.append(frame({method: [[value, value]]}, label=other if method == shift else label))
    for label in ("wm", "gm"):
        parts.append(frame({"low": [[0.0, 0.0]], "high": [[1.0, 1.0]]}, label=label))
    return pd.concat(parts)


def cells(made, metrics, learned=None):
    """What stands in each cell of a wide table: ours and the printed value by method and column."""
    view = table_view(build_table(made, "table1", metrics, learned), made)
    heads = [head["text"] for head in view["heads"][-1] for _ in range(head["span"])]
    return {
        (row["name"], head): (cell["ours"], cell["reported"], cell["better"], cell["worse"], cell["best"])
        for row in view["rows"]
        for head, cell in zip(heads, row["cells"])
    }


WANTED = {
    ("B", "wm"): ("0.810", "0.800", True, False, True),
    ("B", "gm"): ("0.600", "0.700", False, True, False),
    ("C", "wm"): ("0.620", "0.600", True, False, False),
    ("C", "gm"): ("0.650", "0.650", False, False, True),
    ("A", "wm"): ("0.700", "0.900", False, True, False),
    ("A", "gm"): ("0.550", "0.500", True, False, False),
    ("Low", "wm"): ("0.000", "", False, False, False),
    ("Low", "gm"): ("0.000", "", False, False, False),
    ("High", "wm"): ("1.000", "", False, False, False),
    ("High", "gm"): ("1.000", "", False, False, False),
}


def test_methods_by_organs_are_methods_by_organs():
    assert cells(organs(), organ_values()) == WANTED
    assert cells(organs(), organ_values(shift="a")) != WANTED  # a value under the wrong organ would be seen


SETTINGS = [{"r": r, "modality": m} for r in (2, 4) for m in ("t1w", "t2w")]


@pytest.mark.parametrize(
    ("rows", "wide"),
    [
        ([row(m, 0.5) for m in "abc"], False),  # one condition
        ([row(m, 0.5, label=x) for m in "abc" for x in ("wm", "gm")], True),
        ([row(m, 0.5, setting=s) for m in "abc" for s in SETTINGS], True),
        ([row("a", 0.5, setting=s) for s in SETTINGS], False),  # an ablation of one method: a row per setting
        # three methods under settings of their own, as in a table of two halves
        ([row("b", 0.5), row("c", 0.5), *(row("a", 0.5, label=x) for x in ("wm", "gm"))], False),
        ([row(m, 0.5, setting=SETTINGS[i]) for i, m in enumerate("abc")], False),
        # most cells are printed, one is not
        ([row(m, 0.5, label=x) for m in "abc" for x in ("wm", "gm")][:-1], True),
    ],
)
def test_the_shape_follows_from_what_is_printed(rows, wide):
    assert is_wide(paper(tables=table_of(rows), claims=CLAIM).tables["table1"]) == wide


def test_shapes_of_the_papers_tables():
    wide = set()
    for path in (ROOT / "resources/papers").glob("*.yaml"):
        made = load_reported(path)
        wide |= {f"{made.slug}/{table.id}" for table in made.tables.values() if is_wide(table)}
    assert {"relational_unet/table1", "relational_unet/table2", "dmdip/table1", "nio_reg/table2"} <= wide
    assert {"sr4zct/table1", "pecon/table1"} <= wide
    # an ablation of one method, two halves with settings of their own, one condition
    assert not wide & {"ia_gcn/table2", "implicit_reg/table2", "pecon/table2", "defxattn_reg/table1_ixi"}


def test_factors_become_two_rows_of_heads():
    rows = [row(m, 0.5, setting=s) for m in "abc" for s in SETTINGS]
    made = paper(tables=table_of(rows), claims=CLAIM)
    metrics = frame({"a": [[0.25, 0.25]]}, setting="modality=t2w;r=2")
    view = table_view(build_table(made, "table1", metrics), made)
    outer, inner = view["heads"]
    assert [(h["text"], h["span"]) for h in outer] == [("r 2", 2), ("r 4", 2)]
    assert [h["text"] for h in inner] == ["t1w", "t2w", "t1w", "t2w"]
    (proposed,) = (r for r in view["rows"] if r["name"] == "A")
    assert [cell["ours"] for cell in proposed["cells"]] == ["", "0.250", "", ""]


def test_what_all_settings_share_is_said_once():
    rows = [row(m, 0.5, setting={"r": 2, "modality": x}) for m in "abc" for x in ("t1w", "t2w")]
    made = paper(tables=table_of(rows), claims=CLAIM)
    result = build_table(made, "table1", frame({"a": [[1]]}))
    grid = build_grid(made, result.table, result.frame)
    assert grid.common == "r 2" and [c.inner for c in grid.columns] == ["t1w", "t2w"]


def test_a_control_without_settings_stands_under_each():
    rows = [row(m, 0.5, setting=s) for m in "abc" for s in SETTINGS[:2]]
    made = paper(tables=table_of(rows), claims=CLAIM)
    metrics = pd.concat(
        [frame({"a": [[0.5, 0.5]]}, setting="modality=t1w;r=2"), frame({"high": [[1.0, 1.0]]})]
    )
    view = table_view(build_table(made, "table1", metrics), made)
    (high,) = (r for r in view["rows"] if r["name"] == "High")
    assert [cell["ours"] for cell in high["cells"]] == ["1.000", "1.000"]


@pytest.mark.parametrize(
    ("status", "bold"), [(SETTLED, True), (RISING, True), (NOT_LEARNED, False), (NOT_KNOWN, False)]
)
def test_bold_only_where_something_was_learned(tmp_path, status, bold):
    made = organs()
    learned = {("d1", "b"): status, ("d1", "a"): SETTLED}
    found = cells(made, organ_values(), learned)
    assert found["B", "wm"][-1] == bold
    assert not found["A", "wm"][-1]  # the second best does not become the best
    assert found["C", "gm"][-1]  # not trained
    write_table(build_table(made, "table1", organ_values(), learned), made, tmp_path / "table1.csv")
    assert ("**0.810 ± 0.000**" in (tmp_path / "table1.md").read_text()) == bold


def test_each_row_says_whether_it_has_learned():
    view = table_view(build_table(organs(), "table1", organ_values(), {("d1", "a"): RISING}), organs())
    assert {r["name"]: r["learned"] for r in view["rows"]} == {
        "B": "",
        "C": "",
        "A": RISING,
        "Low": "",
        "High": "",
    }


def test_markdown_of_a_wide_table(tmp_path):
    made = organs()
    result = build_table(made, "table1", organ_values(), {("d1", "a"): SETTLED})
    write_table(result, made, tmp_path / "table1.csv")
    text = (tmp_path / "table1.md").read_text()
    assert "| method | cases | seeds | learned | wm | gm |" in text
    assert "| A | 2 | 1 | settled | 0.700 ± 0.000 (0.900) | 0.550 ± 0.000 (0.500) |" in text
    assert "Dice ↑" in text and "ours (printed)" in text
    assert len((tmp_path / "table1.csv").read_text().splitlines()) == 1 + 10  # the long form stays


def test_markdown_says_how_far_methods_and_seeds_lie_apart(tmp_path):
    values = {"a": [[0.9, 0.9], [0.8, 0.8]], "b": [[0.5, 0.5], [0.6, 0.6]], "low": [[0, 0]], "high": [[1, 1]]}
    result = build_table(paper(), "table1", frame(values))
    write_table(result, paper(), tmp_path / "table1.csv")
    ratio = result.spread.ratio
    assert ratio == pytest.approx(3.0)  # 0.3 apart; seeds 0.1 apart
    assert (
        "> Dice: methods differ 3.0 times as much as seeds of one method"
        in (tmp_path / "table1.md").read_text()
    )


def test_many_metrics_are_one_cell_each():
    names = ["dice", "hd", "params", "m4", "m5"]
    more = [{"id": m, "name": m, "better": "higher", "unit": ""} for m in ("m4", "m5")]
    metrics = [*({"id": i, "name": i, "better": "higher", "unit": "x"} for i in names[:3]), *more]
    made = paper(metrics=metrics, tables=table_of([row("a", 0.5)], names), claims=CLAIM)
    assert build_grid(
        made, made.tables["table1"], build_table(made, "table1", frame({"a": [[1]]})).frame
    ).compact


def test_a_wide_table_on_a_page(tmp_path):
    made, metrics = organs(), organ_values()
    result = build_table(made, "table1", metrics, {("d1", "a"): RISING})
    write_table(result, made, tmp_path / "table1.csv")
    write_claims(evaluate_claims(made, metrics), tmp_path / "claims.csv")
    inputs = PageInputs(made, "bench", "x", tmp_path / "claims.csv", tables=[tmp_path / "table1.csv"])
    build_page(inputs, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    table = text.split('<table class="result compact">')[1].split("</table>")[0]
    heads = re.findall(r'<th colspan="1"[^>]*>([^<]+)</th>', table)
    assert heads == ["wm", "gm"]
    line = table.split('scope="row">A ')[1].split("</tr>")[0]
    assert [c.split()[-1] for c in re.findall(r'<td class="num([^"]*)"', line)][:2] == ["worse", "better"]
    assert "0.700" in line and line.index("0.700") < line.index("(0.900)") < line.index("0.550")
    assert "▼" in line and "▲" in line  # not by colour alone
    assert 'class="learned still-rising"' in line
    assert "wm: white &lt;matter&gt;" in text and "Scrolls sideways" in text
    assert line.count("<td") == 3  # two organs, and cases by seeds


def test_a_wide_table_is_drawn_in_panels(tmp_path):
    draw_table(organs(), "table1", organ_values(), tmp_path / "wide")
    rows = [row(method, PRINTED[method, "wm"]) for method in "bca"]
    made = paper(tables=table_of(rows), claims=CLAIM)
    draw_table(made, "table1", frame({m: [[0.5, 0.6]] for m in "abc"}), tmp_path / "long")
    wide, long = (Image.open(tmp_path / f"{name}.png").size for name in ("wide", "long"))
    assert wide[1] < 1.5 * long[1]  # the organs stand side by side, not beneath each other
