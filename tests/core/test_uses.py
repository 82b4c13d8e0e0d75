"""Methods that take what others have left: config, seeds, and a whole paper without the workflow engine."""

import argparse
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mlmi2023.__main__ import run
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from pecon_data import NET, SCAN, packed_cohort

ROOT = Path(__file__).parents[2]


def settings(scale="bench", **methods):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": scale, "papers": ["pecon"]})
    return Settings(merge(config, {"overrides": {"pecon": {"methods": methods}}}), ROOT)


def test_a_method_runs_with_every_seed_if_what_it_uses_does():
    made = settings()
    assert made.seeds("pecon", "radfusion", "penet") == [0, 1, 2]
    assert made.seeds("pecon", "radfusion", "elasticnet") == [0]
    assert made.seeds("pecon", "radfusion", "radfusion") == [0, 1, 2], "untrained, but it uses penet"
    assert made.seeds("pecon", "radfusion", "pecon_ct") == [0, 1, 2]
    assert made.uses("pecon", "radfusion", "radfusion") == ["penet", "elasticnet"]


def test_unknown_and_circular_uses_are_refused():
    with pytest.raises(InputError, match=r"radfusion\.uses: unknown method 'pennet'; did you mean 'penet'"):
        settings(radfusion={"uses": ["pennet"]}).paper("pecon")
    with pytest.raises(InputError, match="break the circle"):
        settings(penet={"uses": ["radfusion"]}).paper("pecon")


def test_the_paper_scale_has_the_printed_settings():
    made = settings("paper")
    pretrain = made.schedule("pecon", "radfusion", "pecon", "pretrain")
    finetune = made.schedule("pecon", "radfusion", "pecon", "finetune")
    assert pretrain["learning_rate"] == 0.1 and pretrain["batch"] == 128
    assert pretrain["steps"] / pretrain["epoch_steps"] == 100
    assert finetune["rates"] == {"ct": 0.01, "ehr": 0.1}
    assert finetune["decay_epochs"] == {"ct": 20, "ehr": 10}
    assert finetune["steps"] / finetune["epoch_steps"] == 25
    options = made.method("pecon", "radfusion", "pecon")
    assert options["pretraining"] == {
        "loss": "supervised_contrastive",
        "temperature": 0.8,
        "reduction": "mean",
    }
    assert options["branches"]["ct_hidden"] == [512, 256] and options["branches"]["ehr_hidden"] == [128]
    scan = made.paper("pecon")["datasets"]["radfusion"]["task"]["scan"]
    assert scan["slices"] == 24 and scan["crop"] == 192 and scan["jitter"] == 8 and scan["rotation"] == 15


def test_the_whole_paper_runs_without_the_workflow_engine(tmp_path):
    brief = {"pretrain": {"steps": 2, "epoch_steps": 1}, "finetune": {"steps": 2, "epoch_steps": 1}}
    names = ("pecon", "pecon_in_in", "pecon_in_out", "pecon_out_in", "convirt", "barlow", "release")
    methods = {name: {"stages": brief, "branches": {"ct_hidden": [8], "embedding": 8}} for name in names}
    short = {"steps": 2, "epoch_steps": 1, "batch": 4}
    methods["penet"] = {"net": {**NET, "drop_path": 0.0}, "train": short}
    task = {"scan": SCAN, "selection": {"c": 1.0}}
    own = {"overrides": {"pecon": {"methods": methods, "datasets": {"radfusion": {"task": task}}}}}
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(own))
    asked = argparse.Namespace(
        paper="pecon", data=packed_cohort(), out=tmp_path / "out", scale="demo", configfile=[file],
        datasets=None, methods=None, seeds=None, threads=1, device="cpu",
    )  # fmt: skip
    run(asked)
    tables = {f.parent.name: pd.read_csv(f) for f in (tmp_path / "out/scores").rglob("*.csv")}
    wanted = settings("demo").paper("pecon")["datasets"]["radfusion"]["methods"]
    assert set(tables) == set(wanted)
    assert tables["truth"].query("metric == 'f1'")["value"].mean() == 1
    # same exams in every table, and variants that differ in their losses differ in their answers
    cases = {m: set(t.query("metric == 'acc'")["case"]) for m, t in tables.items()}
    assert all(own == cases["truth"] for own in cases.values())
    folder = tmp_path / "out/predictions/radfusion"
    answers = {
        m: tuple(pd.read_csv(folder / m / "seed-0_fold-0/probabilities.csv")["ehr"].round(7)) for m in names
    }
    assert len(set(answers.values())) == len(names)
