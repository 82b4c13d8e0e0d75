"""Figures of defxattn_reg: files, Grad-CAM by hand, sampling grids in the right place."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers import defxattn_reg
from mlmi2023.papers.defxattn_reg.gradcam import class_activation, correlation, heat_map
from mlmi2023.papers.defxattn_reg.model import build_net
from mlmi2023.papers.defxattn_reg.sampling import sampling_grid
from mlmi2023.tasks import chain
from mlmi2023.training.loop.weights import save_weights

SHAPE = (32, 24, 16)
DCA = {
    "encoder": {
        "kind": "deformable_cross_attention",
        "embed": 8,
        "depths": [2, 1],
        "heads": [2, 2],
        "window": [2, 2, 2],
        "offset_kernels": [3, 3],
    },
    "decoder": {"kind": "bspline", "resize_channels": 8},
}
VOXELMORPH = {"encoder": {"kind": "voxelmorph", "down": [4, 8], "up": [8, 8], "full": [4]}}


def packed(folder: Path) -> Path:
    """Write two subjects, of whom the first is moving in T1 and the second fixed in T2."""
    folder.mkdir()
    for modality, seed in (("T1w", 1), ("T2w", 2)):
        volumes = np.zeros((2, *SHAPE), np.float16)
        rng = np.random.default_rng(seed)
        volumes[:, 4:-4, 4:-4, 2:-2] = rng.uniform(0.3, 1, (2, 24, 16, 12))
        np.save(folder / f"{modality}.npy", volumes)
    about = {
        "name": "boxes",
        "subjects": [{"subject": "a", "split": "atlas"}, {"subject": "b", "split": "test"}],
        "modalities": ["T1w", "T2w"],
        "shape": SHAPE,
        "spacing": [2.0, 2.0, 2.0],
        "affine": np.diag([2.0, 2, 2, 1]).tolist(),
        "labels": {},
        "landmarks": [],
        "content_hash": "boxes",
    }
    seal(folder, about, "")
    return folder


def make(options: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    net = build_net(options, SHAPE)
    for module in net.modules():
        if hasattr(module, "pointwise"):
            torch.nn.init.normal_(module.pointwise.weight, std=0.3)
    return net


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict:
    """Two networks and a field of SyN for the one test pair."""
    root = tmp_path_factory.mktemp("runs")
    data = packed(root / "packed")
    task = {"kind": "atlas_to_patient", "moving": "T1w", "fixed": "T2w"}
    options = {
        "syn": {"kind": "syn"},
        "voxelmorph": {"kind": "learned", **VOXELMORPH},
        "tm_dca": {"kind": "learned", **DCA},
    }
    jobs, weights, predictions = {}, {}, {}
    for method, own in options.items():
        jobs[method] = Job(
            "defxattn_reg", "ixi", method, 0, data, task=task, method_options=own, device="cpu"
        )
        predictions[method] = root / method
        predictions[method].mkdir()
        case = {"case": "a-to-b", "moving": 0, "fixed": 1, "label": "", "seconds": None, "peak_mb": None}
        (root / method / "cases.json").write_text(json.dumps([case]))
        if own["kind"] == "learned":
            weights[method] = root / f"{method}.safetensors"
            save_weights(make({k: v for k, v in own.items() if k != "kind"}), weights[method])
    field = np.zeros((3, *SHAPE), np.float16)
    field[0] = 1
    np.savez(root / "syn/a-to-b.npz", displacement=field)
    names = {"syn": "SyN", "voxelmorph": "VoxelMorph", "tm_dca": "TM-DCA"}
    return {"jobs": jobs, "weights": weights, "predictions": predictions, "names": names}


@pytest.mark.parametrize("figure", ["fig2d", "fig3"])
def test_figures_are_written_and_repeat(figure, runs, tmp_path):
    for name in "ab":
        chain.draw(figure, **runs, stem=tmp_path / name)
    for kind in ("png", "svg"):
        first, second = (tmp_path / f"{name}.{kind}" for name in "ab")
        assert first.stat().st_size > 5_000
        assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_drawn_is_named(runs, tmp_path):
    with pytest.raises(InputError, match="fig9"):
        chain.draw("fig9", **runs, stem=tmp_path / "a")
    alone = {"voxelmorph": runs["weights"]["voxelmorph"]}
    with pytest.raises(InputError, match="deformable attention"):
        chain.draw("fig2d", **{**runs, "weights": alone}, stem=tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_class_activation_by_hand():
    activation = torch.tensor([[1.0, 2.0], [4.0, 0.0]]).view(1, 2, 2, 1, 1)
    gradient = torch.tensor([[1.0, 3.0], [-1.0, 0.0]]).view(1, 2, 2, 1, 1)
    # weights 2 and -0.5: places 2 * 1 - 0.5 * 4 = 0 and 2 * 2 - 0 = 4, scaled by 4
    assert class_activation(activation, gradient).flatten().tolist() == [0.0, 1.0]
    assert class_activation(activation, -gradient).flatten().tolist() == [0.0, 0.0]


def test_correlation():
    image = torch.rand(1, 1, 4, 4, 4)
    assert correlation(image, 3 * image + 1).item() == pytest.approx(1, abs=1e-5)
    assert correlation(image, -image).item() == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("options", [DCA, VOXELMORPH])
def test_heat_map_explains_the_field_and_leaves_the_net_alone(options):
    net = make(options).train()
    torch.nn.init.normal_(net.core.decoder.field.weight if options is DCA else net.core.field.weight, std=0.3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    torch.manual_seed(1)
    moving, fixed = torch.rand(2, 1, 1, *SHAPE)
    heat, field = heat_map(net, moving, fixed)
    assert heat.shape == SHAPE and heat.min() >= 0 and heat.max() == pytest.approx(1)
    assert net.training and all(p.grad is None for p in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
    assert np.array_equal(field, net.eval()(moving, fixed)[0].detach().numpy())


@pytest.mark.parametrize("scale", [1, 0.5])
def test_sampling_grid_is_in_voxels_of_the_image(scale):
    net = make(DCA | {"input_scale": scale})
    attention = net.core.encoder.levels[0][0].moving.attention
    offsets = torch.zeros(1, 2, 3, *attention.shape)
    offsets[:, 1, 0] = 1  # head 2 reads one token to the right
    offsets[:, 1, 0, -1] = 5  # and here beyond the map
    attention.offsets.forward = lambda base, reference: offsets
    grid = sampling_grid(net, *torch.rand(2, 1, 1, *SHAPE))
    cell = int(4 / scale)
    still, moved = grid.places(0), grid.places(1)
    assert still[:, 0, 0, 0].tolist() == [(cell - 1) / 2] * 3
    assert still[1, 0, 1, 0] - still[1, 0, 0, 0] == cell
    assert np.all(moved[0, :-1] - still[0, :-1] == cell) and np.all(moved[1:] == still[1:])
    assert np.all(moved[0, -1] == still[0, -1])  # the border is read instead
    assert grid.heads_by_reach(grid.windows(0)[0]).tolist() == [1, 0]
    low, high = grid.extent(grid.windows(0)[0])
    assert low.tolist() == [-0.5] * 3 and (high - low).tolist() == [2 * cell] * 3


def test_no_grid_without_deformable_attention():
    assert sampling_grid(make(VOXELMORPH), *torch.rand(2, 1, 1, *SHAPE)) is None
    plain = DCA | {"encoder": DCA["encoder"] | {"offset_kernels": None}}
    assert sampling_grid(make(plain), *torch.rand(2, 1, 1, *SHAPE)) is None


def test_deviations_say_what_and_why():
    found = yaml.safe_load((Path(defxattn_reg.__file__).parent / "deviations.yaml").read_text())
    assert len(found) > 10
    assert all(set(entry) == {"what", "why"} and all(entry.values()) for entry in found)
