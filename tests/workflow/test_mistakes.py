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
    return snakemake(place, "-n", *args)


def snakemake(place, *args):
    run = subprocess.run([SNAKEMAKE, "--cores", "1", *args], cwd=place, capture_output=True, text=True)
    # a plan is printed on the one, but for its first line
    return run.returncode, run.stderr + run.stdout if "-n" in args else run.stdout + run.stderr


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


@pytest.mark.parametrize(
    ("content", "args", "said"),
    [
        (
            "papers: [ia_gcn\n",
            ["-n"],
            "mine.yaml: not valid YAML: line 2, column 1: did not find exp",
        ),
        ("- papers\n", ["-n"], "mine.yaml: holds a list; give it keys, such as papers: [...]"),
        ("scale: dmeo\n", ["-n"], "config: key 'scale' is 'dmeo'; did you mean 'demo'?"),
        (
            "cohorts:\n"
            "  mine: {kind: folder, root: /nowhere, images: {T1w: 'i{subject}.nii'}, split: {test: 3},\n"
            "    preprocess: {grid: {shape: [32, 40, 32], spacing: 5.0}}}\n"
            "overrides: {defxattn_reg: {datasets: {ixi: {cohort: mine}}}}\n",
            [],
            "config of cohort 'mine': key 'root' is '/nowhere', which is no folder; set it to where",
        ),
    ],
)
def test_a_mistake_is_the_last_line_and_no_rule_of_ours_is_in_it(checkout, content, args, said):
    (checkout / "mine.yaml").write_text(content)
    code, out = snakemake(checkout, *args, "--configfile", "mine.yaml")
    assert code == 1 and out.strip().splitlines()[-1].startswith(f"error: {said}"), out[-2000:]
    assert not any(word in out for word in ("Traceback", ".smk", "WorkflowError", "Exception"))
    assert not [*checkout.glob(".snakemake/locks/*")]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "defxattn_reg/tables/table9.csv",
            "has no table 'table9'; did you mean 'table1_ixi'?",
        ),
        (
            "cohorts/brain_adults/grid/batch-999",
            "cohort 'brain_adults' has no batch-999; its last is batch-001",
        ),
        (
            "defxattn_reg/scores/ixi/syn/seed-0_fold-3.csv",
            "paper 'defxattn_reg' has no fold 3; its last is 0",
        ),
        ("cohorts/brain_adults/raw", "cohort 'brain_adults' has no 'raw' that the workflow makes"),
    ],
)
def test_a_file_that_no_paper_has_is_refused(checkout, target, said):
    code, out = plan(checkout, f"results/demo/{target}")
    assert code == 1 and said in out.strip().splitlines()[-1], out[-2000:]


def test_rules_refuse_with_that_line_alone():
    """An exception would be printed with our rules around it; they have no name for one either."""
    for file in (ROOT / "workflow/rules").glob("*.smk"):
        assert "raise " not in file.read_text(), file.name


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
