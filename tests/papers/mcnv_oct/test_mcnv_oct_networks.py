"""The networks: sizes at the paper's scale, shapes, ablations, weights from files."""

import itertools

import pytest
import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock

from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.nets import registry
from mlmi2023.papers.mcnv_oct.model import CnnBranch
from mlmi2023.papers.mcnv_oct.vit_branch import SuperTokenBlock, SuperTokenViT
from preflight_root import ROOT

OWN = "mlmi2023.papers.mcnv_oct.networks"
NET = {
    "name": "parallel_net", "features": [4, 6, 8], "depths": [1, 1, 1], "widths": [4, 6, 8, 12],
    "heads": [1, 1, 2, 2], "hidden": 12, "hidden_heads": 2, "layers": 1,
}  # fmt: skip
SMALL = {
    "proposed": NET,
    "e1": {**NET, "vit": "plain", "separable": False},
    "stem": {**NET, "stem": 4, "grids": [4, 2, 1, 1]},
    "near": {**NET, "reach": "near", "iterations": 2},
    "utnet": {"name": "utnet", "widths": [2, 4, 4, 4, 8], "blocks": [1, 1, 1], "heads": [1, 2, 2]},
    "res_utnet": {
        "name": "res_utnet", "depths": [1, 1, 1, 1], "width": 2, "decoder": [8, 8, 4, 4, 2], "reduced": 2,
    },
}  # fmt: skip


def build(options, size=(32, 32), channels=1):
    return registry.build(options, channels, 1, size, OWN)


def at_paper_scale(method, **more):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["mcnv_oct"]})
    net = Settings(config, ROOT).method("mcnv_oct", "mcnv", method)["net"]
    return registry.count_weights({**net, **more}, 1, 1, (256, 256), OWN)


def block(width):
    """Weights of a super token block: position, two norms, attention, FFN."""
    return 10 * width + 4 * width + 4 * width**2 + 4 * width + 8 * width**2 + 45 * width


def test_weights_at_the_papers_scale_by_hand():
    proposed = at_paper_scale("proposed")
    assert proposed == 19_580_921
    # published ResNet-34, less its classifier, its last stage, and two of three colours
    resnet = 21_797_672 - 513_000 - 13_114_368 - 2 * 64 * 49
    assert sum(p.numel() for p in CnnBranch(1, (64, 128, 256), (3, 4, 6)).parameters()) == resnet
    widths = (64, 128, 320, 512)
    stem = 9 * (32 + 32 * 32 + 32 * 64 + 64 * 64) + 2 * (32 + 32 + 64 + 64)
    between = sum(9 * a * b + b + 2 * b for a, b in itertools.pairwise(widths))
    module = stem + 65 * 64 + sum(map(block, widths)) + between + 513 * 256
    with torch.device("meta"):
        found = SuperTokenViT(1, 256, (256, 256))
        assert sum(p.numel() for p in SuperTokenBlock(320, 5, 2).parameters()) == block(320)
    assert sum(p.numel() for p in found.parameters()) == module
    # depth-wise, point-wise and norm, and a third part for the residual unit and its shortcut
    separable = sum(9 * w + w**2 + 2 * w + 9 * w**2 + w**2 for w in (64, 128, 256))
    assert proposed - at_paper_scale("e3") == separable == at_paper_scale("e2") - at_paper_scale("e1")
    # how tokens associate costs no weights
    assert at_paper_scale("near") == at_paper_scale("full") == proposed
    assert at_paper_scale("proposed", iterations=3) == proposed


@pytest.mark.parametrize(
    ("method", "count"),
    [("unet", 31_112_065), ("att_unet", 31_739_185), ("utnet", 14_174_289), ("res_utnet", 77_989_013)],
)
def test_weights_of_the_baselines(method, count):
    assert at_paper_scale(method) == count


@pytest.mark.parametrize("name", SMALL)
def test_logits_have_the_size_of_the_image_and_reach_every_weight(name):
    torch.manual_seed(0)
    net = build(SMALL[name], (64, 32))
    logits = net(torch.randn(2, 1, 64, 32))
    assert logits.shape == (2, 1, 64, 32)
    logits.square().mean().backward()
    assert not [key for key, p in net.named_parameters() if p.grad is None]


def test_both_branches_meet_at_three_scales():
    torch.manual_seed(0)
    net, image = build(NET, (64, 64)), torch.randn(1, 1, 64, 64)
    for maps in (net.vit(image), net.cnn(image)):
        assert [tuple(x.shape[1:]) for x in maps] == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]
    coarse = build(SMALL["stem"], (64, 64)).vit(image)
    assert [tuple(x.shape[1:]) for x in coarse] == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]


def test_ablations_switch_what_they_say():
    kinds = {name: type(build(SMALL[name]).vit.encoder).__name__ for name in ("proposed", "e1")}
    assert kinds == {"proposed": "SuperTokenViT", "e1": "PlainViT"}
    assert all(fuse.separable is None for fuse in build(SMALL["e1"]).fusion)
    torch.manual_seed(0)
    net, image = build(NET, (64, 64)).eval(), torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        before = net(image)
        for change in ({"reach": "near"}, {"iterations": 2}, {"grids": [1, 1, 1, 1]}):
            other = build({**NET, **change}, (64, 64)).eval()
            other.load_state_dict(net.state_dict())
            assert not torch.equal(other(image), before), change


def test_what_does_not_fit_is_said():
    for options, size, words in (
        (NET, (40, 40), "before block 1, whose super tokens are 8 x 8"),
        (SMALL["e1"], (40, 40), "does not divide by 16"),
        ({**NET, "vit": "swin"}, (32, 32), "super or plain"),
        ({**NET, "stem": 3}, (96, 96), "by 2 or by 4"),
        ({**NET, "heads": [3, 1, 1, 1]}, (32, 32), "4 channels do not divide into 3 heads"),
        (SMALL["utnet"], (40, 40), "does not divide by 16"),
        (SMALL["res_utnet"], (48, 48), "does not divide by 32"),
    ):
        with pytest.raises(InputError, match=words):
            build(options, size)


def test_weights_of_a_whole_resnet_fill_the_branch(tmp_path):
    """A file with the names that torchvision gives a ResNet of basic blocks, over three colours."""
    torch.manual_seed(0)
    whole = ResNet(
        ResNetBlock, [1, 1, 1, 1], [4, 6, 8, 10], spatial_dims=2, conv1_t_size=7, conv1_t_stride=2,
        bias_downsample=False,
    )  # fmt: skip
    torch.save(whole.state_dict(), tmp_path / "r.pth")
    # its stem has as many channels as its first stage
    net = build({**NET, "pretrained": {"path": str(tmp_path / "r.pth")}})
    assert torch.equal(net.cnn.net.layer3[0].conv2.weight, whole.layer3[0].conv2.weight)
    assert torch.allclose(net.cnn.net.conv1.weight, whole.conv1.weight.sum(1, keepdim=True))
