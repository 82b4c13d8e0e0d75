"""Impressions of tested reports by every kind of method."""

import csv

from mlmi2023.cohorts.forms.reports.reader import Reports
from mlmi2023.core.config import expand
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.radiology_llm.model import LanguageModel
from mlmi2023.papers.radiology_llm.options import Task
from mlmi2023.papers.radiology_llm.prompts import prompt_tokens


def written(net: LanguageModel, task: Task, findings: list[str]) -> list[str]:
    """Return a language model's answers; prompts of like length are answered together.

    Args:
        net: on its device, in evaluation mode.
        task: prompt, length and search.
        findings: texts.
    """
    prompts = [prompt_tokens(net.words, task, task.instruction, text, task.new_tokens) for text in findings]
    order = sorted(range(len(prompts)), key=lambda row: -len(prompts[row]))
    found = [""] * len(prompts)
    for first in range(0, len(order), task.batch):
        rows = order[first : first + task.batch]
        tokens = net.answer([prompts[row] for row in rows], task.new_tokens, task.beams)
        for row, own in zip(rows, tokens, strict=True):
            found[row] = net.words.decode(own)
    return found


def from_file(job: Job, path: str, cohort: Reports, rows: list[int]) -> list[str]:
    """Return answers that were had elsewhere.

    Raises:
        InputError: the file is missing, lacks a column or a report.
    """
    file = expand(path)
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            given = {row.get("subject"): row.get("impression") for row in csv.DictReader(stream)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{file}: cannot be read ({type(error).__name__}); put the answers of method "
            f"'{job.method}' there, with the columns subject and impression"
        ) from None
    lost = [cohort.subjects[row] for row in rows if given.get(cohort.subjects[row]) is None]
    if lost:
        raise InputError(
            f"{file}: has no impression of report {lost[0]} ({len(lost)} of {len(rows)} lack one); add them"
        )
    return [str(given[cohort.subjects[row]]) for row in rows]
