"""U-Net and SCR at the printed sizes; AA by hand; what is shared; averages."""

import pytest
import torch

from fedicra_data import NET, TASK, TRAIN
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.papers.fedicra.adaptive import Mix, aggregate
from mlmi2023.papers.fedicra.model import SiteUnet
from mlmi2023.papers.fedicra.options import Learned, Mixing, Task, Train
from mlmi2023.papers.fedicra.strategies import average, is_finite, likeness, norms_of, shared

WIDTHS = (16, 32, 64, 128, 256)


def test_the_network_has_the_papers_sizes():
    def double(a, b):
        return 9 * a * b + b + 2 * b + 9 * b * b + b + 2 * b

    down = sum(double(a, b) for a, b in zip((3, *WIDTHS), WIDTHS))
    up = sum(b * a + a + double(2 * a, a) for b, a in zip(WIDTHS[:0:-1], WIDTHS[-2::-1]))
    head = 16 * 3 + 3
    selection = (5 * 256 + 256) + (256 * 256 + 256) + (512 * 256 + 256)
    with torch.device("meta"):
        plain = SiteUnet(3, 3, (384, 384), WIDTHS)
        whole = SiteUnet(3, 3, (384, 384), WIDTHS, scr=True, sites=5)
        logits = whole(torch.zeros(1, 3, 384, 384), 2)
    assert sum(p.numel() for p in plain.parameters()) == down + up + head
    assert sum(p.numel() for p in whole.parameters()) == down + up + head + selection
    assert logits.shape == (1, 3, 384, 384)
    with pytest.raises(InputError, match="multiples of 16"):
        SiteUnet(3, 3, (40, 48), WIDTHS)


def test_the_attention_is_of_the_code_and_the_mean_and_is_added_to_the_map():
    torch.manual_seed(0)
    net = SiteUnet(1, 2, (32, 32), (4, 4, 8, 8, 8), scr=True, sites=3).eval()
    image = torch.rand(2, 1, 32, 32)
    seen = net.see(image, 2)
    code = torch.tensor([[0.0, 0.0, 1.0]]).expand(2, 3)
    expanded = net.scr.expand[2](net.scr.expand[0](code).relu())
    expected = net.scr.attend(torch.cat([expanded, seen.bottom.mean((2, 3))], 1)).sigmoid()
    assert torch.allclose(seen.attention, expected)
    moved = seen.bottom * (1 + expected[..., None, None])
    assert torch.allclose(seen.embedding, moved.mean((2, 3)), atol=1e-6)
    assert not torch.equal(net(image, 0), net(image, 2))
    assert [stage.shape[2] for stage in seen.stages] == [4, 8, 16, 32]
    assert torch.allclose(net.decoder([*net.encoder(image)[:-1], moved])[0], seen.logits, atol=1e-5)


class Line(torch.nn.Module):
    """A head of one weight vector."""

    def __init__(self, values):
        super().__init__()
        self.decoder = torch.nn.Linear(3, 1, bias=False)
        self.encoder = torch.nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            self.decoder.weight.copy_(torch.tensor([values]))


def test_heads_are_mixed_weight_by_weight_and_w_goes_down_the_gradient():
    net, mix = Line([2.0, 1.0, 0.0]), Mix(Line([0.0, 0.0, 0.0]))
    common = {"decoder.weight": torch.tensor([[0.0, 1.0, 1.0]])}
    assert list(mix.places) == ["decoder.weight"] and (mix["decoder.weight"] == 1).all()
    slope = torch.tensor([0.3, 9.0, -5.0])
    seen = []

    def loss_of(number):
        seen.append(net.decoder.weight.detach().clone())
        return (net.decoder.weight[0] * slope).sum()

    steps = aggregate(net, common, mix, Mixing(later=2, rate=1.0), False, loss_of)
    assert steps == 2 and torch.equal(seen[0], torch.tensor([[2.0, 1.0, 0.0]]))  # W is 1: the site's own
    # dL/dW = slope (own - common): 0.6, 0, 5; cut to 0 to 1
    assert torch.allclose(seen[1], torch.tensor([[2 * 0.4, 1.0, 1.0]]))
    assert torch.allclose(mix["decoder.weight"], torch.tensor([[0.0, 1.0, 0.0]]))
    assert torch.allclose(net.decoder.weight, torch.tensor([[0.0, 1.0, 1.0]]))
    assert net.decoder.weight.grad is None and net.encoder.weight.requires_grad


def test_w_is_learned_until_its_loss_settles_in_the_second_round_alone():
    for first, expected in ((True, 4), (False, 7)):
        net, mix = Line([2.0, 1.0, 0.0]), Mix(Line([0.0, 0.0, 0.0]))
        keys = Mixing(first=50, later=7, window=4, tolerance=0.5, rate=0.001)
        common = {"decoder.weight": torch.zeros(1, 3)}
        assert (
            aggregate(net, common, mix, keys, first, lambda n, net=net: net.decoder.weight.sum()) == expected
        )


def test_what_is_shared_is_what_the_strategy_says():
    net = SiteUnet(1, 2, (32, 32), (4, 4, 8, 8, 8), scr=True, sites=3)
    names, norms = set(net.state_dict()), norms_of(net)
    assert {name for name in names if "running" in name or "tracked" in name} < norms
    assert len(norms) == 18 * 5  # weight, bias, mean, variance, count of each
    for strategy in ("fedavg", "fedprox", "central"):
        assert set(shared(strategy, net)) == names
    for strategy in ("fedbn", "fedap"):
        assert set(shared(strategy, net)) == names - norms
    for strategy in ("fedrep", "aa"):
        own = set(shared(strategy, net))
        assert own == {name for name in names if not name.startswith("decoder.")}
        assert any(name.startswith("scr.") for name in own)
    assert shared("local", net) == shared("metafed", net) == []


def test_an_average_is_weighted_by_counts():
    states = [
        {"a": torch.tensor([1.0, 2.0]), "n": torch.tensor(3)},
        {"a": torch.tensor([4.0, 0.0]), "n": torch.tensor(9)},
    ]
    found = average(states, [1, 3])
    assert torch.allclose(found["a"], torch.tensor([3.25, 0.5])) and int(found["n"]) == 3
    assert is_finite(states[0]) and not is_finite({"a": torch.tensor([1.0, float("nan")])})


def test_fedap_takes_more_of_those_that_are_alike():
    def site(mean, spread):
        return {"x.running_mean": torch.tensor([mean]), "x.running_var": torch.tensor([spread**2])}

    found = likeness([site(0.0, 1.0), site(3.0, 5.0), site(0.0, 3.0)], kept=0.4)
    # distances from the first: 5 and 2
    near = torch.tensor([1 / 5, 1 / 2]) / (1 / 5 + 1 / 2)
    assert torch.allclose(found[0], torch.tensor([0.4, 0.6 * near[0], 0.6 * near[1]]))
    assert torch.allclose(found.sum(1), torch.ones(3))


def test_mistakes_in_keys_are_one_line():
    method = {"kind": "learned", "strategy": "aa", "net": NET}
    for model, given, said in (
        (Learned, {**method, "weights": {"con": 1.0}}, "set net.scr: true"),
        (Learned, {**method, "strategy": "fedavgm"}, "strategy"),
        (
            Learned,
            {**method, "strategy": "central", "net": {**NET, "scr": True}},
            "pooled images have no site",
        ),
        (Task, {**TASK, "val": 0.0}, "val must be above 0"),
        (Task, {**TASK, "augment": {"rotate": 45}}, "border must be zeros"),
        (Task, {**TASK, "weak": {"boxs": "block"}}, "boxs"),
        (Train, {**TRAIN, "epoch_steps": 3}, "multiple of round_steps"),
        (Train, {**TRAIN, "clip": 1.0}, "clip is not available"),
    ):
        with pytest.raises(InputError, match=said):
            options(model, given, "here")
