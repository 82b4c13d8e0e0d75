"""The stand-in of beating hearts: labels, motion and speckle say the same."""

import numpy as np
import pytest
import torch

from bad_inputs import said
from mlmi2023.cohorts.sources.simulators.kit.patients import plan
from mlmi2023.cohorts.sources.simulators.moving_hearts.cohort import scene_of, simulate
from mlmi2023.cohorts.sources.simulators.moving_hearts.heart import CAVITY, MUSCLE, contraction
from mlmi2023.cohorts.sources.simulators.moving_hearts.options import read_options
from mlmi2023.core.files import tree_hash
from mlmi2023.fields.displacement import warp

CONFIG = {
    "seed": 5,
    "subjects": {"train": 1, "test": 1},
    "options": {"size": 96, "frames": [6, 6], "scanner": {"samples": 160, "beams": 96}},
}
SHAPE = (96, 96)


def scene(view=0, **options):
    found = read_options({"options": {**CONFIG["options"], **options}})
    return scene_of(plan(CONFIG, name="p{:03d}")[0], view, found)[0]


@pytest.mark.parametrize("view", [0, 1])
def test_motion_is_inverted_and_tissue_does_not_fold(view):
    own = scene(view)
    x, z = own.machine.sector.pixels(SHAPE)
    dx, dz = own.heart.motion(*own.heart.origin(x, z, 1.0), 1.0)
    from_x, from_z = own.heart.origin(x, z, 1.0)
    assert max(np.abs(from_x + dx - x).max(), np.abs(from_z + dz - z).max()) < 0.1, "mm"
    moved_x, moved_z = (a + b for a, b in zip((x, z), own.heart.motion(x, z, 1.0)))
    step = own.machine.sector.pixel(SHAPE)
    area = np.gradient(moved_x, axis=1) * np.gradient(moved_z, axis=0)
    area -= np.gradient(moved_x, axis=0) * np.gradient(moved_z, axis=1)
    assert (area / step**2).min() > 0.1
    still = own.heart.motion(x, z, 0.0)
    assert np.abs(still[0]).max() < 1e-9 and np.abs(still[1]).max() < 1e-9


def test_the_heart_contracts_and_its_wall_thickens_without_losing_area():
    own, rng = scene(), np.random.default_rng(0)
    (_, diastole), (_, systole) = (own.frame(rng, s, SHAPE) for s in (0.0, 1.0))
    cavity = [(labels == CAVITY).sum() for labels in (diastole, systole)]
    muscle = [(labels == MUSCLE).sum() for labels in (diastole, systole)]
    assert 0.3 < cavity[1] / cavity[0] < 0.8 and 0.75 < muscle[1] / muscle[0] < 1.25
    rows = [np.flatnonzero((labels == CAVITY).any(1)) for labels in (diastole, systole)]
    assert rows[1][-1] < rows[0][-1], "the base comes nearer to the apex"


def test_the_true_flow_brings_the_second_frame_and_its_labels_onto_the_first():
    options = {"shadows": {"count": [0, 0]}, "haze": {"level": [-80.0, -80.0]}}
    own, rng = scene(**options), np.random.default_rng(0)
    now, then = 0.35, 0.6
    (first, labels), (second, later) = (own.frame(rng, s, SHAPE) for s in (now, then))
    step = own.machine.sector.pixel(SHAPE)
    flow = torch.from_numpy(own.way(now, then, SHAPE) / step).float()[None]
    assert flow.norm(dim=1)[0][labels > 0].mean() > 0.8, "pixels"
    muscle = torch.from_numpy(labels == MUSCLE)

    def apart(field):
        moved = warp(torch.from_numpy(second).float()[None, None], field)[0, 0]
        return float((moved - torch.from_numpy(first)).abs()[muscle].mean())

    assert apart(flow) < 0.75 * apart(0 * flow), "speckle moves with the tissue"
    assert apart(-flow) > apart(0 * flow) and apart(flow.flip(1)) > 1.1 * apart(flow)
    moved = warp(torch.from_numpy((later == MUSCLE).astype(np.float32))[None, None], flow)[0, 0] > 0.5
    assert 2 * (moved & muscle).sum() / (moved.sum() + muscle.sum()) > 0.93


def test_frames_begin_and_end_slowly():
    share = contraction(9)
    assert share[0] == 0 and share[-1] == 1 and (np.diff(share) > 0).all()
    assert np.diff(share)[0] < np.diff(share)[4] / 2


def test_bytes_depend_on_the_seed_alone(tmp_path):
    small = {**CONFIG, "options": {**CONFIG["options"], "size": 32, "frames": [3, 3]}}
    simulate(small, tmp_path / "a", threads=1)
    simulate(small, tmp_path / "b", threads=2)
    simulate({**small, "seed": 6}, tmp_path / "c")
    first, second, other = (tree_hash(tmp_path / name) for name in "abc")
    assert first == second != other


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sise": 64}, "did you mean 'size'"),
        ({"size": 8}, "options.size: 8"),
        ({"frames": [2, 4]}, "options.frames"),
        ({"motion": {"squeeze": [0.2, 0.4]}}, "options.motion.squeeze"),
        ({"motion": {"shortening": [9.0, 40.0]}}, "options.motion.shortening"),
        ({"levels": {"muscle": [-5.0, -9.0]}}, "options.levels.muscle"),
        ({"heart": {"uneven": 0.5}}, "options.heart.uneven"),
        ({"scanner": {"vendor": "soff"}}, "did you mean 'soft'"),
    ],
)
def test_wrong_options_are_one_line(options, words):
    said(lambda: read_options({"options": options}), words)
