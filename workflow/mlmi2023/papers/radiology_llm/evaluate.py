"""Predictions and scores of every row of Fig. 2.

A method's ``kind`` is ``learned``, ``published`` (weights as they are), ``verbose`` (ChatGPT's place),
``answers`` (from a file), ``copy`` (the findings), ``constant``, ``silent``, the floor, or ``truth``, the
ceiling. Scores of all tested reports have no setting; those under ``normal``, ``abnormal`` and ``panel`` are
of a part of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.reports.reader import Reports, open_reports
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.metrics.rouge import rouge_l
from mlmi2023.papers.radiology_llm.answers import from_file, written
from mlmi2023.papers.radiology_llm.facts import agreement, facts_of
from mlmi2023.papers.radiology_llm.leaks import leaked
from mlmi2023.papers.radiology_llm.options import Task
from mlmi2023.papers.radiology_llm.raters import ratings
from mlmi2023.papers.radiology_llm.train import network, reports
from mlmi2023.papers.radiology_llm.verbose import summary
from mlmi2023.tasks.runs import AGAIN, Value, kind_of, ready, start
from mlmi2023.training.loop.device import lay_out

KINDS = ("learned", "published", "verbose", "answers", "copy", "constant", "silent", "truth")
ANSWERS = "answers.json"
#: seed of the reports that the panel sees: the same for all methods
PANEL_SEED = 10


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write ``answers.json``: the impression of every tested report by its id, and what the network has cost.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, cohort = kind_of(job, KINDS), open_reports(job.data)
    rows, task = held_out(cohort), options(Task, job.task, "config", "task")
    findings = [cohort.findings[row] for row in rows]
    costs: dict[str, float] = {}
    if kind in ("learned", "published"):
        net: Any = network(job, weights)
        costs = {"trained": float(net.trained)} if kind == "learned" else {}
        if kind == "learned":
            net, _ = ready(job, net, weights)
        else:
            net = lay_out(net, start(job)).eval()
        found = written(net, task, findings)
        costs |= _rate(cohort, net.words, task, weights) if weights is not None else {}
    elif kind == "answers":
        found = from_file(job, str(job.method_options["path"]), cohort, rows)
    elif kind == "truth":
        found = [cohort.impressions[row] for row in rows]
    else:
        constant = job.method_options.get("text", "No acute process.") if kind == "constant" else ""
        found = [{"verbose": summary, "copy": str}.get(kind, lambda _: constant)(text) for text in findings]
    names = [cohort.subjects[row] for row in rows]
    with atomic(out) as part:
        part.mkdir()
        write_json(part / ANSWERS, {"answers": dict(zip(names, found, strict=True)), "costs": costs})


def _rate(cohort: Reports, words: Any, task: Task, weights: Path) -> dict[str, float]:
    """Return tokens that were trained on in a second, and peak memory, where the network was trained here."""
    file, own = weights.with_name("train.json"), reports(cohort, "train", words, task)
    if not own or not file.is_file():
        return {}
    report = read_json(file)
    if report.get("stage") != "main":
        return {}
    tokens = float(np.mean([len(sequence.tokens) for sequence in own]))
    return {
        "tokens_per_second": tokens * float(report["samples_per_second"]),
        "memory": float(report["peak_memory_mb"]),
    }


def held_out(cohort: Reports) -> list[int]:
    """Return the reports that are tested.

    Raises:
        InputError: there are none.
    """
    rows = cohort.rows("test")
    if not rows:
        raise InputError(f"{cohort.path}: has no reports in the split test; correct the cohort's split")
    return rows


def panel(cohort: Reports, task: Task) -> set[int]:
    """Return the reports that the paper's two raters would see."""
    rows = held_out(cohort)
    order = np.random.default_rng(PANEL_SEED).permutation(len(rows))
    return {rows[place] for place in order[: task.panel]}


def answers_of(predictions: Path, cohort: Reports) -> list[str]:
    """Return the answers to all tested reports.

    Raises:
        InputError: they are missing or of other reports.
    """
    given = read_json(predictions / ANSWERS, AGAIN)["answers"]
    names = [cohort.subjects[row] for row in held_out(cohort)]
    if lost := [name for name in names if name not in given]:
        raise InputError(f"{predictions / ANSWERS}: has no answer to {lost[0]}; {AGAIN}")
    return [given[name] for name in names]


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield ratings of simulated raters, facts, ROUGE-L, lengths and leaks by report, and costs."""
    cohort, task = open_reports(job.data), options(Task, job.task, "config", "task")
    rows, answers = held_out(cohort), answers_of(predictions, cohort)
    seen = panel(cohort, task)
    for row, answer in zip(rows, answers, strict=True):
        name, reference = cohort.subjects[row], cohort.impressions[row]
        wanted = facts_of(reference)
        precision, recall, f1 = agreement(wanted, facts_of(answer))
        rated = ratings(cohort.findings[row], reference, answer)
        values = {
            **rated,
            "fact_f1": 100 * f1,
            "fact_precision": 100 * precision,
            "fact_recall": 100 * recall,
            "rouge_l": 100 * rouge_l(reference, answer),
            "words": float(len(answer.split())),
        }
        case = "normal" if wanted.normal else "abnormal"
        for metric, value in values.items():
            yield Value(metric, value, name)
            yield Value(metric, value, name, setting=case)
        if row in seen:
            for metric, value in rated.items():
                yield Value(metric, value, name, setting="panel")
    yield from _leaks(cohort, task, rows, answers)
    for metric, value in read_json(predictions / ANSWERS, AGAIN)["costs"].items():
        yield Value(metric, float(value))


def _leaks(cohort: Reports, task: Task, rows: list[int], answers: list[str]) -> Iterator[Value]:
    """Yield which answers copy a training report, where the cohort has such."""
    trained = cohort.rows("train")
    texts = ((cohort.groups[r], t) for r in trained for t in (cohort.findings[r], cohort.impressions[r]))
    found = leaked(answers, [cohort.findings[row] for row in rows], texts, task.leak) if trained else []
    for row, leak in zip(rows, found):
        yield Value("leaks", 100.0 * leak, cohort.subjects[row])
