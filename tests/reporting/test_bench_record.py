"""The bench record: published whole, shown on the pages, stale as soon as code, config or claims move on."""

import dataclasses
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from bad_inputs import said
from mlmi2023.core import sources
from mlmi2023.core.errors import InputError
from mlmi2023.core.seals import sealed
from mlmi2023.core.tidy import write_metrics
from mlmi2023.reporting import bench_record as records
from mlmi2023.reporting.claims.results import evaluate_claims, read_claims, write_claims
from mlmi2023.reporting.claims.verdicts import UNKNOWN
from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
from mlmi2023.reporting.pages.paper import PageInputs, build_page
from mlmi2023.reporting.pages.record import build_record_page
from mlmi2023.reporting.read_reported import load_reported
from mlmi2023.reporting.tables.build import build_table, write_table
from mlmi2023.reproducibility.against_record import recorded_setup
from reporting_data import VALUES, frame, paper, train_json

ROOT = Path(__file__).resolve().parents[2]
ABOUT = {"scale": "bench", "configfiles": ["config/small.yaml"], "config_hash": "c1", "sources": []}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished bench run of a toy paper, and the hash of its code as today's."""
    monkeypatch.setattr(records, "code_hash", lambda slug, more: "k1")
    out = tmp_path / "results/bench/toy"
    made, metrics = paper(), frame(VALUES)
    write_metrics(metrics, out / "metrics.csv")
    write_table(build_table(made, "table1", metrics), made, out / "tables/table1.csv")
    write_claims(evaluate_claims(made, metrics), out / "claims.csv")
    return made, out, [train_json(out, seed=0), train_json(out, seed=1)]


def publish(run, folder):
    made, out, reports = run
    tables = [out / "tables/table1.csv"]
    records.publish(made, out / "claims.csv", tables, reports, out / "metrics.csv", ABOUT, folder)
    return made


def test_a_record_says_where_it_comes_from(run, tmp_path):
    made = publish(run, tmp_path / "bench/toy")
    about = json.loads((tmp_path / "bench/toy/record.json").read_text())
    assert about["paper"] == "toy" and about["seeds"] == [0, 1] and about["config_hash"] == "c1"
    assert about["code_hash"] == "k1" and "abc123" in about["code_version"] and about["seconds"] == 180.0
    assert about["runs"][0]["samples_per_second"] == 3.0
    found = records.read_record(tmp_path / "bench/toy", made, "c1")
    assert [r.id for r in found.claims] == list(made.claims)
    assert [t.table.id for t in found.tables] == ["table1"]


def make_old(folder):
    """Turn a record into one from before trainings said whether they had learned."""
    for file, last in ((folder / "claims.csv", 2), (folder / "tables/table1.csv", 1)):
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        frame.iloc[:, :-last].to_csv(file, index=False)
    content = json.loads((folder / "record.json").read_text())
    for line in content["runs"]:
        del line["learned"]
    del content["seal"], content["files"]
    (folder / "record.json").write_text(json.dumps(content))


def test_a_record_keeps_what_its_curves_say(run, tmp_path):
    made, out, reports = run
    status = {"learned": {"status": "settled"}}
    reports[:] = [train_json(out, seed=seed, **status) for seed in (0, 1)]
    publish(run, tmp_path / "toy")
    about = json.loads((tmp_path / "toy/record.json").read_text())
    assert [(line["method"], line["learned"]) for line in about["runs"]] == [("a", "settled")]
    found = records.read_record(tmp_path / "toy", made, "c1")
    assert found.claims[0].verdict == "reproduced" and found.claims[0].detectable > 0


def test_a_record_without_curves_counts_no_claim(run, tmp_path):
    made = publish(run, tmp_path / "toy")
    assert read_claims(tmp_path / "toy/claims.csv")[0].verdict == "reproduced"
    make_old(tmp_path / "toy")
    found = records.read_record(tmp_path / "toy", made, "c1")
    assert found.stale[0].startswith("made before hashes")
    claim = found.claims[0]
    assert claim.verdict == "undecided" and claim.effect > 0 and math.isnan(claim.p)
    assert claim.learned == "not known whether its networks have learned" and claim.learned in claim.note
    rows = found.tables[0].frame.set_index("method")["learned"]
    assert set(rows["a"]) == {"not known", ""}  # the metric that was measured, and the one that was not
    assert set(rows["low"]) == {""}
    assert found.tables[0].spread.ratio > 0


def test_a_record_without_curves_still_counts_parameters(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "code_hash", lambda slug, more: "k1")
    out = tmp_path / "results"
    made = paper(check="params[a] < params[b]")
    metrics = frame({"a": [[5.0]], "b": [[7.0]]}, metric="params")
    write_metrics(metrics, out / "metrics.csv")
    write_table(build_table(made, "table1", metrics), made, out / "tables/table1.csv")
    write_claims(evaluate_claims(made, metrics), out / "claims.csv")
    publish((made, out, [train_json(out)]), tmp_path / "toy")
    make_old(tmp_path / "toy")
    assert records.read_record(tmp_path / "toy", made, "c1").claims[0].verdict == "reproduced"


@pytest.mark.parametrize("slug", sorted(p.name for p in (ROOT / "resources/bench").iterdir()))
def test_records_of_the_repository_can_be_read(slug):
    reported = load_reported(ROOT / f"resources/papers/{slug}.yaml")
    found = records.read_record(ROOT / f"resources/bench/{slug}", reported, "")
    assert found.claims and found.tables
    for claim in found.claims:
        if claim.learned == UNKNOWN:
            assert claim.verdict in ("undecided", "not tested"), claim


def test_a_record_grows_stale(run, tmp_path, monkeypatch):
    made = publish(run, tmp_path / "toy")
    path = tmp_path / "toy/record.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(sealed({**content, "dirty": False})))
    assert records.read_record(tmp_path / "toy", made, "c1").stale == ()
    assert "configuration" in records.read_record(tmp_path / "toy", made, "c2").stale[0]
    path.write_text(json.dumps(sealed({**content, "dirty": True})))
    assert "uncommitted" in records.read_record(tmp_path / "toy", made, "c1").stale[0]
    monkeypatch.setattr(records, "code_hash", lambda slug, more: "k2")
    assert "code" in records.read_record(tmp_path / "toy", made, "c1").stale[0]


def rewritten(name, old, new):
    def change(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def without(key):
    def change(folder):
        content = json.loads((folder / "record.json").read_text())
        del content[key]
        (folder / "record.json").write_text(json.dumps(content))

    return change


def cut(folder):
    file = folder / "tables/table1.csv"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-2]))


EDITS = {
    "a verdict": (rewritten("claims.csv", "reproduced", "not reproduced"), "claims.csv was edited"),
    "a value": (rewritten("tables/table1.csv", "0.85", "0.99"), "tables/table1.csv was edited"),
    "a table cut": (cut, "tables/table1.csv was edited"),
    "a table gone": (lambda f: (f / "tables/table1.csv").unlink(), "tables/table1.csv is missing"),
    "a status": (rewritten("tables/table1.json", '"status"', '"state"'), "tables/table1.json was edited"),
    "a table binary": (lambda f: (f / "tables/table1.csv").write_bytes(bytes(range(256))), "was edited"),
    "the machine": (rewritten("record.json", '"paper": "toy"', '"paper": "boy"'), "record.json was edited"),
    "a hash": (lambda f: rewritten("record.json", hash_of(f), "0" * 12)(f), "record.json was edited"),
    "its seal": (without("seal"), "record.json has lost its seal"),
    "its hashes": (without("files"), "record.json was edited"),
}


def hash_of(folder):
    return json.loads((folder / "record.json").read_text())["files"]["claims.csv"]


@pytest.mark.parametrize("case", EDITS)
def test_an_edited_record_counts_for_nothing_and_says_so(case, run, tmp_path):
    made = publish(run, tmp_path / "toy")
    assert records.read_record(tmp_path / "toy", made, "c1").claims[0].verdict == "reproduced"
    change, words = EDITS[case]
    change(tmp_path / "toy")
    found = records.read_record(tmp_path / "toy", made, "c1")
    assert [claim.verdict for claim in found.claims] == ["not tested"] and found.tables == []
    build_record_page(made, found, tmp_path / "page.html", tmp_path / "index.html")
    text = (tmp_path / "page.html").read_text()
    assert "counts for nothing" in text and words in text
    build_overview([OverviewItem(made, record=found)], "", tmp_path / "index.html")
    assert words in (tmp_path / "index.html").read_text()
    said(lambda: recorded_setup(tmp_path / "toy"), words, "publish again")


BROKEN = {
    "missing": (Path.unlink, "no such file"),
    "null": (lambda file: file.write_text("null"), "holds null instead of keys"),
    "text": (lambda file: file.write_text("hello"), "not valid JSON"),
    "without seeds": (lambda file: file.write_text('{"paper": "toy"}'), "lacks scale"),
    "a folder": (lambda file: (file.unlink(), file.mkdir()), "Is a directory"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_record_that_cannot_be_read_is_one_line(case, run, tmp_path):
    made = publish(run, tmp_path / "toy")
    change, words = BROKEN[case]
    change(tmp_path / "toy/record.json")
    said(lambda: records.read_record(tmp_path / "toy", made, "c1"), "record.json", words, "again")


@pytest.mark.parametrize("lost", [slice(None), slice(0, -2)], ids=["whole", "rows"])
def test_a_record_of_before_hashes_says_what_it_lacks(lost, run, tmp_path):
    made = publish(run, tmp_path / "toy")
    make_old(tmp_path / "toy")
    file = tmp_path / "toy/tables/table1.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.unlink() if lost == slice(None) else file.write_text("".join(lines[:3]))
    stale = records.read_record(tmp_path / "toy", made, "c1").stale
    wanted = "it has no table1" if lost == slice(None) else "table1 lacks 4 of the reported values"
    assert wanted in stale


@pytest.mark.parametrize("verdict", ["not reproduced", "undecided", "not tested"])
def test_pages_show_the_record_and_why_a_claim_fails(run, tmp_path, verdict):
    made, out, reports = run
    publish(run, tmp_path / "toy")
    found = records.read_record(tmp_path / "toy", made, "another")
    failed = found.claims[0].id
    found.claims[0] = dataclasses.replace(found.claims[0], verdict=verdict)
    inputs = PageInputs(
        reported=made,
        scale="demo",
        summary="",
        claims=out / "claims.csv",
        tables=[out / "tables/table1.csv"],
        runs=reports,
        record=found,
        findings={failed: "Too **little** data."},
    )
    build_page(inputs, out / "index.html")
    text = (out / "index.html").read_text()
    assert 'id="bench"' in text and "stale: the configuration has changed since" in text
    assert "Too <strong>little</strong> data." in text and "config/small.yaml" in text
    items = [OverviewItem(made, out / "index.html", out / "claims.csv", [out / "tables/table1.csv"], found)]
    build_overview(items, "demo", tmp_path / "results/bench/index.html")
    assert "Bench record" in (tmp_path / "results/bench/index.html").read_text()


def test_a_run_without_a_tested_claim_is_no_record(run, tmp_path):
    made, out, _ = run
    write_claims(evaluate_claims(made, frame({"low": [[0.1] * 6]})), out / "claims.csv")
    with pytest.raises(InputError, match="no claim was tested"):
        publish(run, tmp_path / "toy")
    assert not (tmp_path / "toy").exists()


def test_the_code_hash_follows_imports(tmp_path, monkeypatch):
    package = tmp_path / "pack"
    for name, text in {
        "papers/one/train.py": "from pack import trunk\n",
        "papers/one/figures.py": "x = 1\n",
        "papers/two/train.py": "x = 1\n",
        "trunk.py": "def f():\n    import pack.deep as d\n",
        "deep.py": "x = 1\n",
        "other.py": "x = 1\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sources, "PACKAGE", package)

    def hash_after(name):
        (package / name).write_text("x = 2\n")
        sources.imports.cache_clear()
        sources.statements.cache_clear()
        return sources.code_hash("one")

    before = sources.code_hash("one")
    assert hash_after("other.py") == before
    assert hash_after("papers/two/train.py") == before
    assert hash_after("papers/one/figures.py") == before
    (package / "deep.py").write_text('"""Says."""\n\n# why\nx = 1\n')
    sources.statements.cache_clear()
    assert sources.code_hash("one") == before
    assert hash_after("deep.py") != before
    assert sources.code_hash("one", ["other.py"]) != sources.code_hash("one")
