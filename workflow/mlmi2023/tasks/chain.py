"""The links of the chain that a paper fills in: train and evaluate (predict, then score).

The same functions serve the workflow's scripts and ``python -m mlmi2023``, which runs without it.
"""

import importlib
import time
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.tasks.runs import Value


def part(paper: str, name: str) -> ModuleType:
    """Return the module ``papers.<paper>.<name>``."""
    return importlib.import_module(f"mlmi2023.papers.{paper}.{name}")


def job_of(snakemake: Any) -> Job:
    """Return the job that a script of the workflow is to do."""
    wildcards, params = snakemake.wildcards, snakemake.params
    previous = snakemake.input.get("previous")
    # not a parameter of the rule: where a network is trained is no reason to train it again
    device = snakemake.config["device"]
    if device == "auto" and snakemake.resources.get("gpu", 0):
        device = "cuda"  # a job that was given a GPU must not end up on the CPU unnoticed
    return Job(
        paper=wildcards.paper,
        dataset=wildcards.dataset,
        method=wildcards.method,
        seed=int(wildcards.seed),
        fold=int(wildcards.fold),
        stage=wildcards.get("stage", "main"),
        previous=Path(previous) if previous else None,
        used=_used(snakemake.input, params.get("used_trained", [])),
        data=Path(snakemake.input.data),
        task=dict(params.task),
        method_options=dict(params.options),
        train=dict(params.get("train", {})),
        threads=snakemake.threads,
        device=device,
    )


def _used(given: Any, trained: Iterable[str]) -> dict[str, Used]:
    """Return what used methods have left.

    Predictions lie under a method's name, see ``RUN`` in common.smk. Weights may lie under that of another
    method whose training it is, so ``trained`` names the methods that they are of.
    """
    weights = dict(zip(trained, map(Path, given.get("used_weights", [])), strict=True))
    folders = [Path(folder) for folder in given.get("used", [])]
    return {f.parent.name: Used(f, weights.get(f.parent.name)) for f in folders}


def train(job: Job, runs: Path, out: Path) -> dict[str, Any]:
    """Train one stage of one method; see :func:`mlmi2023.training.loop.fit.fit`.

    All methods of a dataset with the same seed see the same samples in the same order.
    """
    import lightning.pytorch as pl

    from mlmi2023.cohorts.about import data_hash
    from mlmi2023.training.loop.fit import fit

    pl.seed_everything(job.seed, verbose=False)  # initial weights
    plan = part(job.paper, "train").plan(job)
    return fit(job, plan, runs, out, data_hash(job.data))


def evaluate(job: Job, weights: Path | None, predictions: Path, scores: Path) -> None:
    """Predict on the test split and score what was predicted.

    Args:
        job: what to run.
        weights: final weights of a trained method, None for the others.
        predictions: folder of the paper's own making, written whole or not at all.
        scores: csv file of tidy rows; where they come from is written beside it, to ``.json``.
    """
    from mlmi2023.cohorts.about import data_hash
    from mlmi2023.core.files import file_hash, write_json
    from mlmi2023.core.provenance import provenance
    from mlmi2023.core.tidy import write_metrics
    from mlmi2023.training.loop.device import describe, pick_device

    started = time.perf_counter()
    record = provenance(job.threads, describe(pick_device(job.device)))

    module = part(job.paper, "evaluate")
    print(f"predict: {job.dataset} {job.method} seed {job.seed} fold {job.fold}", flush=True)
    module.predict(job, weights, predictions)
    print("score", flush=True)
    write_metrics(tidy(job, module.score(job, predictions)), scores)
    write_json(
        scores.with_suffix(".json"),
        {
            **job.about(),
            "data_hash": data_hash(job.data),
            "scores_hash": file_hash(scores),
            "weights_file_hash": file_hash(weights) if weights else "",
            "seconds": round(time.perf_counter() - started, 2),
            "provenance": record,
        },
    )


def tidy(job: Job, values: Iterable[Value]) -> list[dict[str, Any]]:
    """Return the rows of the tidy file from the values that a paper's ``score`` yields."""
    run = {"dataset": job.dataset, "method": job.method, "seed": job.seed}
    return [
        {**value._asdict(), **run, "fold": job.fold if value.fold is None else value.fold} for value in values
    ]


def draw(
    figure: str,
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
    stem: Path,
) -> None:
    """Draw a figure of the paper as ``<stem>.png`` and ``<stem>.svg``.

    Args:
        figure: its id.
        jobs: job by method, for the methods that it shows.
        weights: final weights by method, for trained ones.
        predictions: folder of predictions by method.
        names: names to show by method.
        stem: path without extension.
    """
    from mlmi2023.drawing.style import save_figure, styled
    from mlmi2023.tasks.runs import Runs, start

    runs = Runs(jobs, weights, predictions, names)
    start(runs.job)
    module = part(runs.job.paper, "figures")
    drawn = next((name for name in module.FIGURES if fnmatchcase(figure, name)), None)
    if drawn is None:
        raise InputError(f"config key figures.{figure}: {runs.job.paper} draws {', '.join(module.FIGURES)}")
    with styled():
        save_figure(module.FIGURES[drawn](runs), stem)
