"""Figures 2 and 3 of the paper, and ours: boxes that are found, findings one by one, and learning."""

from textwrap import fill
from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.papers.cxr_tokens.frechet import principal
from mlmi2023.papers.cxr_tokens.labelling import labeller_of
from mlmi2023.papers.cxr_tokens.measures import positive
from mlmi2023.papers.cxr_tokens.samples import FOUND, stored_tokens
from mlmi2023.papers.cxr_tokens.scoring import answers
from mlmi2023.papers.cxr_tokens.studies import Studies
from mlmi2023.papers.cxr_tokens.words import plain
from mlmi2023.tasks.runs import Runs, read_arrays

GREEN, RED, BLUE, GREY = "#009E73", "#D62728", "#0072B2", "#666666"
#: regions of Fig. 3, and images of the figure of boxes
REGIONS, SHOWN = 6, 4
#: steps of t-SNE, and neighbours that it keeps together
STEPS, PERPLEXITY = 500, 30
#: characters of a line of a report
WIDE = 36


def most_findings(studies: Studies) -> int:
    """Return the tested image whose report speaks of most findings, the first of several."""
    labels = labeller_of(studies.task, studies.job.device)
    rows = studies.rows("test")
    counts = positive(labels.states([studies.reports[row] for row in rows])).sum(1)
    return rows[int(np.argmax(counts))]


def coloured(text: str, truth: np.ndarray, labels: Any) -> list[tuple[str, str]]:
    """Return the sentences of a report with their colours: right findings green, wrong ones red.

    Args:
        text: of the report.
        truth: (K,) bool, findings that are there.
        labels: the labeller.
    """
    found = []
    for sentence in (part.strip() for part in text.split(".")):
        if not sentence:
            continue
        states = labels.states([f"{sentence}."])
        said = positive(states)[0]
        denied = (states[0] != 0) & ~said
        wrong = (said & ~truth).any() or (denied & truth).any()
        found.append((f"{sentence}.", RED if wrong else GREEN if said.any() else GREY))
    return found


def _reports(runs: Runs) -> Any:
    """Fig. 2: a tested image, its report, and that of each method."""
    import matplotlib.pyplot as plt

    studies = Studies(runs.job)
    labels = labeller_of(studies.task, runs.job.device)
    row = most_findings(studies)
    truth = positive(labels.states([studies.reports[row]]))[0]
    texts = {"true report": studies.cohort.texts[row].report}
    for method in runs.jobs:
        texts[runs.names[method]] = str(answers(studies, runs.predictions[method])[row])
    figure, grid = plt.subplots(
        1, 1 + len(texts), figsize=(3.1 * (1 + len(texts)), 4.6), squeeze=False, layout="constrained"
    )
    grid[0, 0].imshow(studies.seen(row)[0][0], cmap="gray")
    grid[0, 0].set_title(studies.name(row)[:24], fontsize=8)
    for axes in grid[0]:
        axes.axis("off")
    for axes, (title, text) in zip(grid[0, 1:], texts.items()):
        axes.set_title(fill(title, WIDE), fontsize=8)
        lines = [
            (line, colour)
            for sentence, colour in coloured(text, truth, labels)
            for line in fill(sentence, WIDE).splitlines()
        ]
        said = positive(labels.states([plain(text)]))[0]
        missed = [kind for kind, there, found in zip(labels.kinds, truth, said) if there and not found]
        lines += [(line, BLUE) for line in fill(f"missed: {', '.join(missed)}", WIDE).splitlines() if missed]
        for number, (line, colour) in enumerate(lines):
            place = 0.98 - number / max(24, len(lines))
            axes.text(0, place, line, color=colour, fontsize=7, va="top", transform=axes.transAxes)
    return figure


def _embedded(runs: Runs) -> Any:
    """Fig. 3: tokens of some regions by PCA and t-SNE, normal and abnormal."""
    import matplotlib.pyplot as plt
    from sklearn.manifold import TSNE

    studies = Studies(runs.job)
    rows = studies.rows("test")[: studies.task.shown]
    abnormal = np.any(studies.cohort.findings[rows], axis=-1)
    counts = np.minimum(abnormal.sum(0), (~abnormal).sum(0))
    chosen = np.sort(np.argsort(-counts, kind="stable")[:REGIONS])
    figure, grid = plt.subplots(
        1, len(runs.jobs), figsize=(5.2 * len(runs.jobs), 4.6), squeeze=False, layout="constrained"
    )
    for axes, method in zip(grid[0], runs.jobs):
        tokens = np.asarray(stored_tokens(studies, runs.predictions[method])[rows], np.float64)[:, chosen]
        there = (tokens != 0).any(-1)
        if there.sum() < 4:
            raise InputError(f"fig3: '{method}' has found fewer than four regions; train it longer")
        reduced = principal(tokens[there], studies.task.components)
        # scaled, so that t-SNE's start does not depend on how large tokens are
        reduced = reduced / max(float(reduced.std()), 1e-12)
        near = min(PERPLEXITY, (len(reduced) - 1) / 3)
        placed = TSNE(perplexity=near, max_iter=STEPS, init="pca", random_state=0).fit_transform(reduced)
        region = np.broadcast_to(np.arange(len(chosen)), there.shape)[there]
        ill = abnormal[:, chosen][there]
        for number, name in enumerate(np.array(studies.cohort.regions)[chosen]):
            for kind, marker in ((False, "o"), (True, "x")):
                own = (region == number) & (ill == kind)
                axes.scatter(
                    *placed[own].T,
                    s=12,
                    marker=marker,
                    linewidths=0.8,
                    color=f"C{number}",
                    alpha=0.8,
                    label=name if not kind else None,
                )
        axes.set_title(f"{runs.names[method]} (x: with a finding)", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    grid[0, -1].legend(fontsize=6, loc="best")
    return figure


def _boxes(runs: Runs) -> Any:
    """Boxes of regions on tested images: true ones dashed, found ones in red."""
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    studies = Studies(runs.job)
    rows = studies.rows("test")
    shown = [int(place) for place in np.linspace(0, len(rows) - 1, min(SHOWN, len(rows)))]
    figure, grid = plt.subplots(
        len(runs.jobs), len(shown), figsize=(2.5 * len(shown), 2.7 * len(runs.jobs)), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes_row, method in zip(grid, runs.jobs):
        found = read_arrays(runs.predictions[method] / FOUND)
        for axes, place in zip(axes_row, shown):
            image, truth = studies.seen(rows[place])
            axes.imshow(image[0], cmap="gray")
            for own, box, score in zip(truth, found["boxes"][place], found["score"][place]):
                for one, style, colour in ((own, "--", "white"), (box, "-", RED)):
                    if np.isfinite(one).all() and (colour != RED or score > 0):
                        corner, width, height = one[:2] - 0.5, one[2] - one[0], one[3] - one[1]
                        shape = Rectangle(
                            corner, width, height, fill=False, edgecolor=colour, ls=style, lw=0.7
                        )
                        axes.add_patch(shape)
            axes.set_xticks([])
            axes.set_yticks([])
        axes_row[0].set_ylabel(runs.names[method], fontsize=7)
    return figure


def _findings(runs: Runs) -> Any:
    """F1 of each finding, by method, findings in the order of how often they come."""
    import matplotlib.pyplot as plt

    studies = Studies(runs.job)
    labels = labeller_of(studies.task, runs.job.device)
    rows = studies.rows("test")
    truth = positive(labels.states([studies.reports[row] for row in rows]))
    order = [int(k) for k in np.argsort(-truth.sum(0), kind="stable") if truth[:, k].any()]
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(order) + 1.2), layout="constrained")
    for method in runs.jobs:
        texts = [plain(str(text)) for text in answers(studies, runs.predictions[method]).values()]
        said = positive(labels.states(texts))
        both, below = (said & truth).sum(0), said.sum(0) + truth.sum(0)
        axes.plot(
            [2 * both[k] / below[k] for k in order], range(len(order)), "o", ms=4, label=runs.names[method]
        )
    axes.set_yticks(
        range(len(order)), [f"{labels.kinds[k]} ({truth[:, k].sum()})" for k in order], fontsize=7
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("F1 of tested reports")
    axes.legend(fontsize=6)
    return figure


def _learning(runs: Runs) -> Any:
    """Validation while networks learn: AUROC and boxes of detectors, F1 of triples and of reports."""
    import matplotlib.pyplot as plt

    names = {"val_auroc": "AUROC", "val_iou": "overlap of boxes", "val_triple_f1": "F1 of triples"}
    names["val_ce_f1"] = "CE F1"
    figure, grid = plt.subplots(1, len(names), figsize=(3 * len(names), 2.8), layout="constrained")
    for method in runs.jobs:
        curve = runs.curve(method)
        for axes, name in zip(grid, names):
            if name in curve:
                seen = np.isfinite(curve[name])
                axes.plot(curve["step"][seen], curve[name][seen], label=runs.names[method], lw=1)
    for axes, title in zip(grid, names.values()):
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend(fontsize=5)
    return figure


FIGURES = {
    "fig2": _reports,
    "fig3": _embedded,
    "fig_boxes": _boxes,
    "fig_findings": _findings,
    "fig_learning": _learning,
}
