"""PENet and the branches: sizes of the paper, shapes, weights of the release."""

import hashlib

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.exams.reader import open_exams
from mlmi2023.core.errors import InputError
from mlmi2023.papers.pecon.branches import Branches
from mlmi2023.papers.pecon.checkpoint import load_release
from mlmi2023.papers.pecon.inference import load_penet, run_network
from mlmi2023.papers.pecon.penet import PENet, build_penet
from mlmi2023.papers.pecon.scans import Cut, ScanStore
from pecon_data import NET, SCAN, TASK, job, packed_cohort
from pecon_data import PENET as PENET_OPTIONS

# Counts by hand. A bottleneck with w channels, c in and 2w out, 32 groups, no bias, norms with 2 values a
# channel:
#   c w + 2w (reduce), 27 w w / 32 + 2w (spatial), 2 w w + 4w (expand), gate of 2w channels, 16 times
#   narrower: 2 * (2w)^2 / 16 + 2w / 16 + 2w; a skip, in the first of a stage: c 2w + 4w


def bottleneck(c, w, first):
    gate = 2 * (2 * w) ** 2 // 16 + 2 * w // 16 + 2 * w
    return c * w + 2 * w + 27 * w * w // 32 + 2 * w + 2 * w * w + 4 * w + gate + first * (2 * c * w + 4 * w)


STAGES = sum(
    bottleneck(c, w, True) + (n - 1) * bottleneck(2 * w, w, False)
    for c, w, n in ((64, 128, 3), (256, 256, 4), (512, 512, 6), (1024, 1024, 3))
)
# three input channels: 343 * 3 * 64, its norm 128, the classifier 2048 + 1
PENET = 343 * 3 * 64 + 128 + STAGES + 2049


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_penet_has_the_size_that_was_counted_by_hand():
    with torch.device("meta"):
        net = PENet(in_channels=3)
    assert count(net) == PENET == 28_398_705
    assert net.features == 2048
    assert [len(stage) for stage in net.stages] == [3, 4, 6, 3]


def test_penet_maps_24_slices_of_192_to_2048_features():
    with torch.device("meta"):
        net, x = PENet(in_channels=3), torch.empty(2, 1, 24, 192, 192)
    maps = net.maps(x)
    # 24 -> 12 (pool) -> 6 -> 3 -> 2; 192 -> 96 (stem) -> 48 (pool) -> 24 -> 12 -> 6
    assert maps.shape == (2, 2048, 2, 6, 6)
    features, logit = net(x)
    assert features.shape == (2, 2048) and logit.shape == (2,)


def test_branches_have_the_printed_layers():
    net = Branches(2048, 39)
    f_c = [(m.in_features, m.out_features) for m in net.f_c if isinstance(m, torch.nn.Linear)]
    f_e = [(m.in_features, m.out_features) for m in net.f_e if isinstance(m, torch.nn.Linear)]
    assert f_c == [(2048, 512), (512, 256), (256, 128)]
    assert f_e == [(39, 128), (128, 128)]
    layers = 2048 * 512 + 512 + 512 * 256 + 256 + 256 * 128 + 128 + 39 * 128 + 128 + 128 * 128 + 128
    assert count(net) == layers + 2 * (128 * 2 + 2) + 1  # two classifiers and the release's temperature
    z_c, z_e = net.embed(torch.randn(3, 2048), torch.rand(3, 39))
    assert torch.allclose(z_c.norm(dim=1), torch.ones(3)) and torch.allclose(z_e.norm(dim=1), torch.ones(3))


def test_maps_may_be_taken_half_way():
    net = build_penet({"net": NET}).eval()
    x = torch.randn(2, 1, 6, 32, 32)
    assert torch.allclose(net.pooled(net.maps(x, 1), 1), net(x)[0], atol=1e-6)


def test_a_skipped_branch_leaves_the_skip():
    net = build_penet({"net": {**NET, "drop_path": 0.5}})
    block = net.stages[1][0]
    assert 0.5 < block.keep < 1
    block.keep = 0.0
    x = torch.randn(1, 8, 2, 4, 4)
    assert torch.equal(block.train()(x), block.skip(x))
    assert not torch.equal(block.eval()(x), block.skip(x))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match=r"net\.cardinality"):
        build_penet({"net": {"widths": [6, 8], "blocks": [1, 1], "cardinality": 4}})
    with pytest.raises(InputError, match=r"net\.depth is unknown"):
        build_penet({"net": {"depth": 50}})


def as_released(net):
    """Rename weights as the release does."""
    names = {}
    for name, value in net.state_dict().items():
        part = name.split(".")
        if part[0] == "stem":
            new = f"in_conv.{part[1]}.{part[2]}"
        elif part[0] == "head":
            new = f"classifier.fc.{part[1]}"
        else:
            inner = {
                "reduce": ("conv1", "norm1"),
                "spatial": ("conv2", "norm2"),
                "expand": ("conv3", "norm3"),
            }
            where = f"encoders.{part[1]}.penet_blocks.{part[2]}"
            if part[3] in inner:
                new = f"{where}.{inner[part[3]][int(part[4])]}.{part[5]}"
            elif part[3] == "gate":
                new = f"{where}.se_block.excite.{part[5]}.{part[6]}"
            else:
                new = f"{where}.down_sample.{part[4]}.{part[5]}"
        names[f"module.{new}"] = value.clone()
    return names


def test_weights_of_the_release_are_loaded_by_path_and_checksum(tmp_path):
    there, here = build_penet({"net": NET}), build_penet({"net": NET})
    file = tmp_path / "penet.pth.tar"
    torch.save({"model_name": "PENetClassifier", "model_state": as_released(there)}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    load_release(here, {"path": file, "sha256": digest})
    x = torch.rand(1, 1, 6, 32, 32) * 2 - 1
    assert torch.equal(here.eval()(x)[1], there.eval()((x + 1) / 2 - 0.15897)[1])
    with pytest.raises(InputError, match="its sha256 is"):
        load_release(here, {"path": file, "sha256": "0" * 64})


def test_published_weights_get_the_input_that_they_know(tmp_path):
    """-100 to 900 Hounsfield units as 0 to 1, less the mean of the release's voxels; our own see -1 to 1."""
    exams = open_exams(packed_cohort())
    cut = Cut.of({"scan": {**SCAN, "hu": [-100, 900]}}, exams)
    store = ScanStore(exams, cut, torch.device("cpu"))
    row = int(exams.rows("test")[exams.has_ct[exams.rows("test")]][0])
    volume = exams.scan(row)[:6, 2:34, 2:34].astype(np.float64)
    file = tmp_path / "penet.pth.tar"
    torch.save({"model_state": as_released(build_penet({"net": NET}))}, file)
    options = {**PENET_OPTIONS, "kind": "pretrained", "weights": {"path": str(file), "sha256": None}}
    released, own = load_penet(options, None), build_penet({"net": NET})
    seen = []
    for net in (released, own):
        net.stem.register_forward_hook(lambda _, given, answer: seen.append(given[0][0, 0].numpy()))
        with torch.inference_mode():
            net.eval()(store.take(torch.tensor([row]), torch.tensor([0])))
    scaled = np.clip((volume + 100) / 1000, 0, 1)
    assert volume.min() < -100 and scaled.max() > 0.3
    assert np.allclose(seen[0], scaled - 0.15897, atol=1e-6) and np.allclose(
        seen[1], 2 * scaled - 1, atol=1e-6
    )
    task = {**TASK, "scan": {**SCAN, "hu": [-150, 900]}}
    with pytest.raises(InputError, match=r"task\.scan\.hu is \[-150, 900\].*\[-100\.0, 900\.0\]"):
        run_network(job("penet", options, task=task), None, exams)


def test_absent_or_wrong_weights_say_what_to_do(tmp_path):
    net = build_penet({"net": NET})
    with pytest.raises(InputError, match=r"no such file; ask for PENet's weights.*kind: learned"):
        load_release(net, {"path": tmp_path / "none.pth.tar"})
    file = tmp_path / "w.pth.tar"
    state = as_released(net)
    state.pop("module.classifier.fc.bias")
    torch.save({"model_state": state}, file)
    with pytest.raises(InputError, match=r"no weights for head\.bias"):
        load_release(net, {"path": file})
    torch.save({"model_state": as_released(build_penet({"net": {**NET, "in_channels": 3}}))}, file)
    with pytest.raises(InputError, match="has the shape"):
        load_release(net, {"path": file})
    file.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="read safely"):
        load_release(net, {"path": file})
