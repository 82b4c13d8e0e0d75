"""Figures 3 and 4, weak labels (Fig. 1), and validation curves."""

from typing import Any

import numpy as np

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.evaluate import measures
from mlmi2023.tasks.runs import Runs, read_arrays
from mlmi2023.tasks.segmentation import pairs

TRUE, FOUND = "#00C000", "#1040FF"


def _outlined(axes: Any, cases: SiteImages, labels: np.ndarray, colour: str) -> None:
    for number in range(1, len(cases.classes) + 1):
        mask = labels >= number if cases.task.nested else labels == number
        if mask.any() and not mask.all():
            axes.contour(mask, [0.5], colors=colour, linewidths=1.0)


def _shown(image: np.ndarray) -> np.ndarray:
    """Return an image as it is drawn, of three channels."""
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _segmented(runs: Runs) -> Any:
    """The middle one of each site's tested images, site by site, with true and found outlines."""
    methods = list(runs.jobs)
    cases = SiteImages(runs.job)
    found = {m: {pair.row: pair for pair in pairs(runs.predictions[m], cases)} for m in methods}
    figure, grid = panels(len(cases.sites), len(methods), (1.7 * len(methods), 1.75 * len(cases.sites) + 0.3))
    box = {"facecolor": "black", "alpha": 0.6, "pad": 1.5, "edgecolor": "none"}
    for number, (line, (site, own)) in enumerate(zip(grid, cases.parts.items())):
        row = own["test"][len(own["test"]) // 2]
        for axes, method in zip(line, methods):
            pair = found[method][row]
            picture(axes, _shown(cases.pictures([row])[0]), "" if number else runs.names[method])
            _outlined(axes, cases, pair.truth, TRUE)
            _outlined(axes, cases, pair.found, FOUND)
            dice = measures(pair.found, pair.truth, cases.structures, cases.task.nested)["dsc"]
            text = f"{np.mean(list(dice.values())):.1f}" if dice else ""
            axes.text(0.03, 0.03, text, transform=axes.transAxes, color="white", fontsize=7, bbox=box)
        line[0].set_ylabel(site, fontsize=8)
    return figure


def embeddings(runs: Runs, method: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings (N, C) of all tested images, and the number of each one's site (N,)."""
    cases = SiteImages(runs.jobs[method])
    rows = cases.rows("test")
    kept = [
        read_arrays(runs.predictions[method] / f"{cases.name(row)}.npz")["embedding"].astype(float)
        for row in rows
    ]
    return np.stack(kept), np.array([cases.site_of[row] for row in rows])


def _embedded(runs: Runs) -> Any:
    """Fig. 4: t-SNE of embeddings by site, with their silhouette before it."""
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score

    methods, sites = list(runs.jobs), SiteImages(runs.job).sites
    figure, grid = panels(1, len(methods), (3.4 * len(methods), 3.4))
    for axes, method in zip(grid[0], methods):
        values, numbers = embeddings(runs, method)
        spread = values.std(0)
        values = (values - values.mean(0)) / np.where(spread > 0, spread, 1)
        near = min(30.0, (len(values) - 1) / 3)
        flat = TSNE(perplexity=near, init="pca", random_state=0).fit_transform(values)
        for number, site in enumerate(sites):
            own = numbers == number
            axes.plot(*flat[own].T, "o", ms=3, alpha=0.8, color=f"C{number}", label=site)
        score = silhouette_score(values, numbers) if 1 < len(set(numbers)) < len(numbers) else float("nan")
        axes.set_title(f"{runs.names[method]} ({score:.2f})", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    grid[0, 0].legend(fontsize=6)
    return figure


def _labels(runs: Runs) -> Any:
    """Two training images of each site, with the masks' outlines, and their weak labels."""
    cases = SiteImages(runs.job)
    figure, grid = panels(len(cases.sites), 4, (6.8, 1.75 * len(cases.sites) + 0.3))
    for number, (line, (site, own)) in enumerate(zip(grid, cases.parts.items())):
        for place, row in enumerate(own["train"][:2]):
            image, label = _shown(cases.pictures([row])[0]), cases.labels(row)
            picture(line[2 * place], image, "" if number else "image and mask")
            _outlined(line[2 * place], cases, cases.truth(row), TRUE)
            picture(line[2 * place + 1], image, "" if number else "weak label")
            drawn = np.ma.masked_equal(label, 0)
            line[2 * place + 1].imshow(drawn, cmap="viridis", vmin=1, vmax=1 + len(cases.classes), alpha=0.85)
        line[0].set_ylabel(f"{site}\n{cases.task.sites[site].label}", fontsize=7)
    return figure


def _learning(runs: Runs) -> Any:
    """Validation Dice over local steps of a site."""
    figure, grid = panels(1, 1, (6.0, 3.4))
    axes = grid[0, 0]
    for number, method in enumerate(runs.jobs):
        curve = runs.curve(method)
        there = ~np.isnan(curve["val_dice"])
        style = "-" if number < 10 else "--"
        axes.plot(
            curve["step"][there], 100 * curve["val_dice"][there], style, lw=1.2, label=runs.names[method]
        )
    axes.set_xlabel("local steps of a site")
    axes.set_ylabel("Dice of held out images, %")
    axes.legend(fontsize=6, ncols=2)
    return figure


FIGURES = {"fig3*": _segmented, "fig4*": _embedded, "fig_labels*": _labels, "fig_learning*": _learning}
