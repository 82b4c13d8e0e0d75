"""Every figure of RelationalUNet from tiny predictions."""

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.nets.registry import build
from mlmi2023.papers.relational_unet import figures
from mlmi2023.papers.relational_unet.evaluate import predict
from mlmi2023.tasks.chain import draw
from mlmi2023.tasks.segmentation import read_about
from mlmi2023.training.loop.weights import save_weights
from relational_unet_data import RUNET, cohort, job


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("figures")
    data = cohort(root, ["train", "val", "test"])
    torch.manual_seed(0)
    net = build(RUNET["net"], 1, 3, (8, 12, 12), "mlmi2023.papers.relational_unet.networks")
    save_weights(net, root / "w.safetensors")
    jobs = {"runet": job(data), "truth": job(data, "truth", {"kind": "truth"})}
    weights = {"runet": root / "w.safetensors"}
    for name, own in jobs.items():
        predict(own, weights.get(name), root / name)
    names = {"runet": "RelationalUNet", "truth": "Truth"}
    assert read_about(root / "runet") == {"parameters": sum(p.numel() for p in net.parameters())}
    return jobs, weights, {name: root / name for name in jobs}, names


@pytest.mark.parametrize("figure", ["fig3", "fig5"])
def test_figures_are_drawn(made, tmp_path, figure):
    draw(figure, *made, tmp_path / figure)
    assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    assert (tmp_path / f"{figure}.svg").exists()


def test_an_unknown_figure_is_one_line(made, tmp_path):
    with pytest.raises(InputError, match="draws fig3"):
        draw("fig9", *made, tmp_path / "x")


def test_the_fullest_slice_shows_most_structures():
    labels = np.zeros((5, 5, 4), np.uint8)
    labels[:, :, 1] = 1
    labels[0, 0, 2], labels[1, 1, 2] = 1, 2
    assert figures.fullest(labels) == 2
