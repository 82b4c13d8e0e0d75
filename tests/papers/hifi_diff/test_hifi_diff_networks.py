"""Sizes, shapes and modulation of HiFi-Diff and of the baselines; losses against values by hand."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from hifi_diff_data import BRANCHES, TASK, TRUNK, job
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.hifi_diff.arssr import ArSSR
from mlmi2023.papers.hifi_diff.between import interpolate
from mlmi2023.papers.hifi_diff.branches import Branch
from mlmi2023.papers.hifi_diff.deepresolve import DeepResolve, ForEachFactor
from mlmi2023.papers.hifi_diff.metasr import MetaSR
from mlmi2023.papers.hifi_diff.model import MODELS, HiFiDiff, WithoutHiFE
from mlmi2023.papers.hifi_diff.modulation import ChannelMod, ElementMod
from mlmi2023.papers.hifi_diff.regression import POWER, Regression
from mlmi2023.papers.hifi_diff.train import Noised, plan
from preflight_root import ROOT


def count(net):
    return sum(p.numel() for p in net.parameters())


def stirred(net):
    """Return a network with every weight drawn, so that nothing is zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in net.parameters():
            weight.normal_(std=0.3)
    return net


def test_channel_modulation_is_the_printed_formula():
    mod, h, e = stirred(ChannelMod(4, 3, 2)), torch.randn(2, 4, 5, 6), torch.randn(2, 3)
    scale, bias = (e @ mod.affine.weight.T + mod.affine.bias).view(2, 2, 4).unbind(1)
    groups = h.view(2, 2, -1)
    normal = (groups - groups.mean(-1, keepdim=True)) / (
        groups.var(-1, keepdim=True, correction=0) + 1e-5
    ).sqrt()
    expected = scale[..., None, None] * normal.view_as(h) + bias[..., None, None]
    assert torch.allclose(mod(h, e), expected, atol=1e-5)


def test_element_modulation_has_a_scale_and_a_bias_for_each_element():
    mod, h, x = stirred(ElementMod(4, 3, 2)), torch.randn(1, 4, 5, 6), torch.randn(1, 3, 5, 6)
    whole = torch.einsum("oc,bchw->bohw", mod.lateral.weight[..., 0, 0], x) + mod.lateral.bias[:, None, None]
    expected = whole[:, :4] * nn.functional.group_norm(h, 2) + whole[:, 4:]
    assert torch.allclose(mod(h, x), expected, atol=1e-5)
    other = x.clone()
    other[..., 2, 3] += 1  # one element of the map moves that element alone
    moved = (mod(h, other) - mod(h, x)).abs().sum((0, 1)) > 1e-6
    assert moved.sum() == 1 and moved[2, 3]


def branch_weights(inputs, widths, blocks, modulation, lateral):
    """Count by hand; ``modulation`` and ``lateral``: weights of an affine map for each of its outputs."""
    total = 9 * inputs * widths[0] + widths[0]
    order = [(level, width) for level, width in enumerate(widths)]
    way_up = [(level, widths[level]) for level in reversed(range(len(widths) - 1))]
    for up, part in ((False, order), (True, way_up)):
        for _, width in part:
            for number in range(blocks):
                before = 2 * width if up and number == 0 else width
                total += 2 * before * modulation  # first modulation
                total += 9 * before * width + width + 9 * width * width + width
                total += 2 * width * lateral(width)  # second modulation
                total += before * width + width if before != width else 0
    for a, b in pairwise(widths):
        total += 9 * a * b + b + 9 * b * a + a  # down and up
    return total


@pytest.mark.parametrize(("widths", "blocks"), [((64, 128, 256, 512), 2), ((4, 8), 1)])
def test_networks_have_the_weights_that_their_description_gives(widths, blocks):
    two_layers = lambda inputs: inputs * 128 + 128 + 128 * 128 + 128  # noqa: E731
    head = 2 * widths[0] + 9 * widths[0] + 1
    hife = branch_weights(2, widths, blocks, 129, lambda width: 129) + two_layers(1)
    main = branch_weights(1, widths, blocks, 129, lambda width: width + 1) + two_layers(128) + head
    alone = branch_weights(1, widths, blocks, 257, lambda width: 3) + two_layers(1) + two_layers(128) + head
    with torch.device("meta"):
        assert count(HiFiDiff(widths, blocks, 2)) == hife + main
        assert count(WithoutHiFE(widths, blocks, 2)) == alone


def test_sizes_at_scale_paper():
    methods = read_yaml(ROOT / "config/papers/hifi_diff.yaml")["all"]["methods"]
    with torch.device("meta"):
        assert count(HiFiDiff(**methods["hifi_diff"]["net"])) == 43_566_465
        # 27 x 64 + 64, 18 times 27 x 64 x 64 + 64, 27 x 64 + 1
        assert count(DeepResolve(**methods["deepresolve"]["net"])) == 1_995_329


@pytest.mark.parametrize("name", MODELS)
def test_answers_have_the_image_s_shape_and_hang_on_every_input(name):
    net = stirred(MODELS[name](**BRANCHES)).eval()
    x, t = torch.randn(2, 1, 8, 12), torch.tensor([3, 400])
    pair, k = torch.randn(2, 2, 8, 12), torch.tensor([0.25, 0.5])
    first = net(x, t, pair, k)
    assert first.shape == x.shape
    assert torch.equal(net.denoise(x, t, net.conditions(pair, k)), first)
    for changed in (
        net(x + 1, t, pair, k), net(x, t + 50, pair, k), net(x, t, pair + 1, k), net(x, t, pair, k + 0.25),
        net(x, t, pair.flip(1), k),
    ):  # fmt: skip
        assert (changed - first).abs().max() > 1e-4


def test_every_block_of_the_main_branch_sees_its_own_map():
    net = stirred(HiFiDiff(**BRANCHES))
    maps = net.hife(torch.randn(1, 2, 8, 8), torch.tensor([0.5]))
    assert [(m.shape[1], m.shape[2]) for m in maps] == [(4, 8), (8, 4), (4, 8)]
    assert Branch.places((4, 8), 1) == [(0, 4), (1, 8), (0, 4)]
    x, t, none = torch.randn(1, 1, 8, 8), torch.tensor([5]), torch.zeros(1, 0)
    first = net.denoise(x, t, (none, maps))
    for place in range(len(maps)):
        changed = [m + (number == place) for number, m in enumerate(maps)]
        assert (net.denoise(x, t, (none, changed)) - first).abs().max() > 1e-5


@pytest.mark.parametrize("kind", ["deepresolve", "metasr", "arssr"])
def test_baselines_start_as_interpolation_and_then_hang_on_place_and_slices(kind):
    net = {
        "deepresolve": lambda: ForEachFactor([2], 4, 3),
        "metasr": lambda: MetaSR(**TRUNK),
        "arssr": lambda: ArSSR(**TRUNK, depth=4),
    }[kind]()
    stack, factor = torch.rand(2, 4, 6, 8), torch.tensor([2.0, 2.0])
    places = (torch.arange(6) / 2).expand(2, 6)
    assert torch.equal(net(stack, places, factor), interpolate(stack, places))
    own = stirred(net)(stack, places, factor) - interpolate(stack, places)
    assert own.shape == (2, 6, 6, 8) and own.abs().max() > 1e-3
    # the first item alone gives the same: nothing leaks between items
    alone = net(stack[:1], places[:1], factor[:1]) - interpolate(stack[:1], places[:1])
    assert torch.allclose(alone, own[:1], rtol=1e-4, atol=1e-3)


def test_metasr_s_filter_is_made_of_offset_and_spacing():
    net = stirred(MetaSR(**TRUNK))
    stack, places = torch.rand(1, 4, 6, 6), torch.tensor([[1.25, 1.75]])
    at4, at8 = (net(stack, places, torch.tensor([r])) for r in (4.0, 8.0))
    assert (at4 - at8).abs().max() > 1e-4
    features = net.trunk(stack)[0]  # (C, 4, 6, 6)
    filters = net.filters(torch.tensor([0.25, 0.25])).view(1, -1, 3, 3)
    seen = features[:, 0:3].reshape(1, -1, 6, 6)  # slices before, at and after slice 1
    by_hand = nn.functional.conv2d(seen, filters, padding=1)[0, 0] + interpolate(stack, places)[0, 0]
    assert torch.allclose(at4[0, 0], by_hand, atol=1e-4)


def test_arssr_reads_features_at_the_place():
    net = stirred(ArSSR(**TRUNK, depth=4))
    stack, places = torch.rand(1, 4, 6, 6), torch.tensor([[2.25]])
    features = net.trunk(stack)[0]
    vector = torch.cat([0.75 * features[:, 2] + 0.25 * features[:, 3], torch.full((1, 6, 6), -0.5)])
    by_hand = net.voxel(vector.permute(1, 2, 0)) + 0.75 * stack[0, 2] + 0.25 * stack[0, 3]
    assert torch.allclose(net(stack, places, torch.tensor([4.0]))[0, 0], by_hand, atol=1e-5)


class Constant(nn.Module):
    """Answers with a learned number, so that losses can be worked out by hand."""

    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, stack, places, factor):
        return self.value.expand(len(stack), places.shape[1], *stack.shape[2:])


@pytest.mark.parametrize(
    ("kind", "expected"), [("deepresolve", 0.25 + 0.04), ("metasr", 0.7), ("arssr", 0.7)]
)
def test_regression_losses_by_hand(kind, expected):
    """Errors of 0.5 and of 0.2 in two blocks: squares 0.25 and 0.04, or the errors themselves."""
    block = {"stack": torch.zeros(1, 3, 2, 2), "places": torch.zeros(1, 4), "factor": torch.ones(1)}
    blocks = {str(t): {**block, "truth": torch.full((1, 4, 2, 2), t)} for t in (1.0, 0.3)}
    module = Regression(Constant(0.5), POWER[kind], {}, lambda net, batch: {})
    assert float(module.loss(blocks)) == pytest.approx(expected)
    module.loss(blocks).backward()
    sign = module.net.value.grad
    # towards 1.0 by 0.5 and towards 0.3 by 0.2
    assert float(sign) == pytest.approx(2 * (-0.5 + 0.2) if kind == "deepresolve" else 0.0, abs=1e-6)


def test_diffusion_s_loss_is_equation_5(monkeypatch):
    """The mean square of predicted less true noise, x_t = sqrt(a) x_0 + sqrt(1 - a) noise, by hand."""
    module = plan(job()).module
    stirred(module.trained)
    batch = {"pair": torch.rand(3, 2, 12, 16), "row": torch.rand(3, 1, 12, 16), "offset": torch.rand(3)}
    torch.manual_seed(3)
    found = module.loss(Noised()(batch))
    torch.manual_seed(3)
    t, noise = torch.randint(20, (3,)), torch.randn(3, 1, 12, 16)
    kept = torch.cumprod(1 - torch.linspace(1e-3, 0.3, 20), 0)[t].view(3, 1, 1, 1)
    noisy = kept.sqrt() * (2 * batch["row"] - 1) + (1 - kept).sqrt() * noise
    answer = module.trained(noisy, t, 2 * batch["pair"] - 1, batch["offset"])
    assert float(found) == pytest.approx(float((answer - noise).square().mean()), rel=1e-5)
    slip = kept.sqrt() * (2 * batch["row"] - 1) + (1 - kept) * noise  # as Eq. 2 is printed
    wrong = module.trained(slip, t, 2 * batch["pair"] - 1, batch["offset"])
    assert abs(float((wrong - noise).square().mean()) - float(found)) > 1e-3


def test_deepresolve_s_networks_learn_their_own_factor_alone():
    module = plan(job("deepresolve")).module
    stirred(module.net)
    block = {"stack": torch.rand(1, 3, 6, 6), "truth": torch.rand(1, 6, 6, 6)}
    block |= {"places": torch.arange(6)[None] / 3, "factor": torch.tensor([3.0])}
    module.loss({"3": block}).backward()
    grads = {name: sum(p.grad is not None for p in net.parameters()) for name, net in module.net.nets.items()}
    assert set(grads) == {str(r) for r in TASK["factors"]} and grads["3"] > 0 and grads["4"] == 0
