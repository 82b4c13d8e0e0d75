"""HiFi-Diff from training to figures on a tiny cohort: scores, controls, sampling, the frozen segmenter."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from hifi_diff_data import METHODS, SAMPLER, STEPS, job
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Used
from mlmi2023.papers.hifi_diff.evaluate import predict, score
from mlmi2023.papers.hifi_diff.filling import interpolated, sampler_of
from mlmi2023.papers.hifi_diff.measures import flicker
from mlmi2023.papers.hifi_diff.model import HiFiDiff
from mlmi2023.papers.hifi_diff.samples import Held
from mlmi2023.papers.hifi_diff.segmenter import Views, WholeViews, segment
from mlmi2023.papers.hifi_diff.train import build_net, filled, floor
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.tasks.chain import draw, tidy, train
from mlmi2023.tasks.restoration import read_images
from mlmi2023.tasks.runs import ready

LEARNED = [m for m, options in METHODS.items() if options["kind"] == "learned"]


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Train all methods a little and predict; return predictions, weights, jobs and the folder."""
    root = tmp_path_factory.mktemp("hifi_diff")
    left, weights, jobs = {}, {}, {}
    for method, options in METHODS.items():
        used = {m: Used(left[m], weights.get(m)) for m in ("segmenter", options.get("of", "")) if m in left}
        own = {"segmenter": {"steps": 30, "epoch_steps": 30, "batch": 4, "learning_rate": 0.02}}
        own |= {name: {"ema": 0.9} for name in ("hifi_diff", "no_hife")}
        jobs[method] = job(method, used=used, train={**STEPS, **own.get(method, {})})
        if options["kind"] == "learned":
            train(jobs[method], root / "runs", root / method)
            weights[method] = root / method / "weights.safetensors"
        left[method] = root / "predictions" / method
        predict(jobs[method], weights.get(method), left[method])
    return left, weights, jobs, root


def rows(chain, method):
    left, _, jobs, _ = chain
    return pd.DataFrame(tidy(jobs[method], score(jobs[method], left[method])))


def test_rows_are_tidy(chain):
    found = rows(chain, "hifi_diff")
    assert set(found["metric"]) == {"psnr", "ssim", "psnr_new", "flicker", "dice_wm", "dice_gm"}
    assert set(found["case"]) == {"s4", "s5"} and set(found["setting"]) == {"scale=x3", "scale=x4"}
    assert not found.duplicated(["metric", "case", "setting"]).any()
    assert set(rows(chain, "hifi_apart")["setting"]) == {"scale=x3"}
    assert set(rows(chain, "segmenter")["metric"]) == {"true_wm", "true_gm"}
    steps = rows(chain, "hifi_steps")
    assert set(steps["setting"]) == {f"scale=x3;steps={n}" for n in (1, 2, 20)}
    assert set(steps["metric"]) == {"psnr_rows", "ssim_rows", "runtime"}


def test_controls_mark_both_ends(chain):
    mean = {m: rows(chain, m).groupby("metric")["value"].mean() for m in ("truth", "interp", "nearest")}
    for metric in ("psnr", "ssim", "psnr_new"):
        assert mean["truth"][metric] > mean["interp"][metric] > mean["nearest"][metric]
    assert mean["truth"]["flicker"] < 0.1 < mean["interp"]["flicker"] < mean["nearest"]["flicker"]
    assert mean["truth"]["dice_wm"] == mean["truth"]["dice_gm"] == 1


def test_scores_are_scikit_image_s_over_the_covered_rows(chain):
    volumes = Volumes(job())
    index = volumes.indices("test")[1]
    truth = volumes.truth(index, 4)
    every = torch.arange(len(truth))
    made = interpolated("linear")(None, volumes.stack(index, 4), 4, every, "").half().float()
    a, b = truth.double().numpy(), made.double().numpy()
    found = rows(chain, "interp")
    own = found[(found["case"] == "s5") & (found["setting"] == "scale=x4")].set_index("metric")["value"]
    assert own["psnr"] == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1), abs=1e-4)
    expected = structural_similarity(
        a, b, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert own["ssim"] == pytest.approx(expected, abs=1e-4)
    new = np.arange(len(a)) % 4 > 0
    assert own["psnr_new"] == pytest.approx(peak_signal_noise_ratio(a[new], b[new], data_range=1), abs=1e-4)
    error = b - a
    assert own["flicker"] == pytest.approx(100 * np.sqrt(np.mean(np.diff(error, axis=0) ** 2)), rel=1e-4)


def test_flicker_counts_jumps_and_no_steady_error():
    truth = torch.rand(6, 4, 4)
    assert flicker(truth + 0.1, truth) == pytest.approx(0, abs=1e-4)
    sign = torch.tensor([1.0, -1.0] * 3)[:, None, None]
    assert flicker(truth + 0.1 * sign, truth) == pytest.approx(20, rel=1e-4)


def test_shifted_rows_score_worse(chain):
    volumes = Volumes(job())
    index = volumes.indices("test")[0]
    stack, truth = volumes.stack(index, 3), volumes.truth(index, 3)
    made = interpolated("linear")(None, stack, 3, torch.arange(len(truth)), "")
    error = (made - truth).square().mean()
    for broken in (made.roll(1, 0), made.roll(-1, 0), made.flip(0)):
        assert (broken - truth).square().mean() > 1.2 * error


def test_a_row_does_not_hang_on_what_it_is_drawn_with(chain):
    _, weights, _, _ = chain
    own, volumes = job(), Volumes(job())
    net, _ = ready(own, build_net(own), weights["hifi_diff"])
    index = volumes.indices("test")[0]
    stack = volumes.stack(index, 4)
    sampler = sampler_of(own.method_options, own.seed)
    every = torch.arange(4 * (len(stack) - 1))
    together = sampler(net, stack, 4, every, "s4")
    assert torch.allclose(sampler(net, stack, 4, every[6:7], "s4")[0], together[6], atol=1e-5)
    assert torch.allclose(replace(sampler, batch=3)(net, stack, 4, every, "s4"), together, atol=1e-5)
    # another subject or seed begins with other noise
    assert not torch.allclose(sampler(net, stack, 4, every, "s5"), together, atol=1e-3)
    assert not torch.allclose(replace(sampler, seed=1)(net, stack, 4, every, "s4"), together, atol=1e-3)


def test_rows_of_a_volume_begin_with_one_noise_or_each_with_its_own():
    """Between two equal slices, at one offset, rows differ by their noise alone."""
    torch.manual_seed(0)
    net = HiFiDiff((4, 8), 1, 2)
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    stack = torch.rand(1, 8, 8).expand(4, 8, 8)
    sampler = sampler_of(METHODS["hifi_diff"], 0)
    same = sampler(net, stack, 2, torch.tensor([1, 3, 5]), "a")
    assert torch.allclose(same[0], same[1], atol=1e-6) and torch.allclose(same[0], same[2], atol=1e-6)
    apart = replace(sampler, noise="slice")(net, stack, 2, torch.tensor([1, 3]), "a")
    assert (apart[0] - apart[1]).abs().max() > 1e-3
    fresh = replace(sampler, eta=1.0)(net, stack, 2, torch.tensor([1, 3]), "a")
    assert torch.allclose(fresh[0], fresh[1], atol=1e-6) and not torch.allclose(fresh[0], same[0], atol=1e-3)


def test_a_perfect_network_draws_the_truth():
    """Noise that is predicted exactly leads DDIM to the row itself, whatever it begins with."""
    volumes = Volumes(job())
    index = volumes.indices("test")[0]
    truth, stack = volumes.truth(index, 3), volumes.stack(index, 3)
    sampler = sampler_of({**METHODS["hifi_diff"], "sampler": {**SAMPLER, "steps": 20, "batch": 64}}, 0)

    class Perfect:
        halvings = 0

        def conditions(self, pair, offset):
            place = stack[:-1]
            before = (pair[:, None, 0] - (2 * place - 1)).abs().sum((-1, -2)).argmin(1)
            return 2 * truth[before * 3 + (offset * 3).round().long()][:, None] - 1

        def denoise(self, noisy, level, row):
            kept = sampler.process.kept[level].view(-1, 1, 1, 1)
            return (noisy - kept.sqrt() * row) / (1 - kept).sqrt()

    made = sampler(Perfect(), stack, 3, torch.arange(len(truth)), "s4")
    assert torch.allclose(made, truth, atol=1e-3)


def test_redrawn_rows_are_those_of_the_network_that_they_are_of(chain):
    left, _, jobs, root = chain
    one = {**METHODS["hifi_apart"], "sampler": SAMPLER}
    predict(replace(jobs["hifi_apart"], method_options=one), None, root / "again")
    again = read_images(root / "again", "s4_x3")["volume"]
    assert torch.equal(again, read_images(left["hifi_diff"], "s4_x3")["volume"])
    assert not torch.equal(again, read_images(left["hifi_apart"], "s4_x3")["volume"])


def test_validation_is_psnr_of_filled_rows(chain):
    volumes = Volumes(job())
    held = Held(volumes, [3, 4], 2)
    item = held[0]
    measure = filled(volumes, lambda net, stack, factor, rows, case: item["truth"] + 0.1)
    found = measure(torch.nn.Identity(), item)
    assert float(found["val_psnr"]) == pytest.approx(20, abs=1e-3) and float(found["count"]) == 1
    report = read_json(chain[3] / "arssr/train.json")["learned"]
    assert report["measure"] == "val_psnr" and report["ceiling"] == 40
    # interpolation, where the network starts, lies above the floor control
    assert report["floor"] == report["before"] > floor(held, volumes)


def test_same_seed_same_weights(chain, tmp_path):
    first = read_json(chain[3] / "hifi_diff/train.json")["weights_hash"]
    own = chain[2]["hifi_diff"]
    again = train(own, tmp_path / "runs", tmp_path / "again")
    other = train(replace(own, seed=1), tmp_path / "runs", tmp_path / "other")
    assert again["weights_hash"] == first != other["weights_hash"]


def test_views_come_back_to_where_they_were():
    """A network that knows a voxel by its intensity alone finds it in the volume, whatever the views."""

    class Bright(torch.nn.Module):
        def forward(self, image):
            return torch.cat([0.5 - image, image - 0.5, torch.full_like(image, -9)], 1)

    volume = torch.rand(9, 12, 14)
    assert torch.equal(segment(Bright(), volume), (volume > 0.5).to(torch.uint8))


def test_views_carry_their_own_labels():
    volumes = Volumes(job())
    views, whole = Views(volumes), WholeViews(volumes)
    torch.manual_seed(0)
    sizes = set()
    for _ in range(12):
        sample = views[0]
        assert sample["image"].shape == (1, 32, 32) and sample["label"].shape == (32, 32)
        # white matter is the brightest
        assert sample["image"][0][sample["label"] == 1].min() > 0.8
        sizes.add(tuple((sample["image"][0] > 0.1).nonzero().amax(0).tolist()))
    assert sizes == {(11, 13), (24, 13), (24, 11)}
    assert len(whole) == 3 and [len(whole[n]["image"]) for n in range(3)] == [25, 12, 14]


def test_dice_is_with_what_is_found_in_the_same_rows_of_the_truth(chain):
    left, weights, jobs, _ = chain
    found = rows(chain, "interp")
    own = found[(found["case"] == "s4") & (found["setting"] == "scale=x3")].set_index("metric")["value"]
    from mlmi2023.papers.hifi_diff.segmenter import build_segmenter

    net, _ = ready(jobs["segmenter"], build_segmenter(job().task), weights["segmenter"])
    volumes = Volumes(job())
    made = read_images(left["interp"], "s4_x3")["volume"]
    with torch.inference_mode():
        a, b = (segment(net, v).numpy() for v in (made, volumes.truth(volumes.indices("test")[0], 3)))
    for number, name in enumerate(("wm", "gm"), 1):
        both, sizes = ((a == number) & (b == number)).sum(), (a == number).sum() + (b == number).sum()
        assert own[f"dice_{name}"] == pytest.approx(2 * both / sizes if sizes else np.nan, nan_ok=True)


@pytest.mark.parametrize(
    ("figure", "methods"),
    [
        ("fig1", ["interp", "hifi_diff"]),
        ("fig4", ["interp", "deepresolve", "metasr", "arssr", "no_hife", "hifi_diff"]),
        ("fig5", ["interp", "hifi_diff", "segmenter"]),
        ("fig_flicker", ["interp", "hifi_diff", "hifi_apart"]),
        ("fig_steps", ["hifi_steps"]),
    ],
)
def test_figures_are_drawn(chain, tmp_path, figure, methods):
    left, weights, jobs, _ = chain
    own = {m: weights[m] for m in methods if m in weights}
    names = {m: m for m in METHODS}
    draw(figure, {m: jobs[m] for m in methods}, own, {m: left[m] for m in methods}, names, tmp_path / figure)
    assert (tmp_path / f"{figure}.png").stat().st_size > 5000 and (tmp_path / f"{figure}.svg").exists()


def test_mistakes_are_one_line(tmp_path):
    with pytest.raises(InputError, match="choose learned, redrawn"):
        predict(job(options={"kind": "magic"}), None, tmp_path / "p")
    with pytest.raises(InputError, match="give the weights"):
        predict(job(), None, tmp_path / "p")
    with pytest.raises(InputError, match="'hifi_diff' is missing under 'uses'"):
        predict(job("hifi_apart"), None, tmp_path / "p")
    with pytest.raises(InputError, match="add 'segmenter'"):
        draw("fig5", {"interp": job("interp")}, {}, {"interp": tmp_path}, {"interp": "i"}, tmp_path / "f")
    assert not (tmp_path / "p").exists()
