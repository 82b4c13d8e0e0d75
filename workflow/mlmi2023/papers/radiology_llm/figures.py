"""Figures 1 to 4, and the training curves. Texts are shown of cohorts that may be shown alone."""

import textwrap
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.reports.reader import Reports, open_reports
from mlmi2023.core.options import options
from mlmi2023.drawing.panels import panels
from mlmi2023.papers.radiology_llm.evaluate import answers_of, held_out, panel, score
from mlmi2023.papers.radiology_llm.options import Task
from mlmi2023.papers.radiology_llm.raters import CRITERIA
from mlmi2023.tasks.runs import Runs

#: letters of a line, lines of a text, reports shown
WIDTH, MOST, SHOWN = 78, 7, 3
HIDDEN = "(texts of this cohort are not shown; its key read.show says so)"


def _texts(rows: list[list[tuple[str, str]]]) -> Any:
    """Return a figure of texts with their headings, column by column in rows."""
    figure, grid = panels(len(rows), 1, (6.2, 0.25 + 0.95 * sum(map(len, rows))))
    for [axes], texts in zip(grid, rows):
        axes.axis("off")
        lines: list[str] = []
        for heading, text in texts:
            own = textwrap.wrap(text, WIDTH) or ["(nothing)"]
            lines += [f"{heading}:", *(f"   {line}" for line in own[:MOST])]
            lines += ["   ..."] if len(own) > MOST else []
        axes.text(0, 1, "\n".join(lines), va="top", fontsize=6, family="monospace", transform=axes.transAxes)
    return figure


def _shown(cohort: Reports, task: Task) -> list[int]:
    """Return some reports of the panel, those with findings first."""
    rows = sorted(panel(cohort, task) or held_out(cohort)[:SHOWN])
    return sorted(rows, key=lambda row: cohort.impressions[row].lower().startswith("no "))[:SHOWN]


def _tuning(runs: Runs) -> Any:
    """Fig. 1: a training report as instruction, input and output."""
    cohort, task = open_reports(runs.job.data), options(Task, runs.job.task, "config", "task")
    row = next(iter(cohort.rows("train") or held_out(cohort)))
    pair = (cohort.findings[row], cohort.impressions[row]) if cohort.shown else (HIDDEN, HIDDEN)
    return _texts([[("Instruction", task.instruction), ("Input", pair[0]), ("Output", pair[1])]])


def _ratings(runs: Runs) -> Any:
    """Fig. 2: simulated ratings of every method; circles are those of the panel's reports alone."""
    figure, grid = panels(1, 1, (7.4, 3.4))
    axes, count = grid[0][0], len(runs.jobs)
    for place, (method, job) in enumerate(runs.jobs.items()):
        values = list(score(job, runs.predictions[method]))
        at = np.arange(len(CRITERIA)) + (place - (count - 1) / 2) * 0.8 / count
        for setting, draw in (("", "bar"), ("panel", "dot")):
            means = [
                np.mean([v.value for v in values if (v.metric, v.setting) == (name, setting)] or [np.nan])
                for name in CRITERIA
            ]
            if draw == "bar":
                axes.bar(at, means, 0.8 / count, color=f"C{place}", label=runs.names[method])
            else:
                axes.plot(at, means, "o", color="white", markeredgecolor="black", markersize=3)
    axes.set_xticks(range(len(CRITERIA)), [name.replace("_", " ") for name in CRITERIA], fontsize=8)
    axes.set(ylabel="simulated rating, 1 to 5", ylim=(1, 5.05))
    axes.legend(fontsize=6, ncols=3, loc="lower left")
    return figure


def _examples(runs: Runs) -> Any:
    """Figs. 3 and 4: what methods write of some of the panel's reports."""
    cohort, task = open_reports(runs.job.data), options(Task, runs.job.task, "config", "task")
    if not cohort.shown:
        return _texts([[("Answers", HIDDEN)]])
    places = {row: place for place, row in enumerate(held_out(cohort))}
    answers = {method: answers_of(folder, cohort) for method, folder in runs.predictions.items()}
    rows = []
    for row in _shown(cohort, task):
        texts = [("Findings", cohort.findings[row]), ("Impression of the report", cohort.impressions[row])]
        rows.append(texts + [(runs.names[method], own[places[row]]) for method, own in answers.items()])
    return _texts(rows)


def _learning(runs: Runs) -> Any:
    """Share of the next tokens of validation reports that are the likeliest, while networks learn."""
    figure, grid = panels(1, 1, (5.2, 3.2))
    axes = grid[0][0]
    for method in runs.predictions:
        curve = runs.curve(method)
        there = np.isfinite(curve["val_tokens"])
        axes.plot(
            curve["step"][there], 100 * curve["val_tokens"][there], marker=".", label=runs.names[method]
        )
    axes.set(xlabel="step", ylabel="next tokens of validation impressions [%]")
    axes.legend(fontsize=7)
    return figure


FIGURES = {
    "fig1": _tuning,
    "fig2*": _ratings,
    "fig3*": _examples,
    "fig4*": _examples,
    "fig_learning": _learning,
}
