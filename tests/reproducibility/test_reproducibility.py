"""The comparison of two runs and with a record; a whole check of the first paper at a tiny size."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import write_json
from mlmi2023.core.tidy import write_metrics
from mlmi2023.reporting.claims.results import evaluate_claims, write_claims
from mlmi2023.reporting.tables.build import build_table, write_table
from mlmi2023.reproducibility.against_record import Tolerance, compare_with_record
from mlmi2023.reproducibility.compare import compare_runs
from mlmi2023.training.loop.weights import save_weights
from reporting_data import frame, paper

ROOT = Path(__file__).parents[2]
SECONDS = {"id": "seconds", "name": "Time", "better": "lower", "unit": "s"}
TOY = paper(metrics=[*({"id": m.id, "name": m.name, "better": m.better, "unit": m.unit, "exact": m.exact}
                       for m in paper().metrics.values()), SECONDS])  # fmt: skip
DICE = {"a": [0.86, 0.84, 0.85, 0.88], "b": [0.80, 0.79, 0.81, 0.80], "low": [0.1] * 4, "high": [1.0] * 4}


def results(place, values=DICE, seconds=1.0, seed=0):
    """Write the results of a run of the toy paper and return the folder."""
    folder = place / "toy"
    timed = frame({"a": [seconds] * 4}, metric="seconds")
    metrics = pd.concat([frame(values), timed], ignore_index=True)
    write_metrics(metrics, folder / "metrics.csv")
    write_table(build_table(TOY, "table1", metrics), TOY, folder / "tables/table1.csv")
    write_claims(evaluate_claims(TOY, metrics, {}), folder / "claims.csv")
    torch.manual_seed(seed)
    save_weights(torch.nn.Linear(3, 2), folder / "models/d1/a/seed-0_fold-0/main/weights.safetensors")
    write_json(place / "cohorts/c/packed/cohort.json", {"content_hash": "abc"})
    return place


def by_file(verdicts):
    return {verdict.file.rsplit("/", 1)[-1]: verdict.difference for verdict in verdicts}


def test_two_equal_runs_agree_whatever_the_clock_says(tmp_path):
    verdicts = compare_runs(results(tmp_path / "1"), results(tmp_path / "2", seconds=7.0), TOY)
    assert {v.file for v in verdicts} >= {"toy/metrics.csv", "toy/tables/table1.csv", "toy/claims.csv"}
    assert all(v.same for v in verdicts), [str(v) for v in verdicts]
    assert len(verdicts) == 5


def test_other_weights_are_found_and_measured(tmp_path):
    said = by_file(compare_runs(results(tmp_path / "1"), results(tmp_path / "2", seed=1), TOY))
    assert said.pop("weights.safetensors").startswith("bias: up to")
    assert not any(said.values())


def test_the_last_digit_of_one_value_is_found(tmp_path):
    other = {**DICE, "a": [0.86, 0.84, 0.85, 0.8800001]}
    said = by_file(compare_runs(results(tmp_path / "1"), results(tmp_path / "2", other), TOY))
    assert "0.8800001" in said["metrics.csv"] and said["table1.csv"]
    assert not said["weights.safetensors"]


def test_a_file_that_one_run_lacks_is_named(tmp_path):
    first, second = results(tmp_path / "1"), results(tmp_path / "2")
    (second / "toy/claims.csv").unlink()
    assert by_file(compare_runs(first, second, TOY))["claims.csv"] == "missing in the second run"


def test_a_record_is_met_within_the_tolerance_and_not_beyond(tmp_path):
    record = results(tmp_path / "record") / "toy"
    write_json(record / "record.json", {"scale": "bench", "seeds": [0]})
    near = {**DICE, "a": [v * 1.015 for v in DICE["a"]]}
    far = {**DICE, "a": [v * 1.03 for v in DICE["a"]]}

    def verdicts(values, **tolerance):
        run = results(tmp_path / f"run{len(list(tmp_path.iterdir()))}", values, seconds=9.0) / "toy"
        return by_file(compare_with_record(run, record, TOY, Tolerance(**tolerance)))

    assert verdicts(near) == {"table1.csv": "", "claims.csv": ""}
    assert verdicts(far)["table1.csv"].startswith("a dice: 0.883225, the record has 0.8575")
    assert verdicts(near, relative=0.01)["table1.csv"]
    swapped = {**DICE, "a": DICE["b"], "b": DICE["a"]}
    assert "the record has reproduced" in verdicts(swapped, relative=0.2)["claims.csv"]


def test_the_spread_between_seeds_widens_the_tolerance():
    assert Tolerance().allows(1.1, 1.0, 0.06) and not Tolerance().allows(1.1, 1.0, 0.04)
    assert not Tolerance().allows(float("nan"), 1.0, 0.1), "a value that is gone is a difference"


def test_a_folder_without_a_record_is_named(tmp_path):
    with pytest.raises(InputError, match=r"record\.json is missing"):
        compare_with_record(results(tmp_path / "1") / "toy", tmp_path, TOY, Tolerance())


@pytest.mark.slow
def test_the_first_paper_comes_out_twice(tmp_path):
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    configs = [str(ROOT / f"tests/support/{name}.yaml") for name in ("tiny", "reproduce")]
    command = [str(Path(sys.executable).with_name("snakemake")), "check_reproducible", "--cores", "2"]
    run = subprocess.run(
        [*command, "--config", "scale=demo", "--configfile", *configs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    report = tmp_path / "results/demo/reproduce/verdicts.txt"
    logs = "".join(p.read_text()[-2000:] for p in tmp_path.glob("results/demo/reproduce/*/snakemake.log"))
    assert run.returncode == 0, run.stderr[-1500:] + (report.read_text() if report.exists() else logs)
    said = report.read_text()
    assert "DIFFERS" not in said and said.count("weights.safetensors") == 2
    assert "tables/table1_ixi.csv" in said and "claims.csv" in said
