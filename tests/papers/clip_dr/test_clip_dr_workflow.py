"""The whole chain on a few eyes: tables, figures, claims; controls bracket the methods; the paper's scale."""

import csv

import numpy as np

from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT


def values(tiny_run, **wanted):
    rows = [
        row for row in tiny_run.rows("clip_dr") if all(row[key] == value for key, value in wanted.items())
    ]
    return np.array([float(row["value"]) for row in rows])


def test_tables_figures_and_page_are_made(tiny_run):
    folder = tiny_run.paper("clip_dr")
    tables = {file.stem for file in (folder / "tables").glob("*.csv")}
    assert {"table1_aptos", "table2_eyepacs", "table3_aptos", "table_texts_aptos"} <= tables
    figures = {file.stem for file in (folder / "figures").glob("*.png")}
    assert figures >= {"fig_domains", "fig_confusion", "fig_texts", "fig_learning"}
    assert "CoOpLVT" in tiny_run.page("clip_dr")


def test_floor_and_ceiling_bracket(tiny_run):
    top, bottom = (
        values(tiny_run, dataset="aptos", method=m, metric="f1").mean() for m in ("truth", "majority")
    )
    there = {row["case"] for row in tiny_run.rows("clip_dr") if row["dataset"] == "aptos"}
    assert len(there) > 5 and top > 55 and bottom < 25


def test_released_texts_stand_still(tiny_run):
    assert not values(tiny_run, dataset="aptos", method="cooplvt_released", metric="moved").any()
    assert values(tiny_run, dataset="aptos", method="cooplvt", metric="moved").any()


def test_one_source_is_tested_on_each_other_domain(tiny_run):
    rows = [row for row in tiny_run.rows("clip_dr") if row["dataset"] == "only_eyepacs"]
    assert {row["setting"] for row in rows} == {"on-aptos", "on-messidor", "on-messidor2"}
    with open(tiny_run.paper("clip_dr") / "claims.csv", newline="") as stream:
        assert [row["id"] for row in csv.DictReader(stream)] == ["c1", "c2", "c3", "c4", "c5"]


def test_pretraining_is_shared_by_all_data_sets(tiny_run):
    models = tiny_run.paper("clip_dr") / "models"
    clips = [f.relative_to(models).parts for f in models.rglob("clip/weights.safetensors")]
    assert len(clips) == 1 and {"aptos", "zs_clip"} <= set(clips[0])


def test_the_paper_s_scale_has_the_printed_settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"papers": ["clip_dr"], "scale": "paper"})
    settings = Settings(config, ROOT)
    for method, rate in (("erm_vit", 5e-5), ("erm_resnet50", 5e-5), ("naive_clip", 5e-6), ("cooplvt", 5e-6)):
        train = settings.schedule("clip_dr", "aptos", method, "main")
        assert (train["batch"], train["learning_rate"], train["optimiser"]) == (32, rate, "adamw")
        assert not train["weight_decay"] and settings.stages("clip_dr", "aptos", method) == ["main"]
    own = settings.method("clip_dr", "aptos", "cooplvt")
    assert (own["tokens"], own["hidden"], own["net"]["vision"]["patch"]) == (4, [768, 1024], 16)
    assert settings.stages("clip_dr", "aptos", "zs_vbp") == [] and own["pretrained"]["path"]
