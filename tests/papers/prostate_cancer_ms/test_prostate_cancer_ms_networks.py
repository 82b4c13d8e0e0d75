"""The networks: sizes at the paper's scale, shapes, what the gland hides from the decision module."""

import pytest
import torch

from bad_inputs import said
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.nets import registry
from mlmi2023.papers.prostate_cancer_ms.dpm import DecisionModule, within
from mlmi2023.papers.prostate_cancer_ms.model import Detector, Members
from mlmi2023.papers.prostate_cancer_ms.spcnet import SideOutput
from preflight_root import ROOT

OWN = "mlmi2023.papers.prostate_cancer_ms.networks"
SLUG = "prostate_cancer_ms"
SMALL = {
    "spcnet": {"name": "spcnet", "widths": [2, 3, 4, 5, 6]},
    "br_unet": {"name": "branched_unet", "features": [2, 3, 4, 5, 6, 2]},
    "unet": {"name": "unet", "features": [2, 3, 4, 5, 6, 2]},
}


class Said(torch.nn.Module):
    """A network that answers with what a function returns."""

    def __init__(self, say):
        super().__init__()
        self.say = say

    def forward(self, image):
        return self.say(image)


def build(name, size=(32, 48)):
    return registry.build(SMALL[name], 6, 3, size, OWN)


def weights(net):
    return sum(p.numel() for p in net.parameters())


def at_paper_scale(method):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": [SLUG]})
    own = Settings(config, ROOT).method(SLUG, "stanford", method)
    with torch.device("meta"):
        net = registry.build(own["net"], 6, 3, (224, 224), OWN)
        return weights(Detector(net, 3, (224, 224), own.get("dpm", 0)))


def test_the_module_has_2061_weights_which_are_the_printed_share_of_the_map():
    module = DecisionModule(3, (224, 224))
    layers = [weights(layer) for layer in module.layers]
    assert layers == [3 * 3 * 16 + 3, 3 * 3 * 16 + 3, 3 * 3 * 14 * 14 + 3] and sum(layers) == 2061
    assert round(100 * sum(layers) / (3 * 224 * 224), 1) == 1.4
    shapes = [tuple(own.shape) for own in module(torch.rand(2, 3, 224, 224))]
    assert shapes == [(2, 3, 56, 56), (2, 3, 14, 14), (2, 3, 1, 1)]


def test_weights_at_the_papers_scale_by_hand():
    def block(channels, width, depth):
        return 9 * channels * width + width + (depth - 1) * (9 * width**2 + width) + 2 * width

    def side(width, factor):
        return 3 * width + 3 + 9 * (2 * factor) ** 2

    branch = block(3, 64, 2) + block(64, 128, 2) + block(128, 256, 3)
    sides = 2 * (side(64, 1) + side(128, 2) + side(256, 4)) + side(256, 8) + side(256, 16)
    spcnet = 2 * branch + block(512, 256, 3) + block(256, 256, 3) + sides + 3 * 3 * 8
    assert at_paper_scale("spcnet") == spcnet
    assert [at_paper_scale(f"decnet{layers}") - spcnet for layers in ("_1", "_12", "")] == [147, 294, 2061]
    # the published size with one channel and one class, and what five and two more of these cost
    assert at_paper_scale("unet") == 31_112_065 + 5 * 9 * 64 + 2 * 65

    def pair(channels, width):
        return 9 * channels * width + 9 * width**2 + 6 * width

    def up(below, half, skip, width):
        return 4 * below * half + half + pair(half + skip, width)

    encoder = sum(pair(a, b) for a, b in ((3, 64), (64, 128), (128, 256), (256, 512), (512, 1024)))
    decoder = up(2048, 1024, 1024, 512) + up(512, 256, 512, 256) + up(256, 128, 256, 128)
    assert at_paper_scale("br_unet") == 2 * encoder + decoder + up(128, 128, 128, 64) + 65 * 3


@pytest.mark.parametrize("name", SMALL)
def test_logits_have_the_size_of_the_slice_and_reach_every_weight(name):
    torch.manual_seed(0)
    net = Detector(build(name), 3, (32, 48), 3)
    image = torch.randn(2, 7, 32, 48)
    image[:, 6] = 1
    answer = net(image)
    assert answer.logits.shape == (2, 3, 32, 48)
    assert [tuple(own.shape[2:]) for own in answer.coarse] == [(8, 12), (2, 3), (1, 1)]
    assert len(answer.sides) == (8 if name == "spcnet" else 0)
    assert all(own.shape == (2, 3, 32, 48) for own in answer.sides)
    sum(own.square().mean() for own in (answer.logits, *answer.sides, *answer.coarse)).backward()
    assert not [key for key, p in net.named_parameters() if p.grad is None]


@pytest.mark.parametrize("factor", [1, 2, 4, 16])
def test_a_side_output_lies_over_what_it_was_made_of(factor):
    side = SideOutput(1, 1, factor)
    with torch.no_grad():
        for p in side.parameters():
            p.fill_(1.0)
        side.narrow.bias.zero_()
        maps = torch.zeros(1, 1, 5, 5)
        maps[0, 0, 2, 2] = 1
        found = side(maps)[0, 0]
    assert found.shape == (5 * factor, 5 * factor)
    rows = found.sum(1).nonzero().flatten().double()
    assert abs(rows.mean() - (2.5 * factor - 0.5)) <= 0.5


def test_t2_and_adc_have_branches_of_their_own():
    torch.manual_seed(0)
    for name in ("spcnet", "br_unet"):
        net = build(name, (32, 32)).eval()
        parts = net.branches if name == "spcnet" else net.encoders
        seen = []
        for part in parts:
            part[0].register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0]))
        image = torch.randn(1, 6, 32, 32)
        net(image)
        assert torch.equal(seen[0], image[:, :3]) and torch.equal(seen[1], image[:, 3:])


def test_what_lies_outside_the_gland_is_normal_to_the_module_and_in_the_answer():
    torch.manual_seed(0)
    net = Detector(build("unet", (32, 32)), 3, (32, 32), 3).eval()
    image = torch.randn(1, 7, 32, 32)
    image[:, 6] = 0
    image[:, 6, 8:24, 8:24] = 1
    coarse = net(image).coarse
    # a network that calls all outside aggressive
    first = net.net
    loud = 50 * (1 - image[:, 6:]) * torch.tensor([0, 0, 1.0]).view(1, 3, 1, 1)
    net.net = Said(lambda x: first(x) + loud)
    assert all(torch.equal(a, b) for a, b in zip(net(image).coarse, coarse))
    net.net = first
    chances = Members([net, net])(image)
    assert torch.equal(chances, within(net(image).logits.softmax(1), image[:, 6:]))
    assert (chances[:, 0, :8] == 1).all() and torch.allclose(chances.sum(1), torch.ones(1, 32, 32))


def test_members_give_the_mean_of_probabilities_not_of_logits():
    torch.manual_seed(1)
    nets = [Detector(build("unet", (32, 32)), 3, (32, 32)).eval() for _ in range(2)]
    image = 3 * torch.randn(1, 7, 32, 32)
    image[:, 6] = 1
    logits = [10 * net(image).logits for net in nets]
    for net, own in zip(nets, logits):
        net.net = Said(lambda x, own=own: own)
    wanted = (logits[0].softmax(1) + logits[1].softmax(1)) / 2
    assert torch.allclose(Members(nets)(image), wanted)
    assert not torch.allclose(((logits[0] + logits[1]) / 2).softmax(1), wanted, atol=1e-3)


def test_what_does_not_fit_is_said():
    said(lambda: build("spcnet", (40, 40)), "6 channels of 40 x 40", "divides by 16")
    said(lambda: build("br_unet", (32, 40)), "32 x 40", "divides by 16")
    with pytest.raises(ValueError, match="4 layers"):
        DecisionModule(3, (32, 32), 4)
    with pytest.raises(ValueError, match="24 x 32"):
        DecisionModule(3, (24, 32))
