"""Diffusion against closed forms: moments, the exact score of a Gaussian, MONAI's own steps."""

import math

import pytest
import torch
from monai.networks.schedulers import DDPMScheduler

from mlmi2023.core.errors import InputError
from mlmi2023.nets.generation.noise import NoiseMaker, keyed
from mlmi2023.nets.generation.process import Diffusion
from mlmi2023.nets.generation.sampling import one_step, sample, stepped
from mlmi2023.nets.generation.unet import TimeUnet

MEAN, SPREAD = 0.3, 0.2


def gaussian(process: Diffusion):
    """The exact answer where images are N(MEAN, SPREAD^2) in every pixel."""

    def denoise(noisy, level):
        kept = process.kept[level].view(-1, 1)
        variance = kept * SPREAD**2 + 1 - kept
        noise = (1 - kept).sqrt() * (noisy - kept.sqrt() * MEAN) / variance
        clean = MEAN + SPREAD**2 * kept.sqrt() * (noisy - kept.sqrt() * MEAN) / variance
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * clean
        return {"noise": noise, "clean": clean, "velocity": velocity}[process.keys.predicts]

    return denoise


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_forward_process_has_the_moments_of_equation_3(schedule):
    process = Diffusion({"schedule": schedule})
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(20000, 1, generator=draw)
    for level in (0, 300, 700):
        kept = process.kept[level]
        noisy = process.noised(torch.full((20000, 1), 0.5), noise, torch.full((20000,), level))
        assert float(noisy.mean()) == pytest.approx(0.5 * math.sqrt(kept), abs=0.02)
        assert float(noisy.var()) == pytest.approx(1 - float(kept), rel=0.03)


def test_the_schedules_are_those_of_their_papers():
    linear, cosine = Diffusion({"schedule": "linear"}), Diffusion()
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    assert torch.allclose(linear.kept.double(), (1 - betas).cumprod(0), rtol=1e-3)
    wave = [math.cos((step / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2 for step in (0, 501)]
    assert float(cosine.kept[500]) == pytest.approx(wave[1] / wave[0], rel=1e-3)
    assert bool((cosine.kept.diff() < 0).all())


@pytest.mark.parametrize("predicts", ["noise", "clean", "velocity"])
def test_the_target_stands_for_the_clean_image(predicts):
    process = Diffusion({"predicts": predicts, "clip": False})
    draw = torch.Generator().manual_seed(1)
    clean, noise = torch.randn(2, 6, 1, 4, 4, generator=draw)
    level = torch.tensor([0, 100, 300, 500, 700, 900])
    noisy = process.noised(clean, noise, level)
    found = process.clean(process.target(clean, noise, level), noisy, level)
    assert torch.allclose(found, clean, atol=1e-4)


@pytest.mark.parametrize("predicts", ["noise", "clean", "velocity"])
def test_ddim_with_the_exact_score_of_a_gaussian_returns_the_gaussian(predicts):
    process = Diffusion({"predicts": predicts, "schedule": "linear", "clip": False})
    noise = torch.linspace(-2, 2, 9).view(-1, 1)
    # the flow of probability maps z to mean + spread z
    found = sample(process, gaussian(process), noise, 1000)
    assert torch.allclose(found, MEAN + SPREAD * noise, atol=0.01)
    assert torch.allclose(sample(process, gaussian(process), noise, 50), found, atol=0.06)


def test_ancestral_sampling_with_the_exact_score_returns_the_gaussian():
    process = Diffusion({"clip": False})
    draw = torch.Generator().manual_seed(2)
    found = sample(
        process,
        gaussian(process),
        torch.randn(8000, 1, generator=draw),
        250,
        eta=1.0,
        fresh=lambda: torch.randn(8000, 1, generator=draw),
    )
    assert float(found.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(found.std()) == pytest.approx(SPREAD, rel=0.04)


def test_sampling_without_fresh_noise_is_invertible():
    process = Diffusion({"predicts": "noise", "schedule": "linear", "clip": False})
    denoise = gaussian(process)
    noise = torch.linspace(-1.5, 1.5, 7).view(-1, 1)
    noisy = sample(process, denoise, noise, 1000)
    # back up: each step solved for the x_t that it came from
    for level in range(1000):
        kept = process.kept[level]
        before = process.kept[level - 1] if level else torch.tensor(1.0)
        levels, found = torch.full((7,), level), noisy
        for _ in range(5):
            answer = denoise(found, levels)
            clean = (noisy - (1 - before).sqrt() * answer) / before.sqrt()
            found = kept.sqrt() * clean + (1 - kept).sqrt() * answer
        noisy = found
    assert torch.allclose(noisy, noise, atol=0.01)


def test_a_step_with_fresh_noise_is_that_of_the_library():
    process = Diffusion({"predicts": "clean", "schedule": "linear"})
    theirs = DDPMScheduler(1000, "linear_beta", prediction_type="sample")
    ours = process.scheduler(1000)
    draw = torch.Generator().manual_seed(3)
    noisy, answer = torch.randn(2, 2, 1, 5, 5, generator=draw)
    for level in (1, 400, 999):
        wanted, _ = theirs.step(answer, level, noisy, generator=torch.Generator().manual_seed(9))
        noise = torch.randn(answer.shape, generator=torch.Generator().manual_seed(9))
        found = stepped(ours, answer, level, noisy, 1.0, noise)
        # DDPM keeps x_t, DDIM the noise in it: the same where the estimate was not cut
        inside = answer.abs() < 1
        assert torch.allclose(found[inside], wanted[inside], atol=2e-3)
    again, _ = process.scheduler(100).step(
        answer, 499, noisy, eta=0.5, generator=torch.Generator().manual_seed(9)
    )
    noise = torch.randn(answer.shape, generator=torch.Generator().manual_seed(9))
    assert torch.allclose(stepped(process.scheduler(100), answer, 499, noisy, 0.5, noise), again, atol=1e-5)


def test_steps_that_do_not_divide_the_levels_are_refused():
    with pytest.raises(InputError, match="7 sampling steps do not divide"):
        Diffusion().scheduler(7)
    with pytest.raises(ValueError, match="fresh"):
        sample(Diffusion(), lambda x, t: x, torch.zeros(1, 1), 10, eta=1.0)


def test_one_step_of_a_perfect_network_returns_the_image():
    process = Diffusion()
    clean = torch.rand(3, 1, 4, 4)
    assert torch.equal(one_step(process, lambda x, t: clean, clean, torch.randn(3, 1, 4, 4), 500), clean)


@pytest.mark.parametrize("kind", ["gaussian", "simplex"])
def test_noise_has_mean_0_and_variance_1(kind):
    torch.manual_seed(0)
    noise = NoiseMaker({"kind": kind})(torch.zeros(600, 1, 48, 48))
    assert float(noise.mean()) == pytest.approx(0, abs=0.05)
    assert float(noise.var()) == pytest.approx(1, rel=0.05)
    # in every place, not only on average: no pixel lies on a corner of the lattice in all images
    assert float(noise.var(0).min()) > 0.6


def test_simplex_noise_is_smooth_and_its_octaves_are_where_they_should_be():
    torch.manual_seed(0)
    one = NoiseMaker({"kind": "simplex", "octaves": 1, "frequency": 16})(torch.zeros(50, 1, 64, 64))
    steps = one.diff(dim=-1).abs().mean() / one.abs().mean()
    assert float(steps) < 0.3
    power = torch.fft.rfft2(one[:, 0]).abs().square().mean(0)
    assert float(power[:9, :9].sum() + power[-8:, :9].sum()) > 0.95 * float(power.sum())


def test_the_noise_of_a_slice_depends_on_its_key_alone():
    make = NoiseMaker({"kind": "simplex"})
    both = make(torch.zeros(2, 1, 16, 24), [keyed(7, "a", 3), keyed(7, "b", 0)])
    alone = make(torch.zeros(1, 1, 16, 24), [keyed(7, "b", 0)])
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(make(torch.zeros(1, 1, 16, 24), [keyed(8, "b", 0)]), alone)


def test_the_unet_takes_a_condition_and_refuses_images_that_do_not_halve():
    keys = {"channels": [8, 16], "blocks": 1, "head": 8, "groups": 4}
    net = TimeUnet(keys, (16, 16), condition=2)
    assert net(torch.zeros(2, 1, 16, 16), torch.tensor([0, 5]), torch.zeros(2, 2, 16, 16)).shape == (
        2,
        1,
        16,
        16,
    )
    with pytest.raises(InputError, match="do not halve 1 times"):
        TimeUnet(keys, (15, 16))
    with pytest.raises(InputError, match="multiples of groups"):
        TimeUnet({**keys, "groups": 5}, (16, 16))
