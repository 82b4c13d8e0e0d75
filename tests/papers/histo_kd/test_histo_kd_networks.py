"""Networks at the paper's size, CKA and Grad-CAM against what is known in closed form."""

import numpy as np
import torch
from torch import nn

from mlmi2023.papers.histo_kd.gradcam import heat_maps, on_structures
from mlmi2023.papers.histo_kd.model import Classifiers, Encoder, Expander, JointEmbedding, build_unet
from mlmi2023.papers.histo_kd.options import JointNet, ResNet, UNet
from mlmi2023.papers.histo_kd.similarity import cka, convolutions, gram, grams, hsic, last_of_stages

SMALL = ResNet(depths=(1, 1, 1, 1), width=4)


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_the_paper_s_networks_have_their_sizes():
    with torch.device("meta"):
        encoder, expander, x = Encoder(ResNet()), Expander(2048, 8192), torch.empty(2, 3, 224, 224)
        apart, shared = (JointEmbedding(JointNet(), own) for own in (False, True))
        unet = build_unet(UNet())
        probe = Classifiers({"own": encoder}, {"tissue": "own"}, {"tissue": 9})
    # ResNet-50 without its classifier, as torchvision counts it
    assert count(encoder) == 23_508_032 and encoder(x).shape == (2, 2048)
    # three dense layers of 8192, norms of two numbers each between them
    assert count(expander) == (2048 + 8192 + 8192) * 8192 + 3 * 8192 + 2 * 2 * 8192 == 151_052_288
    assert [type(layer) for layer in expander] == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 2 + [nn.Linear]
    assert 2 * count(shared) == count(apart) == 2 * (count(encoder) + count(expander))
    assert [z.shape for z in apart(x, x)] == [(2, 8192)] * 2
    assert unet(x).shape == (2, 1, 224, 224) and count(probe) - count(encoder) == 2048 * 9 + 9
    # 53 convolutions, of which four bring skips to the size of their stage
    assert len(convolutions(encoder.trunk)) == 53
    assert last_of_stages(convolutions(encoder.trunk))["stage4"] == "layer4.2.conv3"


def test_shared_branches_are_one_network():
    x, y = torch.rand(2, 4, 3, 32, 32)
    own = JointNet(depths=(1, 1, 1, 1), width=4, expander=8)
    for shared in (True, False):
        torch.manual_seed(0)
        net = JointEmbedding(own, shared).eval()
        a, b = net(x, x)
        assert torch.equal(a, b) == shared and not torch.equal(net.embed(x, 0), net.embed(y, 0))


def test_each_target_reads_its_encoder():
    torch.manual_seed(0)
    net = Classifiers(
        {"a": Encoder(SMALL), "b": Encoder(SMALL)}, {"a": "b", "b": "a"}, {"a": 2, "b": 3}
    ).eval()
    x = torch.rand(4, 3, 32, 32)
    found = net(x)
    assert torch.equal(found["a"], net.heads["a"](net.encoders["b"](x))) and found["b"].shape == (4, 3)


def batches(values, size):
    return np.stack([gram(torch.from_numpy(own)) for own in np.split(values, len(values) // size)])[:, None]


def test_cka_does_not_mind_rotation_and_scale_and_is_near_0_without_relation():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 256, 400))
    turned = 3 * x @ np.linalg.qr(rng.normal(size=(400, 400)))[0] + 5
    own = batches(x, 64)
    assert abs(cka(own, batches(turned, 64))[0, 0] - 1) < 1e-5
    assert abs(cka(own, batches(y, 64))[0, 0]) < 0.05
    # what is plugged in without correction calls the same two alike
    k, other = (v[:64] - v[:64].mean(0) for v in (x, y))
    k, other = k @ k.T, other @ other.T
    assert (k * other).sum() / np.sqrt((k * k).sum() * (other * other).sum()) > 0.7
    half = x.copy()
    half[:, 200:] = y[:, 200:]
    assert 0.3 < cka(own, batches(half, 64))[0, 0] < 0.7


def test_hsic_is_that_of_song():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 4)), rng.normal(size=(9, 3))
    y[:, 0] += x[:, 0]
    k, other = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0), np.fill_diagonal(other, 0)
    n, one = 9, np.ones(9)
    song = np.trace(k @ other) + (one @ k @ one) * (one @ other @ one) / ((n - 1) * (n - 2))
    song -= 2 / (n - 2) * one @ k @ other @ one
    assert np.isclose(hsic(x @ x.T, y @ y.T), song / (n * (n - 3)))
    # neither the diagonal nor where the origin lies has a say
    assert np.isclose(hsic((x + 2) @ (x + 2).T + 7 * np.eye(9), y @ y.T), song / (n * (n - 3)))


def test_a_constant_layer_has_no_likeness():
    own = batches(np.random.default_rng(2).normal(size=(16, 5)), 8)
    assert np.isnan(cka(own, np.zeros_like(own))).all()


def test_grams_are_of_all_convolutions_and_the_first_of_its_outputs():
    torch.manual_seed(0)
    trunk = Encoder(SMALL).eval().trunk
    x = torch.rand(2, 5, 3, 32, 32)
    found = grams(trunk, x)
    assert found.shape == (2, len(convolutions(trunk)), 5, 5) and not trunk.conv1._forward_hooks
    flat = trunk.conv1(x[0]).detach().flatten(1)
    np.testing.assert_allclose(found[0, 0], gram(flat), rtol=1e-5)
    assert list(last_of_stages(convolutions(trunk))) == ["stem", "stage1", "stage2", "stage3", "stage4"]


class Linear(nn.Module):
    """One convolution of single pixels, their mean, one dense layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 2, 1, bias=False), nn.Linear(2, 2, bias=False)
        self.conv.weight.data = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[:, :, None, None]
        self.head.weight.data = torch.tensor([[2.0, -1.0], [0.0, 0.0]])

    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))


def test_grad_cam_of_a_linear_network_in_closed_form():
    x = torch.zeros(1, 3, 4, 4)
    x[0, 0, 1, 2], x[0, 0, 3, 0], x[0, 1, 3, 0], x[0, 1, 0, 0] = 1.0, 1.0, 1.0, 0.5
    heat = heat_maps(Linear().eval(), x, ["conv"])[0, 0]
    # class 0 with the weights 2 and -1: 2 where red is alone, 1 where both are, nothing where green is alone
    wanted = torch.zeros(4, 4)
    wanted[1, 2], wanted[3, 0] = 1.0, 0.5
    torch.testing.assert_close(heat, wanted)
    assert np.isclose(on_structures(heat[None], wanted[None] == 1), 16 * 1.0 / 1.5)
    assert np.isnan(on_structures(heat[None], torch.zeros(1, 4, 4, dtype=torch.bool)))


def test_heat_of_a_resnet_has_a_map_for_each_stage():
    torch.manual_seed(0)
    net = nn.Sequential(Encoder(SMALL), nn.Linear(128, 3))
    heat = heat_maps(net.eval(), torch.rand(2, 3, 32, 32), [f"0.trunk.layer{k}" for k in (1, 2, 3, 4)])
    assert heat.shape == (4, 2, 32, 32) and heat.min() >= 0 and heat.max() <= 1
