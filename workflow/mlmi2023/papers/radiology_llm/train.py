"""Training of every learned method: general language, general instructions, then reports (Sect. 2.3)."""

from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.reports.reader import Reports, open_reports
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.radiology_llm.general import document, lesson, medical_words, textbook
from mlmi2023.papers.radiology_llm.model import LanguageModel, build
from mlmi2023.papers.radiology_llm.module import Tuning
from mlmi2023.papers.radiology_llm.options import STAGES, Model, Task, Train
from mlmi2023.papers.radiology_llm.prompts import Sequence, plain, taught
from mlmi2023.papers.radiology_llm.words import OwnWords, Words
from mlmi2023.training.data.numbers import Chunks, Counted
from mlmi2023.training.loop.plan import Plan
from mlmi2023.training.loop.status import Measure

#: seeds of documents that validate lie this far from those that train
APART = 10_000
#: documents from which, beside reports, the vocabulary is learned; their seed is every run's
READ, READ_SEED = 2000, 46


def plan(job: Job) -> Plan:
    """Return module and samples of one stage of a learned method.

    Raises:
        InputError: the cohort does not serve.
    """
    task, cohort = options(Task, job.task, "config", "task"), open_reports(job.data)
    keys = method_of(job.method_options)
    fresh = keys.pretrained is None and job.previous is None
    net = build(keys, vocabulary(cohort, keys, task) if fresh else None, job.stage, job.previous)
    train, held = sequences_of(job.stage, cohort, net.words, task, job.seed)
    module = Tuning(net, train, held, options(Train, job.train, "config", "train"), job.train)
    return Plan(
        module,
        Counted(len(train)),
        Chunks({"row": np.arange(len(held))}, task.batch),
        measure=Measure("val_tokens", "higher", ceiling=1.0),
    )


def method_of(given: dict[str, Any]) -> Model:
    """Return a method's options without what the chain reads."""
    return options(
        Model, {k: v for k, v in given.items() if k not in ("uses", "stages", "train")}, "config", "methods"
    )


def vocabulary(cohort: Reports, keys: Model, task: Task) -> OwnWords:
    """Learn a vocabulary from training reports and general documents; no report of val or test is read."""
    rng = np.random.default_rng(READ_SEED)
    read = [document(rng) for _ in range(READ)]
    lessons = chain.from_iterable(lesson(rng) for _ in range(READ))
    rows = cohort.rows("train")
    texts = [text for row in rows for text in (cohort.findings[row], cohort.impressions[row])]
    prompt = task.template.replace("{instruction}", task.instruction)
    whole = [prompt, *read, *lessons, *textbook(), " ".join(medical_words()), *texts]
    return OwnWords.learned(whole, keys.net.vocabulary)


def sequences_of(
    stage: str, cohort: Reports, words: Words, task: Task, seed: int
) -> tuple[list[Sequence], list[Sequence]]:
    """Return the sequences that train and those that validate in a stage.

    Raises:
        InputError: the cohort has no reports to train or to validate on.
    """
    if stage == "main":
        found = [reports(cohort, split, words, task) for split in ("train", "val")]
        for split, own in zip(("train", "val"), found):
            if not own:
                raise InputError(
                    f"{cohort.path}: has no reports in the split {split}; correct the cohort's split"
                )
        return found[0], found[1]
    assert stage in STAGES
    sizes = ((task.general.train, seed), (task.general.val, seed + APART))
    train, held = (_general(stage, count, own, words, task) for count, own in sizes)
    return train, held


def reports(cohort: Reports, split: str, words: Words, task: Task) -> list[Sequence]:
    """Return the reports of a split as instruction, findings and impression."""
    return [
        taught(words, task, task.instruction, cohort.findings[row], cohort.impressions[row])
        for row in cohort.rows(split)
    ]


def _general(stage: str, count: int, seed: int, words: Words, task: Task) -> list[Sequence]:
    rng = np.random.default_rng([seed, STAGES.index(stage)])
    if stage == "base":
        return [plain(words, document(rng), task.length) for _ in range(count)]
    return [taught(words, task, *lesson(rng)) for _ in range(count)]


def network(job: Job, weights: Path | None) -> LanguageModel:
    """Return a method's network as it answers, without its trained weights unless they are published ones.

    Args:
        job: of a method with a network.
        weights: of a learned one, which hold its vocabulary.
    """
    from mlmi2023.papers.radiology_llm.model import words_of
    from mlmi2023.training.loop.weights import read_weights

    keys = method_of(job.method_options)
    if keys.pretrained is not None or weights is None:
        return build(keys, None, "main")
    stages = list(job.method_options.get("stages") or {"main": {}})
    return build(keys, words_of(read_weights(weights), weights), stages[-1])
