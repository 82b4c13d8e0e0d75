"""Figures 2 and 3 of the paper, and ours: the views that are paired, and validation curves."""

from typing import Any

import numpy as np
import torch

from mlmi2023.drawing.panels import panels, picture
from mlmi2023.papers.histo_kd.building import OWN, build, class_counts, method_of, probed_view
from mlmi2023.papers.histo_kd.evaluate import CKA
from mlmi2023.papers.histo_kd.gradcam import heat_maps, on_structures
from mlmi2023.papers.histo_kd.patches import Patches
from mlmi2023.tasks.runs import Runs, read_arrays, ready

#: patches that are shown in Fig. 2, and over which its numbers are means
SHOWN, COUNTED = 2, 64
STAGES = ("layer1", "layer2", "layer3", "layer4")


class _Answer(torch.nn.Module):
    """An encoder and the dense layer of one target, as one network from images to logits."""

    def __init__(self, encoder: torch.nn.Module, head: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))  # type: ignore[no-any-return]


def _spread(items: Any, count: int) -> Any:
    return items[np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)]


def _gradcam(runs: Runs) -> Any:
    """Grad-CAM after each stage, of the first target's likeliest class (Fig. 2), and its share on nuclei."""
    patches = Patches(runs.job)
    cells, target = patches.cells()[0], next(iter(patches.task.targets or {}))
    rows = patches.rows("test")
    rows = rows[[bool(cells[row].any()) for row in rows]]
    shown, counted = _spread(rows, SHOWN), _spread(rows, COUNTED)
    both = torch.from_numpy(np.concatenate([shown, counted]))
    lines, columns = len(runs.jobs), 2 + len(STAGES)
    figure, grid = panels(len(shown) * lines, columns, (1.45 * columns, 1.6 * len(shown) * lines))
    for line, (method, job) in enumerate(runs.jobs.items()):
        net, device = ready(
            job, build(method_of(job.method_options), class_counts(patches)), runs.weights[method]
        )
        answer = _Answer(net.get_submodule(f"encoders.{OWN}"), net.get_submodule(f"heads.{target}")).eval()
        x = patches.view(probed_view(patches.task), both, device).clone()
        heat = heat_maps(answer, x, [f"encoder.trunk.{stage}" for stage in STAGES])
        on = torch.from_numpy(cells[counted] > 0).to(device)
        shares = [on_structures(own[len(shown) :], on) for own in heat]
        for place, row in enumerate(shown):
            axes_row = grid[place * lines + line]
            picture(axes_row[0], patches.cohort.images[row])
            axes_row[0].set_ylabel(runs.names[method], fontsize=5)
            picture(axes_row[1], cells[row] > 0, cmap="gray")
            for axes, stage, own, share in zip(axes_row[2:], STAGES, heat, shares):
                picture(axes, own[place].cpu().numpy(), cmap="inferno", vmin=0, vmax=1)
                said = f"x {share:.2f}" if np.isfinite(share) else "no heat"
                axes.set_title(f"{stage}, {said}", fontsize=6)
    for axes, what in zip(grid[0], ("patch", "nuclei")):
        axes.set_title(what, fontsize=6)
    return figure


def _cka(runs: Runs) -> Any:
    """CKA of all pairs of layers, for pairs of models of two groups (Fig. 3)."""
    found = {method: read_arrays(runs.predictions[method] / CKA) for method in runs.predictions}
    pairs = [name for name in next(iter(found.values())) if name != "layers"]
    figure, grid = panels(len(found), len(pairs), (2.6 * len(pairs), 2.5 * len(found)))
    image = None
    for axes_row, (method, values) in zip(grid, found.items()):
        for axes, pair in zip(axes_row, pairs):
            image = axes.imshow(values[pair], vmin=0, vmax=1, cmap="viridis", origin="lower")
            one, other = pair.split("-")
            axes.set(xlabel=f"layer, {other}", ylabel=f"layer, {one}")
            axes.set_title(runs.names[method], fontsize=7)
    figure.colorbar(image, ax=grid, label="CKA", shrink=0.8)
    return figure


def _views(runs: Runs) -> Any:
    """Test patches and what the branches of this dataset see of them."""
    patches = Patches(runs.job)
    rows = _spread(patches.rows("test"), 6)
    kinds = list(dict.fromkeys(("image", *patches.task.pair)))
    figure, grid = panels(len(kinds), len(rows), (1.4 * len(rows), 1.5 * len(kinds)))
    for axes_row, kind in zip(grid, kinds):
        seen = patches.view(kind, torch.from_numpy(rows), torch.device("cpu")).permute(0, 2, 3, 1).numpy()
        for axes, own in zip(axes_row, seen):
            picture(axes, own, vmin=0, vmax=1)
        axes_row[0].set_ylabel(kind, fontsize=7)
    for axes, row in zip(grid[0], rows):
        axes.set_title(patches.cohort.tissues[row], fontsize=6)
    return figure


def _learning(runs: Runs) -> Any:
    """What can be read from validation patches while embeddings learn, or how many partners are found."""
    figure, grid = panels(1, 1, (5.4, 3.4))
    axes = grid[0][0]
    for method in runs.weights:
        curve = runs.curve(method)
        name = next(key for key in ("val_acc", "val_read", "val_match", "val_error") if key in curve)
        there = np.isfinite(curve[name])
        axes.plot(curve["step"][there], curve[name][there], marker=".", label=runs.names[method])
    axes.set(xlabel="step", ylabel=f"{name} on validation patches")
    axes.legend(fontsize=6)
    return figure


FIGURES = {
    "fig2*": _gradcam,
    "fig3": _cka,
    "fig_views*": _views,
    "fig_learning": _learning,
}
