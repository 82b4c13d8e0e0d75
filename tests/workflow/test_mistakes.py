"""A few of the mistakes that are checked at load, as a user meets them: the plan ends with one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from preflight_root import ROOT

SNAKEMAKE = Path(sys.executable).with_name("snakemake")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    place = tmp_path_factory.mktemp("checkout")
    for name in ("workflow", "config", "resources", "envs"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    return place


def plan(place, *args):
    run = subprocess.run([SNAKEMAKE, "-n", "--cores", "1", *args], cwd=place, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "config/papers/skin_transformer.yaml",
            "optimiser: adam",
            "optimizer: sgd",
            "config of paper 'skin_transformer': unknown key 'train.optimizer'; did you mean 'optimiser'?",
        ),
        (
            "config/papers/skin_transformer.yaml",
            "loss: {kind: cross_entropy}",
            "loss: {knd: dice}",
            "unknown key 'datasets.isic2017.task.loss.knd'; did you mean 'kind'?",
        ),
        (
            "resources/papers/skin_transformer.yaml",
            "  - id: table2",
            "  - id: second",
            "resources/papers/skin_transformer.yaml: tables: id 'second' must begin with 'table'",
        ),
    ],
)
def test_a_mistake_in_a_papers_files_ends_the_plan_with_one_line(checkout, file, old, new, said):
    text = (checkout / file).read_text()
    assert old in text
    (checkout / file).write_text(text.replace(old, new, 1))
    code, out = plan(checkout, "--config", "papers=[skin_transformer]")
    (checkout / file).write_text(text)
    assert code != 0 and said in out, out[-2000:]
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("papers: [ia_gcn]\npapers: [pecon]\n", "key 'papers' is there twice in the mapping from line 1"),
        ("results: mine.yaml\n", "key 'results' leads to "),
        (
            "papers: [skin_transformer]\noverrides: {skin_transformer: {train: {steps: -4}}}\n",
            "'train.steps' is -4",
        ),
    ],
)
def test_a_mistake_in_the_users_file_ends_the_plan_with_one_line(checkout, content, said):
    (checkout / "mine.yaml").write_text(content)
    code, out = plan(checkout, "--configfile", "mine.yaml")
    assert code != 0 and said in out, out[-2000:]
    assert "Traceback" not in out


def test_a_paper_that_is_asked_for_by_name_is_checked_too(checkout):
    file = checkout / "config/papers/skin_transformer.yaml"
    text = file.read_text()
    file.write_text(text.replace("optimiser: adam", "optimizer: sgd"))
    code, out = plan(checkout, "skin_transformer")
    fine, _ = plan(checkout)
    file.write_text(text)
    assert code != 0 and "did you mean 'optimiser'?" in out, out[-2000:]
    assert fine == 0


def test_without_the_engine_names_are_checked_too(checkout):
    command = [sys.executable, "-m", "mlmi2023", "ia_gcn", "--data", "x", "--out", "y"]
    run = subprocess.run(
        [*command, "--methods", "gnc"], cwd=checkout / "workflow", capture_output=True, text=True
    )
    assert run.returncode == 1
    assert run.stderr.strip() == "error: --methods: paper 'ia_gcn' has no 'gnc'; did you mean 'gcn'?"
    run = subprocess.run(
        [*command, "--configfile", "."], cwd=checkout / "workflow", capture_output=True, text=True
    )
    assert run.returncode == 1 and "cannot be read" in run.stderr and "Traceback" not in run.stderr
