"""The baselines of Table 1 and TMU-Net: sizes, shapes, and that every part of them takes part."""

import pytest
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.nets import registry
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.papers.fine_grained_wavelet.hiformer import DoubleLevelFusion
from mlmi2023.papers.fine_grained_wavelet.levit_unet import LevitAttention

OWN = "mlmi2023.papers.fine_grained_wavelet.networks"
RESNET = {"depths": [1, 1, 1], "width": 4}
TINY = {
    "fet": {
        "widths": [8, 16, 24, 32],
        "heads": [1, 2, 2, 4],
        "decoder_heads": [4, 2, 1],
        "depths": [1, 1, 1, 1],
        "bridge": 1,
    },
    "r50_unet": {"depths": [1, 1, 1, 1], "width": 4, "bottleneck": 16, "decoder": [16, 8, 8, 4, 4]},
    "deeplabv3p": {"depths": [1, 1, 1, 1], "width": 4, "pyramid": 16, "low": 4, "rates": [1, 2]},
    "levit_unet": {
        "widths": [32, 48, 64], "heads": [2, 3, 4], "depths": [1, 1, 1], "key": 8, "bottleneck": 16,
        "decoder": [16, 8, 8, 4],
    },
    "hiformer": {
        **RESNET, "swin": 8, "blocks": [2, 2, 2], "heads": [1, 2, 2], "window": 4, "fusion_heads": [2, 4],
        "decoder": 8,
    },
    "tmu_net": {**RESNET, "hidden": 16, "heads": 2, "layers": 1, "bottleneck": 16, "decoder": [16, 8, 8, 4]},
}  # fmt: skip


# millions; Table 1 prints 30.42, 59.50, 52.17 and 25.51 for the first four, none for TMU-Net
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("r50_unet", 30.03),
        ("deeplabv3p", 59.34),
        ("levit_unet", 50.53),
        ("hiformer", 25.28),
        ("tmu_net", 106.86),
    ],
)
def test_sizes(name, millions):
    printed = {"r50_unet": 30.42, "deeplabv3p": 59.50, "levit_unet": 52.17, "hiformer": 25.51}
    count = registry.count_weights({"name": name}, 3, 9, (224, 224), OWN) / 1e6
    assert count == pytest.approx(millions, abs=0.006)
    assert count == pytest.approx(printed.get(name, count), rel=0.035)


@pytest.mark.parametrize("name", sorted(TINY))
def test_logits_have_the_size_of_the_image_and_reach_every_weight(name):
    torch.manual_seed(0)
    net = registry.build({"name": name, **TINY[name]}, 3, 4, (128, 64), OWN)
    logits = net(torch.randn(2, 3, 128, 64))
    assert logits.shape == (2, 4, 128, 64)
    logits.square().mean().backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not [n for n in idle if not n.endswith("bias")]
    with torch.no_grad():
        first, second = net.eval()(torch.randn(2, 3, 128, 64)), net(torch.randn(2, 3, 128, 64))
    assert (first - second).abs().max() > 1e-4, "the answer depends on the image"


def test_levit_asks_from_every_other_position():
    torch.manual_seed(0)
    net = LevitAttention(8, 12, 2, (5, 4), key=4, ratio=2, stride=2).eval()
    assert net(torch.randn(1, 8, 5, 4)).shape == (1, 12, 3, 2)
    # the bias of equal distances is one weight: 20 distances of a 5 x 4 map for each head
    assert net.bias.shape == (2, 20) and net.index.shape == (6, 20)
    assert net.index[0, 0] == 0 and net.index[1, 0] == net.index[0, 2]


def test_fusion_brings_the_coarse_level_to_the_fine_one():
    torch.manual_seed(0)
    net = DoubleLevelFusion([8, 16], [2, 2], [1, 1]).eval()
    fine, coarse = torch.randn(1, 8, 8, 8), torch.randn(1, 2, 2, 16)
    with torch.no_grad():
        before, after = net([fine, coarse]), net([fine, torch.randn(1, 2, 2, 16)])
    assert [m.shape for m in before] == [fine.shape, coarse.shape]
    moved = after[0] - before[0]
    assert moved.abs().max() > 1e-4
    assert torch.allclose(moved, moved[:, :1, :1].expand_as(moved), atol=1e-6), (
        "through the class token alone"
    )


def test_a_resnet_from_a_file_goes_into_its_place(tmp_path):
    torch.manual_seed(0)
    released = ResNet(3, (1, 1, 1), 4)
    torch.save(released.state_dict(), tmp_path / "resnet.pth")
    file = {"path": str(tmp_path / "resnet.pth")}
    for name, part in (("hiformer", "cnn"), ("tmu_net", "encoder")):
        net = registry.build({"name": name, **TINY[name], "pretrained": file}, 3, 2, (64, 64), OWN)
        for (key, own), other in zip(
            net.get_submodule(part).state_dict().items(), released.state_dict().values()
        ):
            assert torch.equal(own, other), key
    with pytest.raises(InputError, match="does not divide by 16"):
        registry.build({"name": "levit_unet"}, 3, 2, (40, 64), OWN)
