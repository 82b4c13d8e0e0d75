"""The tiny run's results, and the paper scale planned from empty files."""

import numpy as np

from tiny_run import checkout, snakemake


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_ins_go_to_the_page(tiny_run):
    rows = tiny_run.rows("radiology_llm")
    for dataset in ("mimic_cxr", "openi"):
        assert mean(rows, method="truth", dataset=dataset, metric="fact_f1", setting="") == 100
        assert mean(rows, method="silent", dataset=dataset, metric="fact_f1", setting="") == 0
        assert mean(rows, method="silent", dataset=dataset, metric="relevance", setting="") < 1.5
    trained = [path.parts[-5:-1] for path in tiny_run.paper("radiology_llm").rglob("train.json")]
    assert len(trained) == 3 and {place[0] for place in trained} == {"mimic_cxr"}, trained
    page = tiny_run.page("radiology_llm")
    named = ("fig1", "fig2_openi", "fig3", "fig4", "table_fig2_mimic_cxr", "table_facts_openi", "simulated")
    assert all(name in page for name in named)


def test_no_report_is_in_a_log(tiny_run):
    texts = (tiny_run.place / "results/demo/cohorts").rglob("reports.json")
    sentences = {s for file in texts for s in file.read_text().split(".") if len(s.split()) > 5}
    logs = "".join(path.read_text() for path in tiny_run.place.rglob("*.log"))
    assert sentences and not any(sentence.strip() in logs for sentence in sentences)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [radiology_llm]\n")
    keys = ["-n", "radiology_llm", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "MIMIC-CXR" in run.stdout + run.stderr
    reports = place / "data/mimic_cxr/files/p10/p10000032"
    reports.mkdir(parents=True)
    (reports / "s50414267.txt").touch()
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "mimic-cxr-2.0.0-split.csv.gz" in run.stdout + run.stderr
    (place / "data/mimic_cxr/mimic-cxr-2.0.0-split.csv.gz").touch()
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "Open-I" in run.stdout + run.stderr
    (place / "data/openi").mkdir()
    (place / "data/openi/indiana_reports.csv").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train ours on mimic_cxr" in run.stdout and "train ours on openi" not in run.stdout
