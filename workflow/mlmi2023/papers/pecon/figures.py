"""The result figures of the paper: t-SNE (2), Grad-CAM (3), the choice of lambda, and ROC curves."""

from typing import Any

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.json_files import read_object
from mlmi2023.drawing.panels import bare, panels
from mlmi2023.drawing.style import FAINT
from mlmi2023.papers.pecon.inference import EMBEDDINGS
from mlmi2023.tasks.classification import ABOUT, Stored, read_answers
from mlmi2023.tasks.runs import AGAIN, Runs, read_arrays

POSITIVE, NEGATIVE = "#D55E00", "#0072B2"  # safe for the colour-blind
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B")
WINDOW = (-150, 500)  # Hounsfield units shown


def _points(runs: Runs, method: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors of the exams ``rows``, whether each is of a scan (else of a record), and its exam."""
    exams, folder = runs.cohort, runs.predictions[method]
    if not (folder / EMBEDDINGS).exists():
        from mlmi2023.papers.pecon.features import read_features
        from mlmi2023.papers.pecon.health_record import fit_preparation

        features = read_features(folder, exams)[:, 0]
        record = fit_preparation(exams, runs.jobs[method].task).apply(exams.record)
        both = rows[exams.has_ct[rows] & exams.has_ehr[rows]]
        parts = [_scaled(features, exams.rows("train"))[both], _scaled(record, exams.rows("train"))[both]]
        # both kinds count alike, however many columns they have
        joined = np.concatenate([part / np.sqrt(part.shape[1]) for part in parts], axis=1)
        return joined, np.ones(len(both), bool), both
    z = read_arrays(folder / EMBEDDINGS)
    ct, ehr = rows[exams.has_ct[rows]], rows[exams.has_ehr[rows]]
    scan = np.repeat([True, False], [len(ct), len(ehr)])
    return np.concatenate([z["z_c"][ct], z["z_e"][ehr]]), scan, np.concatenate([ct, ehr])


def _scaled(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    mean, sd = np.nanmean(values[train], axis=0), np.nanstd(values[train], axis=0)
    return (values - mean) / np.where(sd > 0, sd, 1)


def _tsne(runs: Runs) -> Any:
    """Fig. 2: t-SNE of training (top) and validation exams (bottom)."""
    from matplotlib.lines import Line2D
    from sklearn.manifold import TSNE

    methods = list(runs.predictions)
    titles = {m: "RadFusion (features)" if m == "penet" else runs.names[m] for m in methods}
    figure, grid = panels(2, len(methods), (3.1 * len(methods), 6.4))
    for row, split in zip(grid, ("train", "val")):
        chosen = runs.cohort.rows(split)[:250]
        for axes, method in zip(row, methods):
            vectors, scan, exam = _points(runs, method, chosen)
            perplexity = min(30, max(2, (len(vectors) - 1) // 3))
            flat = TSNE(perplexity=perplexity, init="pca", random_state=0, max_iter=500).fit_transform(
                vectors
            )
            label = runs.cohort.labels[exam]
            for positive, colour in ((0, NEGATIVE), (1, POSITIVE)):
                for of_scan, marker in ((True, "o"), (False, "^")):
                    there = (label == positive) & (scan == of_scan)
                    axes.scatter(*flat[there].T, s=9, c=colour, marker=marker, linewidths=0, alpha=0.75)
            bare(axes)
            axes.set_title(
                f"{titles[method]}, {'training' if split == 'train' else 'validation'}", fontsize=9
            )
    entries = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=5, label=f"{what}, {where}")
        for colour, what in ((POSITIVE, "embolism"), (NEGATIVE, "none"))
        for marker, where in (("o", "scan"), ("^", "record"))
    ]
    figure.legend(handles=entries, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _gradcam(runs: Runs) -> Any:
    """Fig. 3: heat maps of both image models on the first positive test scans of each type."""
    shown = _first_positives(runs, most=4)
    if not shown:
        raise InputError("figure 'fig3': no positive test exam has a scan; enlarge the split 'test'")
    explainers = _explainers(runs)
    rows = len(explainers) + 1
    figure, grid = panels(rows, len(shown), (2.4 * len(shown), 2.5 * rows))
    for column, row in zip(grid.T, shown):
        truth = runs.cohort.defects(row)
        first = next(iter(explainers.values()))
        seen = first.middle(truth) > 0 if truth is not None else None
        scan = first.middle(runs.cohort.scan(row))
        place = int(seen.sum((1, 2)).argmax()) if seen is not None and seen.any() else len(scan) // 2
        column[0].set_title(f"exam {runs.cohort.cases[row]}\n{runs.cohort.types[row]}", fontsize=9)
        for axes, method in zip(column, [None, *explainers]):
            axes.imshow(scan[place], cmap="gray", vmin=WINDOW[0], vmax=WINDOW[1])
            bare(axes)
            if method:
                heat = explainers[method].heat(row)
                # one scale per scan: a slice may be cold
                axes.imshow(
                    heat[place] / max(float(heat.max()), 1e-12), cmap="inferno", alpha=0.5, vmin=0, vmax=1
                )
            if seen is not None and seen[place].any():
                axes.contour(seen[place], [0.5], colors="#56B4E9", linewidths=1.0)
    grid[0, 0].set_ylabel("scan and clot", fontsize=9)
    for axes, method in zip(grid[1:, 0], explainers):
        hits = _stored(runs, method).table["pointing"].dropna()
        text = f"\npoints at a clot: {hits.mean():.2f} of {len(hits)}" if len(hits) else ""
        axes.set_ylabel(runs.names[method] + text, fontsize=9)
    return figure


def _stored(runs: Runs, method: str) -> Stored:
    [stored] = read_answers(runs.predictions[method], runs.cohort.cases)
    return stored


def _first_positives(runs: Runs, most: int) -> list[int]:
    """Return the first positive test scans, the types in turn."""
    exams = runs.cohort
    queues: dict[str, list[int]] = {}
    for row in exams.rows("test"):
        if exams.labels[row] and exams.has_scan(row):
            queues.setdefault(exams.types[row], []).append(int(row))
    taken: list[int] = []
    while len(taken) < most and any(queues.values()):
        for kind in sorted(queues):
            if queues[kind] and len(taken) < most:
                taken.append(queues[kind].pop(0))
    return taken


def _explainers(runs: Runs) -> dict[str, Any]:
    import torch

    from mlmi2023.papers.pecon.branches import build_branches
    from mlmi2023.papers.pecon.features import read_features
    from mlmi2023.papers.pecon.gradcam import Explainer, branch_target, penet_target
    from mlmi2023.papers.pecon.health_record import fit_preparation
    from mlmi2023.papers.pecon.inference import load_penet
    from mlmi2023.papers.pecon.scans import Cut
    from mlmi2023.training.loop.weights import load_weights

    penet, pecon = runs.jobs["penet"], runs.jobs["pecon"]
    exams, cut, device = runs.cohort, Cut.of(penet.task, runs.cohort), torch.device("cpu")
    encoder = load_penet(penet.method_options, runs.weights.get("penet"))
    width = read_features(runs.predictions["penet"], exams).shape[2]
    columns = int(fit_preparation(exams, pecon.task).chosen.sum())
    branches = build_branches(pecon.method_options, width, columns)
    load_weights(branches, runs.weights["pecon"])
    targets = {"penet": penet_target(encoder), "pecon": branch_target(branches.eval())}
    return {
        method: Explainer(
            encoder, target, exams, cut, runs.jobs[method].method_options["explain"]["stages"], device
        )
        for method, target in targets.items()
    }


def _lambda(runs: Runs) -> Any:
    """The supplement's ablation: validation scores over lambda."""
    figure, [[left, right]] = panels(1, 2, (7.2, 3.1), sharex=True)
    for colour, (method, folder) in zip(COLOURS, runs.predictions.items()):
        found = read_object(folder / ABOUT, {"sweep": list[Any], "lambda": float}, AGAIN)
        sweep = np.array(found["sweep"])
        for axes, column in ((left, 2), (right, 3)):
            axes.plot(sweep[:, 0], sweep[:, column], color=colour, label=runs.names[method], linewidth=1.3)
            chosen = sweep[sweep[:, 0] == found["lambda"]]
            axes.plot(chosen[:, 0], chosen[:, column], "o", color=colour, fillstyle="none", markersize=7)
    for axes, what in ((left, "F1"), (right, "AUROC")):
        axes.axvline(0.375, color=FAINT, zorder=0)
        axes.set_xlabel("λ, weight of the scan")
        axes.set_ylabel(f"{what}, validation")
    left.legend(fontsize=7.5)
    return figure


def _roc(runs: Runs) -> Any:
    """ROC curves on all test exams."""
    from sklearn.metrics import roc_curve

    from mlmi2023.metrics.classification import delong_interval

    figure, [[axes]] = panels(1, 1, (4.4, 4.2))
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    for colour, method in zip(COLOURS, runs.predictions):
        stored = _stored(runs, method)
        table, labels = stored.of("test"), runs.cohort.labels
        truth = labels[stored.rows("test")] == 1
        if truth.all() or not truth.any():
            raise InputError("figure 'fig_roc': the test split has one class only; enlarge it")
        scores = stored.probabilities("test")[:, 1]
        wrong, right, _ = roc_curve(truth, scores, drop_intermediate=False)
        area, low, high = delong_interval(truth, scores)
        axes.plot(wrong, right, color=colour, linewidth=1.4,
                  label=f"{runs.names[method]} {area:.3f} [{low:.3f}, {high:.3f}]")  # fmt: skip
        decided = scores >= stored.threshold(labels)
        axes.plot(decided[~truth].mean(), decided[truth].mean(), "o", color=colour, markersize=5)
        if method == "pecon":
            for branch, style, called in (("ct", ":", "visual"), ("ehr", "--", "EHR")):
                own = table[branch].to_numpy(float)
                there = np.isfinite(own)
                wrong, right, _ = roc_curve(truth[there], own[there])
                axes.plot(wrong, right, color=colour, linewidth=0.8, linestyle=style,
                          label=f"its {called} branch")  # fmt: skip
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    axes.legend(fontsize=7, loc="lower right")
    return figure


FIGURES = {"fig2": _tsne, "fig3": _gradcam, "fig_lambda": _lambda, "fig_roc": _roc}
