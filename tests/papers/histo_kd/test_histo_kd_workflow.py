"""The whole chain on a few patches: tables, figures, claims; controls bracket methods; the paper's scale."""

import csv

import numpy as np

from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT


def values(tiny_run, **wanted):
    rows = [row for row in tiny_run.rows("histo_kd") if all(row[k] == v for k, v in wanted.items())]
    return np.array([float(row["value"]) for row in rows])


def test_tables_figures_and_page_are_made(tiny_run):
    folder = tiny_run.paper("histo_kd")
    tables = {file.stem for file in (folder / "tables").glob("*.csv")}
    assert tables == {"table1", "table2_down", "table2_mask", "table2_he", "table_pairs", "table_cka"}
    figures = {file.stem for file in (folder / "figures").glob("*.png")}
    assert figures >= {
        "fig2",
        "fig2_masks",
        "fig_views_pairs",
        "fig_views_down",
        "fig_views_mask",
        "fig_learning",
    }
    assert "VICReg, asymmetric" in tiny_run.page("histo_kd")
    with open(folder / "claims.csv", newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == [f"c{k}" for k in range(1, 11)]


def test_floor_and_ceiling_bracket(tiny_run):
    for dataset in ("he_if", "down", "mask", "he"):
        top, bottom = (
            values(tiny_run, dataset=dataset, method=m, metric="acc") for m in ("truth", "majority")
        )
        assert (top == 1).all() and 0 < bottom.mean() < 0.7
    guessed = values(tiny_run, dataset="shift", method="majority", metric="match")
    assert np.allclose(guessed, 1 / len(guessed)) and len(guessed) == 18


def test_embeddings_are_trained_once_and_shared(tiny_run):
    models = tiny_run.paper("histo_kd") / "models"
    trained = {f.relative_to(models).parts[:2] for f in models.rglob("ssl/weights.safetensors")}
    assert trained == {
        ("shift", "vicreg_asym"), ("shift", "vicreg_sym_shared"), ("shift", "simclr_sym_shared"),
        ("shift", "vicreg_asym_again"), ("shift", "vicreg_sym_shared_again"),
        ("down", "simclr_asym"), ("mask", "vicreg_asym"), ("mask", "vicreg_asym_shared"),
    }  # fmt: skip


def test_layers_are_compared_within_and_between_groups(tiny_run):
    rows = [row for row in tiny_run.rows("histo_kd") if row["metric"] == "cka"]
    assert {row["setting"] for row in rows} == {
        "asymmetric-asymmetric",
        "symmetric-symmetric",
        "asymmetric-symmetric",
    }
    assert len(rows) == 3 * 5 and all(np.isfinite(float(row["value"])) for row in rows)


def test_the_paper_s_scale_has_the_printed_settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"papers": ["histo_kd"], "scale": "paper"})
    settings = Settings(config, ROOT)
    train = settings.schedule("histo_kd", "mask", "vicreg_asym", "ssl")
    assert (train["batch"], train["learning_rate"], train["optimiser"], train["decay"]) == (
        128,
        1e-4,
        "adam",
        "cosine",
    )
    # 100 epochs, a tenth of an epoch to warm up
    assert train["steps"] == 100 * train["epoch_steps"] and train["warmup"] == round(
        train["epoch_steps"] / 10
    )
    probe = settings.schedule("histo_kd", "mask", "vicreg_asym", "main")
    assert (probe["learning_rate"], probe["decay"], probe["steps"]) == (1e-3, "constant", train["steps"])
    own = settings.method("histo_kd", "mask", "vicreg_asym")
    assert own["net"] == {"depths": [3, 4, 6, 3], "width": 64, "expander": 8192}
    assert [own["loss"][key] for key in ("invariance", "variance", "covariance")] == [25, 25, 1]
    assert settings.method("histo_kd", "mask", "simclr_asym")["loss"]["temperature"] == 0.5
    assert settings.dataset("histo_kd", "down")["task"]["down"] == 7
    # the probes of Table 1 ask nothing of a cohort that NCT does not have
    assert settings.dataset("histo_kd", "he_if")["task"]["pair"] == ["image", "image"]
    # the H&E branch of asymmetric methods is that of the masks' pairs, symmetric ones see H&E twice
    assert settings.trained_as("histo_kd", "he", "vicreg_asym", "ssl").dataset == "mask"
    assert settings.trained_as("histo_kd", "he", "vicreg_sym", "ssl").dataset == "he"
    assert settings.trained_as("histo_kd", "he_if", "simclr_sym", "ssl").dataset == "shift"
