"""The generation family: results that do not hang on batches, and an average that survives a kill."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mlmi2023.core.jobs import Job
from mlmi2023.nets.generation.noise import NoiseMaker, keyed
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.nets.generation.sampling import sample
from mlmi2023.nets.generation.unet import TimeUnet
from mlmi2023.tasks.generation import Denoiser, Example, over_slices
from mlmi2023.training.data.numbers import Counted
from mlmi2023.training.loop.ema import average_in, average_of
from mlmi2023.training.loop.fit import fit
from mlmi2023.training.loop.plan import Plan

NET = {"channels": [4, 8], "blocks": 1, "head": 4, "groups": 4}


def test_a_case_does_not_depend_on_what_it_is_batched_with():
    torch.manual_seed(0)
    net = TimeUnet(NET, (8, 8), condition=1).eval()
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.2)
    process, noise = Diffusion({"steps": 10}), NoiseMaker({"kind": "gaussian"})

    def run(batch, keys):
        own = [keyed(5, *key) for key in keys]
        first = noise(batch[:, None], own)
        found = sample(
            process, lambda x, t: net(x, t, batch[:, None]), first, 5, 1.0, lambda: noise(first, own)
        )
        return found[:, 0]

    draw = np.random.default_rng(0)
    cases = {name: draw.random((count, 8, 8)) for name, count in (("a", 3), ("b", 1), ("c", 4))}
    together = dict(over_slices(cases.items(), 5, run))
    assert list(together) == ["a", "b", "c"]
    assert [len(found) for found in together.values()] == [3, 1, 4]
    for name, slices in cases.items():
        ((_, alone),) = over_slices([(name, slices)], 2, run)
        assert np.allclose(alone, together[name], atol=1e-5)
    assert not np.allclose(together["a"][0], together["c"][0], atol=0.01)


class Squares(nn.Module):
    """Images of one bright square."""

    def forward(self, batch):
        clean = -torch.ones(len(batch), 1, 8, 8)
        clean[:, :, 2:6, 2:6] = 1
        return Example(clean, noisy_in=torch.ones_like(clean), weight=torch.ones_like(clean))


def module(ema):
    torch.manual_seed(1)
    net = TimeUnet(NET, (8, 8))
    train = {"steps": 6, "epoch_steps": 2, "batch": 2, "learning_rate": 0.01, "ema": ema}
    return Denoiser(net, Diffusion(), NoiseMaker({"kind": "simplex"}), train, Squares())


def test_the_loss_is_the_error_against_the_clean_image():
    made = module(0.0)
    example = Squares()(torch.zeros(2))
    for weight in made.net.parameters():
        nn.init.zeros_(weight)  # its answer is 0
    assert float(made.loss(example)) == pytest.approx(1.0)
    made.power = 2
    example.weight = torch.zeros_like(example.clean)
    example.weight[:, :, 0, 0] = 1
    example.clean = 0.5 * example.clean
    assert float(made.loss(example)) == pytest.approx(0.25)


def test_noise_stays_in_its_patch():
    made, seen = module(0.0), []
    made.net.forward = lambda x, t: seen.append(x) or torch.zeros_like(x)
    example = Squares()(torch.zeros(2))
    example.noisy_in = torch.zeros_like(example.clean)
    example.noisy_in[..., :4] = 1
    made.loss(example)
    assert torch.equal(seen[0][..., 4:], example.clean[..., 4:])
    assert not torch.equal(seen[0][..., :4], example.clean[..., :4])


class Killed(Exception):
    """Stands for the end of a process."""


def run(folder, name, die=None):
    """Train, dying before the step with that number; the kept network's and the trained one's weights."""
    made = module(0.9)
    job = Job(
        paper="any",
        dataset="any",
        method="any",
        seed=3,
        data=folder,
        task={},
        method_options={},
        train=made.settings,
        threads=1,
        device="cpu",
    )
    original = made.training_step

    def dying(batch, batch_idx):
        if made.global_step == die:
            raise Killed
        return original(batch, batch_idx)

    made.training_step = dying
    fit(job, Plan(made, Counted(4)), folder / f"runs-{name}", folder / name)
    return load_file(folder / name / "weights.safetensors"), made.live.state_dict()


def test_an_average_survives_a_kill(tmp_path):
    """A run that is killed after an epoch ends with the average of one that is not."""
    whole, live = run(tmp_path, "whole")
    with pytest.raises(Killed):
        run(tmp_path, "killed", die=3)
    resumed, _ = run(tmp_path, "killed")
    assert whole.keys() == live.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert any(not torch.equal(whole[name], live[name]) for name in whole)


def test_an_average_follows_slowly_and_begins_fast():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = average_of(net)
    nn.init.ones_(net.weight)
    average_in(average, net, 0.99, 1)
    assert average.weight.item() == pytest.approx(1 - 2 / 11)
    average_in(average, net, 0.99, 10**6)
    assert average.weight.item() == pytest.approx(1 - 2 / 11 * 0.99)
    assert not average.weight.requires_grad
