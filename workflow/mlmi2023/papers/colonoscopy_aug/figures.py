"""Saliency of each centre (Fig. 1), masked samples (Fig. 3), segmentations (Fig. 4), and figures of ours."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.colonoscopy_aug.frames import Frames, some_of_each, view_of
from mlmi2023.papers.colonoscopy_aug.keeping import attended
from mlmi2023.papers.colonoscopy_aug.saliency import FILE
from mlmi2023.papers.colonoscopy_aug.sdnet import SDNet
from mlmi2023.tasks.domains import View
from mlmi2023.tasks.runs import Runs, read_arrays, ready
from mlmi2023.tasks.segmentation import build_network, read_case

TRUTH, FOUND = "#2CA02C", "#D62728"
#: tested frames that Fig. 4 shows, and samples of Fig. 3
CASES, SAMPLES = 3, 2


def _classifier(runs: Runs) -> tuple[View, np.ndarray]:
    """Return the frames, without labels, and the classifier's saliency of all (N, h, w).

    Raises:
        InputError: the figure does not name the classifier.
    """
    for method, job in runs.jobs.items():
        if job.method_options.get("model") == "classifier":
            view = view_of(job, "testing")
            return view, read_arrays(runs.predictions[method] / FILE)["maps"]
    raise InputError("a figure of saliency needs the classifier among its methods; add it to 'methods'")


def _saliency(runs: Runs) -> Any:
    """Fig. 1: a frame of each centre, the saliency (dark: looked at), and what is kept of it."""
    view, maps = _classifier(runs)
    size = view.images.shape[1:3]
    rows = some_of_each(view, range(len(view.images)), 1)
    figure, grid = panels(3, len(rows), (1.5 * len(rows), 4.8))
    for column, row in zip(grid.T, rows):
        saliency = torch.from_numpy(maps[[row]])
        large = F.interpolate(saliency[None], size=list(size), mode="bilinear")[0, 0]
        out = " (left out)" if row in view.parts.test else ""
        picture(column[0], view.images[row], f"{view.domains[row]}{out}")
        picture(column[1], 1 - large.numpy(), cmap="viridis", vmin=0, vmax=1)
        picture(column[2], ~attended(saliency, size)[0].numpy(), cmap="gray", vmin=0, vmax=1)
    for axes, name in zip(grid[:, 0], ("Frame", "GradCAM", "Kept")):
        axes.set_ylabel(name, fontsize=8)
    return figure


def _samples(runs: Runs) -> Any:
    """Fig. 3: masked frames, and a masked channel of SDNet's anatomy."""
    view, maps = _classifier(runs)
    found = [method for method, job in runs.jobs.items() if job.method_options.get("model") == "sdnet"]
    rows = some_of_each(view, view.parts.train, 1)[:SAMPLES]
    figure, grid = panels(len(rows), 2 + 2 * len(found), (1.7 * (2 + 2 * len(found)), 1.8 * len(rows) + 0.3))
    for number, (line, row) in enumerate(zip(grid, rows)):
        keep = ~attended(torch.from_numpy(maps[[row]]), view.images.shape[1:3]).numpy()
        titles = ("Frame", "Masked for U-Net and DeepLabV3+") if number == 0 else ("", "")
        picture(line[0], view.images[row], titles[0])
        picture(line[1], view.images[row] * keep[0][..., None], titles[1])
        for place, method in enumerate(found):
            channel = _anatomy(runs, method, row)
            names = ("Anatomy of SDNet", "Masked for SDNet") if number == 0 else ("", "")
            for axes, image, name in zip(line[2 + 2 * place :], (channel, channel * keep[0]), names):
                picture(axes, image, name, cmap="gray", vmin=0, vmax=1)
    return figure


def _anatomy(runs: Runs, method: str, row: int) -> np.ndarray:
    """Return the channel of a frame's anatomy that is nearest to half full, (H, W)."""
    job = runs.jobs[method]
    frames = Frames(job, "testing")
    net, device = ready(job, build_network(job, frames), runs.weights[method])
    assert isinstance(net, SDNet)
    image = torch.from_numpy(np.array(frames.inputs(row))).to(device).float().movedim(-1, 1)
    with torch.inference_mode():
        maps = net.anatomy(frames.prepare(image))[0].cpu().numpy()
    return maps[np.abs(maps.mean((1, 2)) - 0.5).argmin()]


def _outlined(axes: Any, image: np.ndarray, labels: np.ndarray, colour: str, title: str) -> None:
    picture(axes, image, title)
    if 0 < np.count_nonzero(labels) < labels.size:
        axes.contour(labels > 0, [0.5], colors=[colour], linewidths=1)


def _results(runs: Runs) -> Any:
    """Fig. 4: tested frames with the truth, and what each method finds."""
    frames = Frames(runs.job, "truth")
    there = [row for row in frames.rows("test") if frames.truth(row).any()] or frames.rows("test")
    rows = [there[int(n)] for n in np.linspace(0, len(there) - 1, min(CASES, len(there)))]
    figure, grid = panels(len(rows), 1 + len(runs.predictions), (1.6 * (1 + len(runs.predictions)), 5.0))
    for number, (line, row) in enumerate(zip(grid, rows)):
        image = frames.view.images[row]
        _outlined(line[0], image, frames.truth(row), TRUTH, "Truth" if number == 0 else "")
        for axes, (method, folder) in zip(line[1:], runs.predictions.items()):
            labels = read_case(Path(folder), frames, row)["labels"]
            _outlined(axes, image, labels, FOUND, runs.names[method] if number == 0 else "")
    return figure


def _learning(runs: Runs) -> Any:
    """Dice on validation frames while networks learn."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    for method in runs.weights:
        curve = runs.curve(method)
        measured = np.isfinite(curve["val_dice"])
        axes.plot(curve["step"][measured], curve["val_dice"][measured], label=runs.names[method])
    axes.set_xlabel("step")
    axes.set_ylabel("Dice, validation frames")
    axes.legend(fontsize=7)
    return figure


FIGURES = {"fig1": _saliency, "fig3": _samples, "fig4": _results, "fig_learning": _learning}
