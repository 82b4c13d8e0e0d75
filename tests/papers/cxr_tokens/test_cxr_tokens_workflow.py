"""The tiny run's results; the paper scale without data and from files that are empty."""

import numpy as np

from tiny_run import checkout, snakemake


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("cxr_tokens")
    # none of the few training reports needs to be a normal one
    assert mean(rows, method="truth", metric="ce_f1") == 1 > mean(rows, method="normal", metric="ce_f1")
    assert mean(rows, method="truth", metric="bl4") == 1
    page = tiny_run.page("cxr_tokens")
    names = ("fig2", "fig3", "fig_boxes", "fig_findings", "fig_learning", "table1", "table2", "table_mfd",
             "table_clinical", "table_triples", "table_regions")  # fmt: skip
    assert all(name in page for name in names)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "cxr_tokens", "--config", "scale=paper", "papers=[cxr_tokens]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "no such file" in run.stdout + run.stderr
    root = place / "data/mimic_cxr"
    names = [f"chest-imagenome/silver_dataset/splits/{part}.csv" for part in ("train", "valid", "test")]
    below = "p10/p10000032/s50414267"
    names += [
        "chest-imagenome/silver_dataset/scene_graph/d_SceneGraph.json",
        f"mimic-cxr-jpg/files/{below}/d.jpg",
    ]
    for name in [*names, f"mimic-cxr/files/{below}.txt", "radgraph/MIMIC-CXR_graphs.json"]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train atok_te_rg on mimic_cxr" in run.stdout and "train rgrg on mimic_cxr" in run.stdout
