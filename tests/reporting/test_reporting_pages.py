import json
import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from mlmi2023.cohorts.about import data_hash
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.tidy import write_metrics
from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
from mlmi2023.reporting.claims.verdicts import RULE
from mlmi2023.reporting.figures import plots
from mlmi2023.reporting.figures.plots import draw_claims, draw_table
from mlmi2023.reporting.pages.cohorts import Cohort, describe_cohort, read_scores
from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
from mlmi2023.reporting.pages.paper import FigureItem, PageInputs, build_page
from mlmi2023.reporting.pages.render import duration, fixed, number, p_value, prose
from mlmi2023.reporting.runs import combine_provenance, read_runs, summarise_runs
from mlmi2023.reporting.tables.build import build_table, write_table
from reporting_data import VALUES, Links, frame, paper, train_json


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("site") / "results/bench"
    out = root / "toy"
    made = paper()
    metrics = frame(VALUES)
    write_metrics(metrics, out / "metrics.csv")
    write_table(build_table(made, "table1", metrics), made, out / "tables/table1.csv")
    draw_table(made, "table1", metrics, out / "figures/table1")
    results = evaluate_claims(made, metrics)
    write_claims(results, out / "claims.csv")
    draw_claims(results, out / "figures/claims")
    draw_claims(results, out / "figures/fig1")
    qc = root / "cohorts/stand in/qc"
    qc.mkdir(parents=True)
    for name in ("samples.png", "sub-001.png", "sub-002.png"):
        (qc / name).write_bytes((out / "figures/claims.png").read_bytes())
    (qc / "preprocess.csv").write_text(
        "subject,step,metric,value\n001,n4,cv,0.1\n002,n4,cv,0.3\n001,affine,error mm,2\n"
    )
    inputs = PageInputs(
        reported=made,
        scale="bench",
        summary="What it <does>.",
        claims=out / "claims.csv",
        claims_figure=out / "figures/claims.png",
        tables=[out / "tables/table1.csv"],
        table_figures={"table1": out / "figures/table1.png"},
        figures=[FigureItem("fig1", out / "figures/fig1.png", "an example")],
        cohorts=[Cohort("stand in", (("subjects", "6 test"),), qc, ("d1",))],
        deviations=["Uses `AdamW` & **fewer** steps."],
        runs=[train_json(out, seed=0), train_json(out, seed=1, seconds=30.0)],
        metrics=out / "metrics.csv",
    )
    build_page(inputs, out / "index.html")
    items = [OverviewItem(made, out / "index.html", out / "claims.csv", [out / "tables/table1.csv"])]
    build_overview(items, "bench", root / "index.html")
    return root


@pytest.mark.parametrize("page", ["toy/index.html", "index.html"])
def test_pages_open_offline(site, page):
    text = (site / page).read_text()
    links = Links()
    links.feed(text)
    assert not links.open
    for tag, link in links.found:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text
        elif tag == "a" and link.startswith("https://"):
            continue
        else:  # everything that is loaded, and every other link, is a file that exists beside the page
            assert not re.match(r"[a-z]+:|/", link), link
            assert ((site / page).parent / unquote(link)).exists(), link
    assert "url(" not in text and "@import" not in text
    assert "<script src" not in text and "fetch(" not in text
    assert 'name="viewport"' in text and "prefers-color-scheme: dark" in text


def test_the_page_says_everything(site):
    text = (site / "toy/index.html").read_text()
    for expected in [
        "A toy &lt;paper&gt;",
        "What it &lt;does&gt;.",
        "https://doi.org/10.1000/toy",
        "A beats B",
        "dice[a] &gt; dice[b]",
        'class="badge reproduced"',
        "+0.050",  # the paper's effect
        "controls hold",
        "<code>AdamW</code> &amp; <strong>fewer</strong>",
        RULE["undecided"],
        "abc123",
        "c0ffee",
        "da7a",
        "1 234 567",
        "1 min 0 s",  # mean of 90 and 30
        "spam <b>2.13.0</b>",
        '0.200</td><td class="num">0.100</td><td class="num">0.300',  # preprocessing: mean, lowest, highest
    ]:
        assert expected in text, expected
    row = text.split('scope="row">A <small>proposed</small>')[1].split("</tr>")[0]
    mean = np.mean(VALUES["a"])
    assert f"{mean:.3f}<small>±" in row and f"{mean - 0.85:+.3f}".replace("-", "−") in row
    assert "6 × 2" in row


def test_the_overview_counts_and_compares(site):
    text = (site / "index.html").read_text()
    assert '<li class="reproduced"><b>1</b>' in text
    assert f"<b>{100 * np.mean(VALUES['a']):.1f}</b>" in text and "85.0" in text and "Dice (%)" in text
    assert 'href="toy/index.html"' in text and "controls hold" in text


def test_broken_tables_are_loud(tmp_path):
    made, metrics = paper(), frame({**VALUES, "low": [[0.95] * 6]})
    result = build_table(made, "table1", metrics)
    write_table(result, made, tmp_path / "table1.csv")
    write_claims(
        evaluate_claims(made, metrics, {"table1": "; ".join(result.reasons)}), tmp_path / "claims.csv"
    )
    inputs = PageInputs(made, "demo", "x", tmp_path / "claims.csv", tables=[tmp_path / "table1.csv"])
    build_page(inputs, tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    assert 'class="state broken">broken' in text and "Dice of A is below the floor" in text
    assert 'class="badge not-tested"' in text and 'class="claim reproduced"' not in text
    build_overview(
        [OverviewItem(made, tmp_path / "index.html", tmp_path / "claims.csv", [tmp_path / "table1.csv"])],
        "demo",
        tmp_path / "all.html",
    )
    assert "controls fail" in (tmp_path / "all.html").read_text()


def test_many_reasons_do_not_bury_the_table(tmp_path):
    made, metrics = paper(), frame(VALUES)
    result = replace(
        build_table(made, "table1", metrics), status="at the floor", reasons=[f"reason {i}" for i in range(9)]
    )
    write_table(result, made, tmp_path / "table1.csv")
    assert "reason 2; and 6 more, in table1.json" in (tmp_path / "table1.md").read_text()
    write_claims(evaluate_claims(made, metrics), tmp_path / "claims.csv")
    build_page(
        PageInputs(made, "bench", "x", tmp_path / "claims.csv", tables=[tmp_path / "table1.csv"]),
        tmp_path / "index.html",
    )
    text = (tmp_path / "index.html").read_text()
    shown = text.split("<details", 1)[0]
    assert "reason 2" in shown and "reason 3" not in shown and "reason 8" in text and "and 6 more" in text


def test_figures_are_the_same_each_time(site, tmp_path):
    draw_table(paper(), "table1", frame(VALUES), tmp_path / "table1")
    for kind in ("svg", "png"):
        again = (tmp_path / f"table1.{kind}").read_bytes()
        assert again == (site / f"toy/figures/table1.{kind}").read_bytes()
    assert b"dc:date" not in (tmp_path / "table1.svg").read_bytes()


def test_right_or_wrong_cases_are_drawn_as_their_share(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(plots, "save_figure", lambda figure, stem: drawn.update({stem: figure}))
    rng = np.random.default_rng(0)
    for right in (1, 100):
        values = {name: right * (rng.random((3, 40)) < share) for name, share in (("a", 0.8), ("b", 0.3))}
        draw_table(paper(), "table1", frame(values), f"right {right}")
        # a share, and three seeds, of either method; no points of cases
        points = _points(drawn[f"right {right}"])
        assert [len(own) for own in points] == [1, 3, 1, 3]
        shares = sorted(float(own[0][0]) for own in points[::2])
        assert shares == pytest.approx([values["b"].mean(), values["a"].mean()])
    draw_table(paper(), "table1", frame(VALUES), "cases")
    assert max(len(own) for own in _points(drawn["cases"])) == np.shape(VALUES["a"])[-1]


def test_cases_that_only_add_to_a_score_of_all_are_drawn_as_that_score(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(plots, "save_figure", lambda figure, stem: drawn.update({stem: figure}))
    rng = np.random.default_rng(0)
    values = {name: mean + rng.uniform(-0.6, 0.6, (3, 40)) for name, mean in (("a", 0.8), ("b", 0.5))}
    draw_table(paper(), "table1", frame(values), "pooled")
    points = _points(drawn["pooled"])
    assert [len(own) for own in points] == [1, 3, 1, 3]
    assert float(points[0][0][0]) == pytest.approx(values["b"].mean())
    # a score that leaves 0 to 1 itself is none of these, and neither is one in millimetres
    draw_table(paper(), "table1", frame({name: own + 0.5 for name, own in values.items()}), "beyond")
    assert max(len(own) for own in _points(drawn["beyond"])) == 40


def _points(figure):
    return [one.get_offsets() for one in figure.axes[0].collections if isinstance(one, PathCollection)]


def test_figures_of_nothing_can_be_drawn(tmp_path):
    made, nothing = paper(), frame({"a": [[0.5]]}, dataset="d2")
    draw_table(made, "table1", nothing, tmp_path / "t")
    draw_claims(evaluate_claims(made, nothing), tmp_path / "c")
    assert (tmp_path / "t.svg").exists() and (tmp_path / "c.png").exists()


def test_runs_are_summed_up(tmp_path):
    runs = read_runs([train_json(tmp_path, seed=s, seconds=60.0 * (s + 1)) for s in (0, 1)])
    (line,) = summarise_runs(runs)
    assert (line.seeds, line.runs, line.seconds, line.parameters) == ((0, 1), 2, 90.0, 1234567)
    here = {"code_version": "def456", "dirty": True, "packages": {"spam": "2.12"}, "hardware": {"cpu": "x"}}
    origin = combine_provenance(runs, here)
    assert origin.code_versions == ("abc123", "def456") and origin.dirty
    assert origin.packages == {"spam": "2.12 and 2.13.0"} and origin.seconds == 180
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"method": "a"}))
    with pytest.raises(InputError, match="lacks dataset"):
        read_runs([path])


def test_preprocessing_scores(tmp_path):
    assert read_scores(tmp_path / "none.csv") == []
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="columns must be subject,step,metric,value"):
        read_scores(tmp_path / "bad.csv")


def test_a_cohort_is_described_by_what_was_packed(tmp_path):
    subjects = [{"subject": f"{i}", "split": s} for i, s in enumerate(["train", "train", "test"])]
    about = {"subjects": subjects, "modalities": ["T1w"], "labels": {"1": "wm"}}
    (tmp_path / "packed").mkdir()
    seal(tmp_path / "packed", about, "")
    config = {
        "kind": "simulated",
        "simulator": "brain",
        "preprocess": {"n4": {}, "grid": {"shape": [6, 7, 8], "spacing": 2}},
    }
    made = describe_cohort("x", config, tmp_path / "qc", tmp_path / "packed", ["d1"])
    lines = dict(made.about)
    assert lines["subjects"] == "2 train, 1 test" and lines["grid"] == "6 x 7 x 8 voxels at 2 mm"
    assert lines["preprocessing"] == "n4, grid" and lines["data hash"] == data_hash(tmp_path / "packed")
    assert made.datasets == ("d1",) and made.samples() is None and made.mosaics() == []


def test_numbers_as_shown():
    assert [number(v) for v in (0.12345, 12345.6, 0, float("nan"), 1e-7)] == [
        "0.123",
        "12 346",
        "0",
        "–",
        "1.00e−07",
    ]
    assert fixed(-0.0456, 3) == "−0.046" and fixed(2, 1) == "+2.0"
    assert [p_value(v) for v in (0.0004, 0.0416, float("nan"))] == ["< 0.001", "0.042", "–"]
    assert [duration(s) for s in (5.04, 65, 7320)] == ["5.0 s", "1 min 5 s", "2 h 2 min"]
    assert str(prose("<b> `x` https://a.org/b.")) == (
        '&lt;b&gt; <code>x</code> <a href="https://a.org/b">https://a.org/b</a>.'
    )
