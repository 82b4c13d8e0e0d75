"""The fits of dmdip: loss, order of replacement, independence, order of groups, resume, stop rule."""

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dmdip_data import ALONE, TASK, TOGETHER, job, packed_cohort
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.metrics.image import psnr
from mlmi2023.papers.dmdip.slices import load_slices
from mlmi2023.papers.dmdip.stopping import Stop
from mlmi2023.papers.dmdip.train import Fit, deal, plan
from mlmi2023.physics.kspace import crop, replace
from mlmi2023.tasks.chain import train


def opened(options=ALONE, **train_keys):
    module = plan(job(options=options, **train_keys)).module
    module.log = lambda *args, **kwargs: None
    module.open(0, fresh=True)
    return module


def run(tmp_path, name, options=ALONE, **keys):
    work = job(options=options, **keys)
    report = train(work, tmp_path / f"runs-{name}", tmp_path / name)
    return load_file(tmp_path / name / "weights.safetensors"), report


@pytest.mark.parametrize("options", [ALONE, TOGETHER])
def test_loss_against_numpy(options):
    module = opened(options)
    output = module.bank(module.noise).detach().numpy()
    low, total = module.low.numpy(), 0.0
    size = low.shape[-1]
    for n in range(len(output)):
        for m in range(output.shape[1]):
            k = np.fft.fftshift(np.fft.fft2(output[n, m])) / output[n, m].size
            start = output.shape[-1] // 2 - size // 2
            centre = k[start : start + size, start : start + size].copy()
            # the Nyquist row and column: means of both ends
            centre[0] = (centre[0] + k[start + size, start : start + size]) / 2
            full = (k[start : start + size, start] + k[start : start + size, start + size]) / 2
            centre[1:, 0] = full[1:]
            corners = [k[a, b] for a in (start, start + size) for b in (start, start + size)]
            centre[0, 0] = np.mean(corners)
            image = np.fft.ifft2(np.fft.ifftshift(centre)).real * size * size
            total += ((image - low[n, m]) ** 2).mean()
    assert module.loss(module.noise).item() == pytest.approx(total, rel=1e-4)
    # Eq. 2: both modalities count alike, as a sum and not a mean
    assert output.shape[1] == (1 if options is ALONE else 2)


def test_replacing_before_the_loss_would_leave_nothing_to_learn():
    """The chosen order trains; the other has a loss of zero and no gradient, whatever the network does."""
    module = opened(TOGETHER)
    chosen = module.loss(module.noise)
    gradient = torch.autograd.grad(chosen, next(module.bank.parameters()))[0]
    assert chosen > 0.01 and gradient.abs().max() > 1e-6
    output = replace(module.bank(module.noise), module.low)
    other = (crop(output, module.low.shape[2:]) - module.low).square().mean((2, 3)).sum()
    nothing = torch.autograd.grad(other, next(module.bank.parameters()))[0]
    assert other < 1e-10 and nothing.abs().max() < 1e-6 * gradient.abs().max()


def test_replacement_never_raises_the_error_and_leaves_the_fit_alone(tmp_path):
    with_, _ = run(tmp_path, "with", {**ALONE, "replacement": True})
    without, _ = run(tmp_path, "without", {**ALONE, "replacement": False})
    assert all(torch.equal(with_[k], without[k]) for k in ("image_2", "image_4", "psnr_2"))
    for r in (2, 4):
        assert (with_[f"psnr_kr_{r}"] >= with_[f"psnr_{r}"] - 1e-4).all()
        assert (with_[f"psnr_kr_{r}"] > with_[f"psnr_{r}"] + 0.01).any()


@pytest.mark.parametrize("options", [ALONE, TOGETHER])
def test_a_slice_in_a_bank_ends_as_alone(tmp_path, options):
    """And so groups may be of any size: three of eight items leave one that is filled up."""
    bank, _ = run(tmp_path, "bank", options, batch=8)
    alone, _ = run(tmp_path, "alone", options, batch=1)
    odd, _ = run(tmp_path, "odd", options, batch=3)
    for r in (2, 4):
        for other in (alone, odd):
            assert torch.allclose(bank[f"image_{r}"], other[f"image_{r}"], atol=2e-3)
            assert torch.allclose(bank[f"psnr_{r}"], other[f"psnr_{r}"], atol=0.05)
    images = bank["image_2"].flatten(0, 1)
    assert all(not torch.allclose(a, b, atol=0.01) for i, a in enumerate(images) for b in images[:i])


def test_fits_repeat_and_differ_by_seed(tmp_path):
    first, again, other = (run(tmp_path, str(n), TOGETHER, seed=s)[0] for n, s in enumerate((1, 1, 2)))
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.allclose(first["image_2"], other["image_2"], atol=1e-3)


def test_the_fit_approaches_its_slice(tmp_path):
    found, report = run(tmp_path, "long", TOGETHER, steps=60, epoch_steps=20)
    slices = load_slices(packed_cohort(), TASK)
    assert (found["psnr_2"][-1] > found["psnr_2"][0]).all()
    assert report["steps"] == 120, "two groups, one of each factor"
    assert report["parameters"] > 0
    # what is recorded last is what is kept, and its quality is measured right
    last = psnr(found["image_2"][1, 0], slices.truth[1, 0], data_range=1.0)
    assert found["psnr_2"][-1, 1, 0].item() == pytest.approx(last, abs=1e-3)
    shown = replace(found["image_2"][1, 0], slices.low[2][1, 0])
    assert found["psnr_kr_2"][-1, 1, 0].item() == pytest.approx(
        psnr(shown, slices.truth[1, 0], 1.0), abs=1e-3
    )
    assert found["iterations"].tolist() == [20, 40, 60] and (found["kept_2"] == 60).all()


class Killed(Exception):
    pass


@pytest.mark.parametrize("group, step", [(0, 3), (1, 0), (1, 3)])
def test_a_killed_run_ends_as_if_never_killed(tmp_path, monkeypatch, group, step):
    whole, _ = run(tmp_path, "whole")
    original = Fit.training_step

    def dying(self, batch, batch_idx):
        if (self.current_epoch // self.epochs, self.current_epoch % self.epochs * 2 + batch_idx) == (
            group,
            step,
        ):
            raise Killed
        return original(self, batch, batch_idx)

    monkeypatch.setattr(Fit, "training_step", dying)
    with pytest.raises(Killed):
        run(tmp_path, "killed")
    monkeypatch.setattr(Fit, "training_step", original)
    resumed, report = run(tmp_path, "killed")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert report["steps"] == 8 and not list((tmp_path / "runs-killed").iterdir())


def test_outcomes_are_recorded_as_often_as_asked(tmp_path):
    often, _ = run(tmp_path, "often", record=1, epoch_steps=4)
    seldom, _ = run(tmp_path, "seldom", record=2, epoch_steps=2)
    assert often["iterations"].tolist() == [1, 2, 3, 4] and seldom["iterations"].tolist() == [2, 4]
    assert torch.equal(often["psnr_4"][1::2], seldom["psnr_4"]), (
        "recording and checkpoints leave the fit alone"
    )
    assert len(torch.unique(often["psnr_4"][:, 0, 0])) == 4
    with pytest.raises(InputError, match=r"train\.record"):
        plan(job(record=3))


def test_a_new_group_starts_from_nothing(tmp_path, monkeypatch):
    """Weights, and what Adam remembers: the second group ends the same whatever came before it."""
    both, _ = run(tmp_path, "both")
    second, _ = run(tmp_path, "second", task={**TASK, "factors": [4]})
    assert torch.equal(both["image_4"], second["image_4"])


def test_groups_hold_every_item_once():
    slices = load_slices(packed_cohort(), TASK)
    for modalities, each in (("alone", 4), ("together", 2)):
        for size in (1, 3, 8):
            groups = deal(slices, modalities, size)
            items = [item for group in groups for item in group]
            assert len(items) == len(set(items)) == 2 * each
            assert all(len(g) <= size and len({i.factor for i in g}) == 1 for g in groups)
    with pytest.raises(InputError, match="alone or together"):
        deal(slices, "both", 1)


def test_the_jitter_is_the_items_own():
    module = opened()
    first, again, later = module._jitter(3), module._jitter(3), module._jitter(4)
    assert torch.equal(first, again) and not torch.equal(first, later)
    assert first.std().item() == pytest.approx(1, abs=0.05) and not torch.equal(first[0], first[1])
    assert (
        module.noise.min() >= 0
        and module.noise.max() <= 0.1
        and module.noise.mean() == pytest.approx(0.05, abs=0.01)
    )


def test_the_jitter_takes_part_in_the_fit(tmp_path):
    with_, _ = run(tmp_path, "with")
    without, _ = run(tmp_path, "without", {**ALONE, "jitter": 0.0})
    assert not torch.allclose(with_["image_2"], without["image_2"], atol=1e-4)


def test_stop_rules_look_at_outputs_alone(tmp_path):
    stop = Stop({"rule": "variance", "window": 2}, (1, 1, 2, 2))
    levels = [0.0, 1.0, 1.5, 1.6, 3.0]  # the two closest follow each other at the fourth
    kept = [bool(stop.keep(torch.full((1, 1, 2, 2), v), n)) for n, v in enumerate(levels)]
    assert kept == [True, True, True, True, False]
    stop.restart()
    assert bool(stop.keep(torch.ones(1, 1, 2, 2), 0))
    last = Stop({}, (1, 1, 2, 2))
    assert all(bool(last.keep(torch.full((1, 1, 2, 2), v), n)) for n, v in enumerate(levels))
    for wrong in ({"rule": "best"}, {"rule": "variance", "window": 1}):
        with pytest.raises(InputError, match="stop"):
            Stop(wrong, (1, 1, 2, 2))
    settled, _ = run(tmp_path, "settled", {**ALONE, "stop": {"rule": "variance", "window": 2}}, steps=12)
    assert set(settled["kept_2"].flatten().tolist()) <= {4, 6, 8, 10, 12}


def test_beyond_the_scan_there_is_no_truth(tmp_path):
    task = {**TASK, "beyond": True, "factors": [2], "subjects": "oldest"}
    found, _ = run(tmp_path, "beyond", TOGETHER, task=task)
    assert found["image_2"].shape == (1, 2, 32, 32) and torch.isnan(found["psnr_2"]).all()
    slices = load_slices(packed_cohort(), task)
    assert slices.truth is None and slices.subjects == ["s1"] and slices.low[2].shape == (1, 2, 16, 16)
    with pytest.raises(InputError, match="one factor at a time"):
        plan(job(options=TOGETHER, task={**task, "factors": [2, 4]}))


def test_the_random_state_of_the_process_does_not_matter():
    pl.seed_everything(1, verbose=False)
    first = opened().bank(opened().noise)
    pl.seed_everything(2, verbose=False)
    assert torch.equal(first, opened().bank(opened().noise))
    assert read_json(packed_cohort() / "cohort.json")["name"] == "tiny"
