"""The whole chain on a few images: tables, figures, claims; controls bracket methods; the paper's scale."""

import csv

import numpy as np
import pytest

from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.unoranic.names import SEEN, UNSEEN
from tiny_run import ROOT, checkout, snakemake


def values(tiny_run, **wanted):
    rows = [row for row in tiny_run.rows("unoranic") if all(row[k] == v for k, v in wanted.items())]
    return np.array([float(row["value"]) for row in rows])


def test_tables_figures_and_page_are_made(tiny_run):
    folder = tiny_run.paper("unoranic")
    tables = {file.stem for file in (folder / "tables").glob("*.csv")}
    wanted = {f"table{k}_{dataset}" for k in (1, 2, 3, 4) for dataset in ("blood", "pneumonia")}
    assert tables >= {*wanted, "table_revision", "table_robustness"}
    figures = {file.stem for file in (folder / "figures").glob("fig*.png")}
    assert figures == {"fig3", "fig4", "fig5", "fig_corruptions", "fig_learning"}
    assert "ResNet-18" in tiny_run.page("unoranic")
    with open(folder / "claims.csv", newline="") as stream:
        found = [row["id"] for row in csv.DictReader(stream)]
    assert {f"c{k}" for k in range(1, 8)} <= set(found)


def test_floor_and_ceiling_bracket(tiny_run):
    for dataset in ("blood", "pneumonia"):
        for metric, low in (("auc", 0.5), ("det_auc", 0.5)):
            top, bottom = (
                values(tiny_run, dataset=dataset, method=m, metric=metric) for m in ("truth", "guess")
            )
            assert top.mean() == 1 and bottom.mean() == low
    assert values(tiny_run, dataset="blood", method="truth", metric="n_train") == [32]
    assert (
        len(values(tiny_run, dataset="pneumonia", method="unoranic", metric="robust_auc", setting="noise"))
        == 10
    )


def test_revision_is_held_against_the_same_corrupted_images(tiny_run):
    rows = [
        row for row in tiny_run.rows("unoranic") if row["metric"] == "revised" and row["dataset"] == "blood"
    ]
    settings = {m: {r["setting"] for r in rows if r["method"] == m} for m in ("unoranic", "input")}
    assert settings["unoranic"] == {"none", "all", "strong", *SEEN}
    assert settings["input"] == settings["unoranic"] - {"none"}


def test_the_paper_s_scale_has_the_printed_and_released_settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"papers": ["unoranic"], "scale": "paper"})
    settings = Settings(config, ROOT)
    images = {"blood": 11959, "breast": 546, "derma": 7007, "pneumonia": 4708, "retina": 1080}
    for dataset, count in images.items():
        for method in ("unoranic", "ae", "ae_512", "dae", "unoranic_release"):
            train = settings.schedule("unoranic", dataset, method, "represent")
            assert (train["batch"], train["optimiser"], train["betas"]) == (64, "adam", [0.95, 0.999])
            assert train["cycle"] == {"rates": [0.0001, 0.01], "half": 5}
            assert train["epoch_steps"] == -(-count // 64) and train["steps"] == 1000 * train["epoch_steps"]
            probe = settings.schedule("unoranic", dataset, method, "main")
            assert probe["steps"] == 250 * train["epoch_steps"] and probe["monitor"] == "val_auc"
            assert probe["cycle"] == train["cycle"] and train["monitor"] == ""
        whole = settings.schedule("unoranic", dataset, "resnet18", "main")
        assert whole["epoch_steps"] == -(-count // 128) and whole["steps"] == 100 * whole["epoch_steps"]
        assert whole.get("cycle") is None and (whole["decay"], whole["learning_rate"]) == ("step", 0.001)
    own = settings.method("unoranic", "blood", "unoranic")
    assert own["net"] == {"width": 32, "kernels": [4, 4, 5, 5], "slope": 0.01, "sampling_slope": 0.01}
    assert (own["variants"], own["reconstruction"], own["consistency"]) == (3, 1.0, 1.0)
    assert settings.method("unoranic", "blood", "unoranic_release")["net"]["sampling_slope"] == 1.0
    corrupt = settings.dataset("unoranic", "derma")["task"]["corrupt"]
    assert corrupt["kinds"] == list(SEEN) and (corrupt["chance"], corrupt["one"]) == (0.25, 0.5)
    assert not set(corrupt["kinds"]) & set(UNSEEN)


@pytest.mark.parametrize("dataset", ["blood", "breast", "derma", "pneumonia", "retina"])
def test_table_1_is_what_the_layout_says(dataset):
    layout = read_yaml(ROOT / "resources/datasets/medmnist.yaml")["variants"][dataset]
    (row,) = next(
        t
        for t in read_yaml(ROOT / "resources/papers/unoranic.yaml")["tables"]
        if t["id"] == f"table1_{dataset}"
    )["rows"]
    assert len(layout["read"]["classes"]) == row["values"]["classes"]
    counts = " / ".join(str(row["values"][f"n_{split}"]) for split in ("train", "val", "test"))
    assert counts in layout["about"]


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "unoranic", "--config", "scale=paper", "papers=[unoranic]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "medmnist" in (run.stdout + run.stderr).lower()
    (place / "data/medmnist").mkdir(parents=True)
    for name in ("blood", "breast", "derma", "pneumonia", "retina"):
        (place / f"data/medmnist/{name}mnist.npz").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    # two stages of three seeds
    assert run.stdout.count("train unoranic on breast") == 6
