"""The paper's scale has the numbers of the paper's code where the paper prints none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.scans.spacing import respaced
from mlmi2023.core.config import SCALES
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.nets.registry import build, count_weights
from mlmi2023.papers.relational_unet.rsa import RSA
from mlmi2023.training.data.augment3d import Augment3D

ROOT = Path(__file__).parents[3]
CONFIG = read_yaml(ROOT / "config/papers/relational_unet.yaml")


def at(scale):
    return merge(CONFIG["all"], CONFIG[scale])


def test_btcv_has_four_patches_a_step_for_5000_epochs_of_21_scans():
    train = merge(at("paper")["train"], at("paper")["datasets"]["btcv"]["train"])
    assert train["batch"] == 4
    assert train["steps"] == 5000 * 21 and train["epoch_steps"] == 100 * 21 and train["warmup"] == 50 * 21


@pytest.mark.parametrize("scale", SCALES)
def test_patches_of_shifts_are_flipped_turned_and_rotated_about_every_axis(scale):
    own = at(scale)["datasets"]["shifts_wml"]
    augment = Augment3D.from_config(own["train"]["augment"])
    assert (augment.flip, augment.flip_all) == (0, 0.5)
    assert augment.turn == (0.5, 0.5, 0.5) and augment.rotate == (15, 15, 15) and augment.scale == 0.1
    assert len(set(own["task"]["patch"])) == 1, "quarter turns need cubes"
    # negative patches lie where the scaled image is above 0
    assert own["task"]["within"] == 0


def test_nn_unet_has_four_levels_and_5_6_million_weights():
    net = at("paper")["methods"]["nnunet"]["net"]
    assert len(net["features"]) == 4
    assert count_weights(net, 1, 14, (96, 96, 96)) == 5_601_326
    small = build({**net, "features": [2, 4, 6, 8]}, 1, 2, (16, 16, 16))
    assert small(torch.zeros(1, 1, 16, 16, 16)).shape == (1, 2, 16, 16, 16)


def test_kernels_start_as_small_as_in_the_papers_code():
    torch.manual_seed(0)
    layer = RSA(256, (5, 7, 7), 8)  # dd = 32
    assert layer.w1.std().item() == pytest.approx((245 * 32) ** -0.5, rel=0.05)
    torch.manual_seed(0)
    for name in ("h1", "h2", "g"):
        filters = getattr(layer, name)
        like = torch.nn.Conv3d(1, len(filters), (5, 7, 7)).weight
        assert filters.shape == like.shape
        assert filters.abs().max().item() == pytest.approx(245**-0.5, rel=1e-3), name
        assert filters.std().item() == pytest.approx(like.std().item(), rel=0.05), name


def test_btcv_is_interpolated_without_smoothing():
    read = read_yaml(ROOT / "config/cohorts/btcv.yaml")["paper"]["read"]
    assert read["smooth"] is False and read["spacing"] == [1.5, 1.5, 2.0]
    volume = np.zeros((9, 1, 1))
    volume[4] = 1.0
    sharp, smooth = (respaced(volume, (1, 1, 1), (2, 1, 1), smooth=how) for how in (False, True))
    # four new voxels, between the old ones: linear interpolation alone
    assert np.allclose(sharp[:, 0, 0], np.interp([1, 3, 5, 7], np.arange(9), volume[:, 0, 0]))
    assert smooth.max() > sharp.max()
