"""SR4ZCT from training to figures on a tiny cohort: scores, controls, stored volumes, what breaks them."""

import pandas as pd
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Used
from mlmi2023.papers.sr4zct.data import images_of, scaled, upscaled
from mlmi2023.papers.sr4zct.evaluate import predict
from mlmi2023.papers.sr4zct.measures import central_box, scoring
from mlmi2023.papers.sr4zct.members import members
from mlmi2023.tasks.chain import draw, tidy, train
from mlmi2023.tasks.restoration import quality, read_images, read_scores, score
from sr4zct_data import OTHERS, OWN, STEPS, TASK, job, packed_cohort

COHORT = open_stacks(packed_cohort())
METHODS = {
    "original": {"kind": "interpolation", "keep": "all"},
    "grey": {"kind": "mean"},
    "truth": {"kind": "truth"},
    "sr4zct": OWN,
    "supervised": {**OTHERS, "settings": [[5, 2.5]]},
    "smore_s3": {**OWN, "degrade": {"kind": "convolve", "width": 5, "stride": 3}, "only_ordinary": True},
    "sr4zct_mis": {
        **OWN, "settings": [[5, 2.5]], "only_ordinary": True, "ssim": False,
        "assume": {"resolution": [-0.5, 0, 0.5], "overlap": [-0.5, 0, 0.5]},
    },
    "saint": {"kind": "learned", "model": "saint", "net": {"width": 4, "blocks": 1}, "keep": "all",
              "settings": [[5, 2]]},
    "rplhr": {"kind": "learned", "model": "rplhr", "keep": "all", "settings": [[5, 2]],
              "net": {"slices": 4, "width": 4, "heads": 1, "encoder": 1, "decoder": 1, "window": 4}},
}  # fmt: skip


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Train all methods a little and predict; return predictions and weights by method."""
    root = tmp_path_factory.mktemp("sr4zct")
    left, weights = {}, {}
    for method, options in METHODS.items():
        own = job(method, options, train={**STEPS, "crop": 16} if method in ("saint", "rplhr") else STEPS)
        if options["kind"] == "learned":
            train(own, root / "runs", root / method)
            weights[method] = root / method / "weights.safetensors"
        left[method] = root / f"predictions/{method}/seed-0_fold-0"
        predict(own, weights.get(method), left[method])
    merged = {"kind": "merged", "of": "sr4zct", "uses": ["sr4zct"], "keep": "all"}
    left["sr4zct_mean"] = root / "predictions/sr4zct_mean/seed-0_fold-0"
    predict(job("sr4zct_mean", merged, used={"sr4zct": Used(left["sr4zct"])}), None, left["sr4zct_mean"])
    return left, weights, root


def means(folder, metric="psnr"):
    found = read_scores(folder)
    return found[found["metric"] == metric].groupby("setting")["value"].mean()


def test_controls_mark_both_ends(chain):
    left, *_ = chain
    for metric in ("psnr", "ssim"):
        low, high = means(left["grey"], metric), means(left["truth"], metric)
        for method in ("original", "sr4zct", "supervised", "smore_s3", "saint", "rplhr"):
            own = means(left[method], metric)
            assert (own > low[""]).all() and (own < high[""]).all(), (method, metric)
    for control in ("grey", "truth"):
        found = read_scores(left[control])
        assert set(found["setting"]) == {""} and len(found) == 3 * 2, "one score a volume, under no setting"


def test_rows_are_tidy_and_stress_tests_have_a_label(chain):
    left, *_ = chain
    rows = pd.DataFrame(tidy(job(), score(job(), left["sr4zct"])))
    assert set(rows["case"]) == {"v02", "v03", "sharp"}
    assert dict(zip(rows["case"], rows["label"])) == {"v02": "", "v03": "", "sharp": "sharp"}
    assert len(rows) == 3 * 3 * 2 * 2
    assert "overlap=1.3;resolution=3.7;view=sag" in set(rows["setting"])
    wrong = pd.DataFrame(tidy(job(), score(job("sr4zct_mis"), left["sr4zct_mis"])))
    assert wrong["setting"].nunique() == 8 * 2 and set(wrong["metric"]) == {"psnr"}


def test_scores_are_scikit_image_s_inside_the_box(chain):
    left, *_ = chain
    member = members(job("original", METHODS["original"]), COHORT)[0]
    reference = scaled(member.volume.reference(), TASK)
    volume = upscaled(member.stack, TASK).half().float()
    box = central_box(reference)
    assert box[0] == slice(4, 36), "a tenth of the rows is left out at each end"
    for view in ("cor", "sag"):
        pairs = list(zip(*(images_of(v[box], view).double().numpy() for v in (reference, volume))))
        expected = {
            "psnr": sum(peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs) / len(pairs),
            "ssim": sum(
                structural_similarity(a, b, data_range=1, gaussian_weights=True, sigma=1.5,
                                      use_sample_covariance=False) for a, b in pairs
            ) / len(pairs),
        }  # fmt: skip
        found = read_scores(left["original"])
        own = found[(found["case"] == member.volume.name) & (found["setting"] == member.setting(view))]
        assert dict(zip(own["metric"], own["value"])) == pytest.approx(expected, abs=1e-5)


def test_a_shifted_or_flipped_volume_scores_worse():
    member = members(job(), COHORT)[0]
    reference, volume = scaled(member.volume.reference(), TASK), upscaled(member.stack, TASK)
    box = central_box(reference)
    right = dict(quality(volume, reference, box, "cor", scoring()))
    for broken in (volume.roll(1, 0), volume.flip(0), volume.transpose(1, 2)):
        wrong = dict(quality(broken, reference, box, "cor", scoring()))
        assert wrong["psnr"] < right["psnr"] - 0.3 and wrong["ssim"] < right["ssim"]


def test_the_mean_of_both_views_is_what_it_says(chain):
    left, *_ = chain
    member = members(job(), COHORT)[0]
    views = read_images(left["sr4zct"], member.file)
    merged = read_images(left["sr4zct_mean"], member.file)
    assert torch.allclose(merged["cor"], (views["cor"] + views["sag"]) / 2, atol=1e-3)
    assert torch.equal(merged["cor"], merged["sag"]) and not torch.equal(views["cor"], views["sag"])
    # a method with a network per view has both in one file
    per_view = members(job("supervised", METHODS["supervised"]), COHORT)[0]
    assert set(read_images(left["supervised"], per_view.file)) == {"cor", "sag"}


def test_networks_are_applied_to_their_own_view(chain):
    from mlmi2023.papers.sr4zct.train import build_net
    from mlmi2023.training.loop.weights import load_weights

    left, weights, _ = chain
    own = job()
    found = members(own, COHORT)
    net = build_net(own, len(found))
    load_weights(net, weights["sr4zct"])
    number = 4
    images = images_of(upscaled(found[number].stack, TASK), "sag")
    with torch.inference_mode():
        expected = net(images[7:8].contiguous(), member=number)[0].clamp(0, 1)
    stored = read_images(left["sr4zct"], found[number].file)["sag"]
    assert torch.allclose(stored[:, :, 7], expected, atol=1e-3)


def test_same_seed_same_weights(chain, tmp_path):
    _, _, root = chain
    first = read_json(root / "sr4zct/train.json")
    again = train(job(), tmp_path / "runs", tmp_path / "again")
    other = train(job(seed=1), tmp_path / "runs", tmp_path / "other")
    assert again["weights_hash"] == first["weights_hash"] != other["weights_hash"]


@pytest.mark.parametrize(
    ("figure", "methods"),
    [
        ("fig3", ["original", "supervised", "sr4zct"]),
        ("fig4", ["original", "sr4zct"]),
        ("fig5", ["sr4zct", "sr4zct_mis"]),
        ("fig6", ["sr4zct", "sr4zct_mis"]),
        ("fig7", ["original", "saint", "rplhr", "smore_s3", "sr4zct"]),
    ],
)
def test_figures_are_drawn(chain, tmp_path, figure, methods):
    left, weights, _ = chain
    jobs = {m: job(m, METHODS[m]) for m in methods}
    own = {m: weights[m] for m in methods if m in weights}
    draw(figure, jobs, own, {m: left[m] for m in methods}, dict(zip(methods, methods)), tmp_path / figure)
    assert (tmp_path / f"{figure}.png").stat().st_size > 5000 and (tmp_path / f"{figure}.svg").exists()


def test_mistakes_are_one_line(chain, tmp_path):
    left, *_ = chain
    with pytest.raises(InputError, match="choose learned, interpolation"):
        predict(job(options={"kind": "magic"}), None, tmp_path / "p")
    with pytest.raises(InputError, match="give the weights"):
        predict(job(), None, tmp_path / "p")
    with pytest.raises(InputError, match="missing under 'uses'"):
        predict(job(options={"kind": "merged", "of": "sr4zct"}), None, tmp_path / "p")
    with pytest.raises(InputError, match="2, 3 rows"):
        train(job(options={**METHODS["saint"], "settings": None}), tmp_path / "r", tmp_path / "o")
    assert not (tmp_path / "p").exists()
    with pytest.raises(InputError, match="sr4zct draws"):
        draw("fig9", {"sr4zct": job()}, {}, {"sr4zct": left["sr4zct"]}, {}, tmp_path / "f")
