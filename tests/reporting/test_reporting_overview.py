"""All papers at a glance, and the pages of bench records."""

import dataclasses
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.reporting.bench_record import Record
from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
from mlmi2023.reporting.claims.verdicts import NOT_JUDGED, UNDECIDED
from mlmi2023.reporting.pages.overview import OverviewItem, build_overview
from mlmi2023.reporting.pages.paper import PageInputs, build_page
from mlmi2023.reporting.pages.record import build_record_page
from mlmi2023.reporting.pages.render import machines
from mlmi2023.reporting.read_reported import load_reported, parse_reported
from mlmi2023.reporting.tables.build import build_table, write_table
from preflight_root import ROOT
from reporting_data import PAPER, VALUES, Links, frame, paper

ABOUT = {
    "published": "2026-01-02T03:04:05+00:00",
    "machine": "accelerator: H<100>, cores: 16, cpu: Some; cpu: Some, cores: 16, accelerator: none",
    "seeds": [0, 1, 2],
    "seconds": 90.0,
    "code_version": "abc123",
    "dirty": False,
    "configfiles": ["config/x.yaml"],
    "config_hash": "c0ffee",
    "data_hashes": ["da7a"],
    "packages": {"spam": "2.13.0"},
    "runs": [],
}


def record(made, stale=(), verdict=None):
    metrics = frame(VALUES)
    claims = evaluate_claims(made, metrics)
    if verdict:
        claims = [dataclasses.replace(claim, verdict=verdict) for claim in claims]
    return Record(ABOUT, claims, [build_table(made, "table1", metrics)], tuple(stale))


def entries(path):
    """The attributes of each paper's line, in their order."""
    lines = re.findall(r'<li class="paper[^>]*>', path.read_text())
    return [dict(re.findall(r'data-(\w+)="([^"]*)"', line)) for line in lines]


def test_papers_carry_what_they_are_sorted_and_filtered_by(tmp_path):
    second = paper(number=2, slug="second", family="registration")
    third = paper(number=3, slug="third", family="restoration")
    items = [
        OverviewItem(third, record=record(third, verdict=UNDECIDED)),
        OverviewItem(second),
        OverviewItem(paper(), record=record(paper())),
    ]
    build_overview(items, "bench", tmp_path / "index.html")
    found = entries(tmp_path / "index.html")
    assert [e["number"] for e in found] == ["1", "2", "3"]
    assert [e["family"] for e in found] == ["segmentation", "registration", "restoration"]
    assert [e["verdicts"].split() for e in found] == [["reproduced"], [], ["undecided"]]
    assert [float(e["share"]) for e in found] == [1.0, -1.0, 0.0]
    text = (tmp_path / "index.html").read_text()
    for key in ("number", "family", "share", "claims"):
        assert f'<button type="button" data-sort="{key}" aria-pressed=' in text
    for family in ("segmentation", "registration", "restoration"):
        assert f'data-filter="family" data-value="{family}"' in text
    for verdict in ("reproduced", "undecided"):
        assert f'data-filter="verdicts" data-value="{verdict}"' in text
    assert 'data-value="not-tested"' not in text  # no paper has such a claim
    assert '<div class="controls" hidden>' in text  # of no use without scripts, which show it
    assert "no record published" in text and "not run here" in text


def test_the_record_speaks_where_the_demo_judges_nothing(tmp_path):
    made, metrics = paper(), frame(VALUES)
    write_claims(evaluate_claims(made, metrics, judged=False), tmp_path / "claims.csv")
    (tmp_path / "page.html").write_text("")
    item = OverviewItem(made, tmp_path / "page.html", tmp_path / "claims.csv", record=record(made))
    build_overview([item], "demo", tmp_path / "index.html")
    text = (tmp_path / "index.html").read_text()
    (line,) = entries(tmp_path / "index.html")
    assert line["verdicts"].split() == ["reproduced"]
    assert "not judged at this scale" in text and "<b>1</b> reproduced" in text
    assert f"<b>1</b> {NOT_JUDGED}" not in text


def demo_page(tmp_path, **changes):
    made, metrics = paper(), frame(VALUES)
    write_table(build_table(made, "table1", metrics), made, tmp_path / "tables/table1.csv")
    write_claims(evaluate_claims(made, metrics, judged=False), tmp_path / "claims.csv")
    inputs = PageInputs(
        made, "demo", "x", tmp_path / "claims.csv", tables=[tmp_path / "tables/table1.csv"], **changes
    )
    build_page(inputs, tmp_path / "index.html")
    return (tmp_path / "index.html").read_text()


def test_a_demo_shows_effects_and_the_record_first(tmp_path):
    text = demo_page(tmp_path, record=record(paper()))
    head, body = text.split('<main class="wrap">')
    assert "The published bench record" in head and '<li class="reproduced"><b>1</b>' in head
    bench, own = body.index('id="bench"'), body.index('id="claims"')
    assert bench < own
    assert 'class="badge reproduced"' in body[bench:own]
    effects = body[own : body.index('id="tables"')]
    assert "judges nothing" in effects and 'class="badge not-judged"' in effects
    assert 'class="badge reproduced"' not in effects and "+0.2" in effects


def test_a_demo_without_a_record_says_so(tmp_path):
    text = demo_page(tmp_path)
    assert "No bench record of this paper has been published" in text and 'id="bench"' not in text
    assert '<ul class="tally">' not in text


@pytest.mark.parametrize(("detectable", "margin", "said"), [(0.2, 0.05, True), (0.02, 0.05, False)])
def test_a_claim_shows_what_could_have_been_seen(tmp_path, detectable, margin, said):
    made = paper()
    found = record(made, verdict=UNDECIDED)
    claim = dataclasses.replace(found.claims[0], detectable=detectable, margin=margin)
    build_record_page(
        made, dataclasses.replace(found, claims=[claim]), tmp_path / "toy.html", tmp_path / "index.html"
    )
    text = (tmp_path / "toy.html").read_text()
    shown = re.search(r"<dt>smallest visible effect</dt><dd>([^<]+)</dd>", text)[1]
    assert float(shown) == pytest.approx(detectable)
    assert ("smaller than what these cases and seeds can tell" in text) == said
    assert '<rect class="blind"' in text


def test_a_record_page_says_everything(tmp_path):
    made = paper()
    found = record(made, stale=["the code has changed since"], verdict="not reproduced")
    (tmp_path / "index.html").write_text("")
    (tmp_path / "fig1.png").write_bytes(b"")
    build_record_page(
        made,
        found,
        tmp_path / "toy/index.html",
        tmp_path / "index.html",
        "What it <does>.",
        [tmp_path / "fig1.png"],
        ["Fewer `steps` & so on."],
        {"c1": "Too **little** data."},
    )
    text = (tmp_path / "toy/index.html").read_text()
    for expected in [
        "A toy &lt;paper&gt;",
        "What it &lt;does&gt;.",
        "stale: the code has changed since",
        "Too <strong>little</strong> data.",
        "Fewer <code>steps</code> &amp; so on.",
        "H&lt;100&gt;, Some, 16 cores",
        "<dd>0, 1, 2</dd>",
        "abc123",
        "c0ffee",
        "da7a",
        "2026-01-02",
        "spam <b>2.13.0</b>",
        'href="../index.html"',
        'src="../fig1.png"',
        "Dice: methods differ",
    ]:
        assert expected in text, expected
    links = Links()
    links.feed(text)
    assert not links.open


def test_machines_in_short():
    line = "accelerator: cpu, cores: 2, cpu: Xeon; cpu: Xeon, cores: 2, accelerator: none"
    assert machines(line) == "Xeon, 2 cores"
    assert machines("accelerator: H100, cores: 8, cpu: Xeon") == "H100, Xeon, 8 cores"
    assert machines("some box") == "some box"


def test_a_paper_names_its_task_family():
    with pytest.raises(InputError, match="family: 'sorting' is not one of"):
        parse_reported({**PAPER, "family": "sorting"}, "toy.yaml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the repository's files in which only the record pages are asked for."""
    folder = tmp_path_factory.mktemp("records") / "checkout"
    folder.mkdir()
    for name in ("config", "resources", "workflow", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(folder / "resources/bench/dmdip")
    command = [sys.executable, "-m", "snakemake", "records", "--cores", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout + done.stderr


def test_records_need_no_run(checkout):
    folder, said = checkout
    assert "1 of 1 steps (100%) done" in said  # no cohort, no training
    out = folder / "results/records"
    papers = [load_reported(path) for path in (ROOT / "resources/papers").glob("*.yaml")]
    assert [e["number"] for e in entries(out / "index.html")] == [
        str(n) for n in sorted(p.number for p in papers)
    ]
    text = (out / "index.html").read_text()
    assert not (folder / "resources/bench/dmdip").exists()
    for made in papers:
        there = (folder / "resources/bench" / made.slug).exists()
        assert (out / made.slug / "index.html").exists() == there
        assert (f'href="{made.slug}/index.html"' in text) == there
    assert "no record published" in text


def test_record_pages_are_whole(checkout):
    for page in (checkout[0] / "results/records").glob("**/*.html"):
        links = Links()
        links.feed(page.read_text())
        assert not links.open, page
        for tag, link in links.found:
            assert link.startswith(("#", "https://")) or (page.parent / link).exists(), (page, tag, link)
    wide = (checkout[0] / "results/records/relational_unet/index.html").read_text()
    table = wide.split('id="table1"')[1].split("</table>")[0]
    assert table.count('<tr class="') == 10  # methods, not methods by organs
    record = pd.read_csv(ROOT / "resources/bench/relational_unet/tables/table1.csv")
    said = set(record["learned"].dropna()) if "learned" in record else {"not known"}
    assert "spl: spleen" in wide and said and all(status in table for status in said)
