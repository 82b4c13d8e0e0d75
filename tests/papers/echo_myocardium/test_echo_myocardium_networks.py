"""Networks of echo_myocardium: published sizes, cost volumes that find a shift, flows of the right scale."""

from itertools import pairwise

import pytest
import torch

from mlmi2023.papers.echo_myocardium.basnet import BasNet
from mlmi2023.papers.echo_myocardium.discriminator import Discriminator
from mlmi2023.papers.echo_myocardium.model import channels_of, masks_of, myocardium_of, own_flow
from mlmi2023.papers.echo_myocardium.networks import build
from mlmi2023.papers.echo_myocardium.pwc import PwcBlock, cost_volume, resized_flow
from mlmi2023.papers.echo_myocardium.u2net import U2Net

SMALL = {"name": "ofsnet", "mids": [2, 2, 4, 4, 4, 4], "outs": [4, 4, 4, 4, 4, 4], "depths": [4, 3, 3, 3]}
FLOW = {"levels": [3, 2], "radius": 1, "features": 4, "widths": [4], "context": [[4, 1]]}


def count(net):
    return sum(p.numel() for p in net.parameters())


def test_backbones_have_the_published_numbers_of_weights():
    with torch.device("meta"):
        # of the releases, for colour images and one channel
        assert count(U2Net(3, 1)) == 44_009_869
        assert count(BasNet(3, 1)) == 87_060_360


def test_each_part_of_ours_adds_what_it_must():
    sizes = {}
    with torch.device("meta"):
        for name, more in (("u2net", {}), ("ssam", {"shape": True}), ("of", {"flow": {}})):
            sizes[name] = count(build({"name": "ofsnet", **more}, (208, 208)))
        both = count(build({"name": "ofsnet", "flow": {}, "shape": True}, (208, 208)))
    assert sizes["ssam"] - sizes["u2net"] == 64 * 9 + 1
    # levels 5 to 2: features to 64, estimators of 81 costs, 64 features and a flow, and two channels more in
    # the first convolution of each stage up
    project = sum(64 * (n + 1) for n in (512, 512, 256, 128))
    chain = [81 + 64 + 2, 128, 128, 96, 64, 32, 2]
    estimate = 4 * sum(b * (9 * a + 1) for a, b in pairwise(chain))
    rest = [34, 128, 128, 128, 96, 64, 32, 2]
    context = sum(b * (9 * a + 1) for a, b in pairwise(rest))
    joined = sum(2 * 9 * out for out in (512, 256, 128, 64))
    assert sizes["of"] - sizes["u2net"] == project + estimate + context + joined
    assert both - sizes["of"] == 64 * 9 + 1


def test_the_discriminator_is_that_of_sassnet():
    width = [64, 128, 256, 512]
    convolutions = 2 * 64 * 17 + sum(b * (16 * a + 1) for a, b in pairwise(width))
    assert count(Discriminator()) == convolutions + 2 * 513
    net = Discriminator(4)
    image, distances = torch.rand(2, 1, 48, 48), torch.rand(2, 1, 48, 48)
    net.eval()
    assert net(image, distances).shape == (2, 2)
    assert not torch.equal(net(image, distances), net(distances, image)), (
        "image and distances have own weights"
    )


@pytest.mark.parametrize(
    ("net", "outputs"),
    [
        ({"name": "unet", "features": [4, 4, 4, 4, 4, 4]}, 1),
        ({"name": "unet_plus_plus", "features": [4, 4, 4, 4, 4, 4]}, 4),
        ({"name": "basnet", "width": 2, "blocks": [1, 1, 1, 1]}, 8),
        (SMALL, 7),
        ({**SMALL, "flow": FLOW, "shape": True}, 7),
        ({**SMALL, "flow": {**FLOW, "join": "last"}}, 8),
    ],
)
def test_all_networks_answer_clips(net, outputs):
    clip = torch.rand(2, 3, 1, 48, 48)
    own = build(net, (48, 48)).eval()
    answer = own(clip)
    assert len(answer.logits) == outputs and all(x.shape == (2, 3, 2, 48, 48) for x in answer.logits)
    has = "flow" in net
    assert (answer.forward is not None) == has == own.sees_clips or net.get("shape")
    if has:
        assert answer.forward.shape == answer.back.shape == (2, 2, 2, 48, 48)
    else:
        assert torch.allclose(own(clip[:, 1:]).logits[0], answer.logits[0][:, 1:], atol=1e-5), (
            "frame by frame"
        )
    if net.get("shape"):
        assert answer.distances.shape == (2, 3, 1, 48, 48) and answer.distances.abs().max() <= 1


def test_odd_sizes_pass():
    net = build({**SMALL, "flow": FLOW}, (26, 26)).eval()
    assert net(torch.rand(1, 2, 1, 26, 26)).logits[0].shape == (1, 2, 2, 26, 26)


@pytest.mark.parametrize("shift", [(0, 0), (2, -1), (-3, 3), (1, 4)])
def test_the_cost_volume_finds_a_known_shift(shift):
    first = torch.randn(1, 32, 24, 24, generator=torch.Generator().manual_seed(0))
    second = torch.roll(first, shift, (2, 3))  # what is at x in the first is at x + shift in the second
    costs = cost_volume(first, second, 4)
    assert costs.shape == (1, 81, 24, 24)
    best = costs[0, :, 6:18, 6:18].flatten(1).mean(1).argmax().item()
    assert (best // 9 - 4, best % 9 - 4) == shift
    assert torch.allclose(costs[0, 40], (first * second).mean(1)[0])


def test_flows_of_other_sizes_are_in_their_pixels():
    flow = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 13, 13)
    found = resized_flow(flow, (26, 52))
    assert found.shape == (1, 2, 26, 52)
    assert torch.allclose(found[0, 0], torch.tensor(2.0)) and torch.allclose(found[0, 1], torch.tensor(-8.0))


def test_both_directions_are_one_network_with_frames_swapped():
    torch.manual_seed(0)
    block = PwcBlock({3: 4, 2: 4}, radius=1, features=4, widths=(4,), context=((4, 1),))
    maps = {3: torch.rand(1, 2, 4, 6, 6), 2: torch.rand(1, 2, 4, 12, 12)}
    flows, turned = block(maps), block({level: own.flip(1) for level, own in maps.items()})
    assert flows[2].shape == (2, 1, 1, 2, 12, 12) and flows[2].abs().max() > 0
    for level in maps:
        assert torch.allclose(flows[level][0], turned[level][1], atol=1e-6)
        assert torch.allclose(flows[level][1], turned[level][0], atol=1e-6)


def test_a_finer_level_compares_what_the_coarser_flow_has_brought_together():
    torch.manual_seed(0)
    block = PwcBlock({3: 4, 2: 4}, radius=1, features=8, widths=(4,), context=())
    torch.nn.init.zeros_(block.estimate["3"].flow.weight)
    block.estimate["3"].flow.bias.data = torch.tensor([1.0, -1.0])  # pixels of level 3, two of level 2 each
    seen = []
    block.estimate["2"].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    maps = {3: torch.rand(1, 2, 4, 6, 6), 2: torch.rand(1, 2, 4, 12, 12)}
    block(maps)
    first, second = (block.project["2"](maps[2][:, k]) for k in (0, 1))
    # the second at x + (2, -2) is at x
    wanted = cost_volume(first, torch.roll(second, (-2, 2), (2, 3)), 1)
    inside = (slice(None), slice(None), slice(3, 9), slice(3, 9))
    assert torch.allclose(
        seen[0][:1, :9][inside], torch.nn.functional.leaky_relu(wanted, 0.1)[inside], atol=1e-5
    )
    flow = seen[0][:1, -2:]
    assert torch.allclose(flow[0, 0], torch.tensor(2.0)) and torch.allclose(flow[0, 1], torch.tensor(-2.0))


def test_frames_go_with_the_flow_to_the_next_and_the_last_to_the_one_before():
    both = torch.arange(2 * 3).view(2, 1, 3, 1, 1, 1).expand(2, 1, 3, 2, 2, 2).float()
    assert own_flow(both)[0, :, 0, 0, 0].tolist() == [0, 1, 2, 5]


def test_masks_and_channels_are_the_way_there_and_back():
    labels = torch.tensor([[0, 1, 2], [2, 1, 0]])
    masks = channels_of(labels)
    assert masks[0].tolist() == [[0, 1, 0], [0, 1, 0]] and masks[1].tolist() == [[0, 1, 1], [1, 1, 0]]
    logits = 20 * (masks - 0.5)
    assert torch.equal(masks_of(logits), labels.byte())
    assert torch.allclose(myocardium_of(logits)[0], (labels == 2).float(), atol=1e-3)
