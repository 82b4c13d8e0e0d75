"""Every figure of RelationalUNet from tiny predictions."""

import numpy as np
import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.papers.relational_unet import context, figures
from mlmi2023.papers.relational_unet.baselines import build
from mlmi2023.papers.relational_unet.evaluate import predict
from mlmi2023.training.loop.weights import save_weights
from relational_unet_data import RUNET, cohort, job


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("figures")
    data = cohort(root, ["train", "val", "test"])
    torch.manual_seed(0)
    save_weights(build(RUNET, 3, (8, 12, 12)), root / "w.safetensors")
    jobs = {"runet": job(data), "truth": job(data, "truth", {"kind": "truth"})}
    weights = {"runet": root / "w.safetensors"}
    for name, own in jobs.items():
        predict(own, weights.get(name), root / name)
    names = {"runet": "RelationalUNet", "truth": "Truth"}
    return context.load(jobs, weights, {name: root / name for name in jobs}, names)


@pytest.mark.parametrize("figure", ["fig3", "fig5"])
def test_figures_are_drawn(made, tmp_path, figure):
    figures.draw(figure, made, tmp_path / figure)
    assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    assert (tmp_path / f"{figure}.svg").exists()


def test_an_unknown_figure_is_one_line(made, tmp_path):
    with pytest.raises(InputError, match="draws fig3"):
        figures.draw("fig9", made, tmp_path / "x")


def test_the_number_of_weights_is_that_of_the_network(made):
    net = build(RUNET, 3, (8, 12, 12))
    assert figures.parameters(made.weights["runet"]) == sum(p.numel() for p in net.parameters())


def test_the_fullest_slice_shows_most_structures():
    labels = np.zeros((5, 5, 4), np.uint8)
    labels[:, :, 1] = 1
    labels[0, 0, 2], labels[1, 1, 2] = 1, 2
    assert figures.fullest(labels) == 2
