"""Slices, interpolation, scores and figures of dmdip."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from dmdip_data import ALONE, TASK, TOGETHER, job, packed_cohort
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Used
from mlmi2023.core.merging import merge
from mlmi2023.core.tidy import write_metrics
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.metrics.image import psnr
from mlmi2023.papers.dmdip.evaluate import FITS, image_of, lost, predict
from mlmi2023.papers.dmdip.interpolation import METHODS, bicubic, flat, sinc
from mlmi2023.papers.dmdip.slices import load_slices
from mlmi2023.physics.kspace import crop
from mlmi2023.reporting.read_reported import load_reported
from mlmi2023.tasks.chain import draw, tidy, train
from mlmi2023.tasks.restoration import score
from mlmi2023.tasks.runs import read_arrays
from reseal import reseal

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Every method on the tiny cohort: its job, predictions and rows."""
    place = tmp_path_factory.mktemp("dmdip")
    works = {name: job(name, {"kind": "interpolation", "by": name}) for name in METHODS}
    works["truth"] = job("truth", {"kind": "truth"})
    works |= {"dip": job("dip", ALONE), "dmdip": job("dmdip", TOGETHER)}
    for name, of, kr in (("dip_kr", "dip", True), ("dmdip_nokr", "dmdip", False)):
        used = {of: Used(place / of)}
        works[name] = job(name, {"kind": "outcome", "of": of, "replacement": kr}, used=used)
    made = {}
    for name, work in works.items():
        weights = None
        if work.method_options["kind"] == "learned":
            train(work, place / "runs", place / f"{name}-weights")
            weights = place / f"{name}-weights/weights.safetensors"
        predict(work, weights, place / name)
        rows = tidy(work, score(work, place / name))
        write_metrics(rows, place / f"{name}.csv")
        made[name] = (work, place / name, pd.DataFrame(rows))
    return made


def mean(results, method, metric="psnr", label=""):
    rows = results[method][2]
    return rows[(rows["metric"] == metric) & (rows["label"] == label)]["value"].mean()


def test_slices_are_scaled_named_and_cut():
    slices = load_slices(packed_cohort(), TASK)
    assert slices.truth.shape == (2, 2, 16, 16) and slices.modalities == ["t1w", "t2w"]
    assert torch.allclose(slices.truth.amax((2, 3)), torch.ones(2, 2))
    assert slices.low[2].shape == (2, 2, 8, 8) and slices.low[4].shape == (2, 2, 4, 4)
    assert torch.equal(slices.low[4], crop(slices.truth, (4, 4)))
    assert torch.allclose(slices.low[2].mean((2, 3)), slices.truth.mean((2, 3)), atol=1e-5)
    assert slices.ages == [3, 12] and slices.cases[0].startswith("s0-")
    assert slices.cases == load_slices(packed_cohort(), TASK).cases
    # both modalities come from the same place of the same subject, upright
    volume = np.load(packed_cohort() / "T2w.npy")[1].astype(np.float32)
    number = int(slices.cases[1].split("-")[1])
    shown = volume[:, number].T[::-1]
    assert np.allclose(slices.truth[1, 1].numpy(), shown / shown.max(), atol=1e-6)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"plane": "oblique"}, r"task\.plane"),
        ({"modalities": ["T1w", "FLAIR"]}, "has no FLAIR"),
        ({"slices": 9}, "9 are asked for"),
        ({"factors": [3]}, "does not divide"),
        ({"ages": [3]}, "says nothing of subject s1"),
        ({"ages": {"s0": 3}}, "says nothing of subject s1"),
        ({"ages": "session"}, "does not end like ses12mo"),
        ({"subjects": "first"}, "all or oldest"),
    ],
)
def test_a_task_that_does_not_fit_is_one_line(change, says):
    with pytest.raises(InputError, match=says) as caught:
        load_slices(packed_cohort(), {**TASK, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("cohort", "ages"), [("tiny", [3, 12]), ("adults", [])])
def test_ages_of_a_stand_in_are_no_other_cohorts(cohort, ages):
    given = [{"cohorts": ["infants", cohort], "months": [3, 12]}, {"cohorts": ["tiny"], "months": [1, 2]}]
    if cohort == "adults":
        given = given[:1]
    slices = load_slices(packed_cohort(), {**TASK, "ages": given})
    assert [age for age in slices.ages if not np.isnan(age)] == ages


def test_ages_are_read_from_sessions(tmp_path):
    about = read_yaml(packed_cohort() / "cohort.json")
    about["subjects"] = [{"subject": s, "split": "test"} for s in ("116056ses2wk", "116056ses12mo")]
    for file in packed_cohort().glob("*.npy"):
        (tmp_path / file.name).symlink_to(file)
    seal(tmp_path, about, "")
    assert load_slices(tmp_path, {**TASK, "ages": "session"}).ages == [0.5, 12]


def test_interpolations_pass_through_the_samples_where_the_cut_leaves_them():
    low = torch.rand(1, 1, 6, 8)
    made = bicubic(low, (24, 32))
    assert made.shape == sinc(low, (24, 32)).shape == flat(low, (24, 32)).shape == (1, 1, 24, 32)
    assert torch.allclose(made[..., ::4, ::4], low, atol=1e-5)
    assert torch.allclose(crop(sinc(low, (24, 32)), (6, 8)), low, atol=1e-6)


def test_a_shift_of_half_a_sample_would_cost_bicubic_decibels():
    axis = torch.linspace(-3, 3, 48)
    truth = torch.exp(-(axis[:, None] ** 2) - axis[None] ** 2)[None, None]
    low = crop(truth, (12, 12))
    ours = psnr(bicubic(low, (48, 48)), truth, 1.0)
    centred = torch.nn.functional.interpolate(low, size=(48, 48), mode="bicubic", align_corners=False)
    assert ours > psnr(centred, truth, 1.0) + 10


def test_controls_bracket_and_methods_differ(results):
    values = {m: mean(results, m) for m in results}
    assert 60 < values["truth"] < 100
    assert values["flat"] < values["bicubic"] < values["sinc"] < values["truth"]
    assert len({round(v, 3) for v in values.values()}) == len(values)


def test_the_ceiling_is_finite_for_a_slice_that_needs_no_scaling(tmp_path):
    for file in packed_cohort().iterdir():
        if file.suffix == ".npy":
            images = np.load(file)
            images[images >= 0.85] = 1
            np.save(tmp_path / file.name, images)
        else:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    reseal(tmp_path)
    work = job("truth", {"kind": "truth"}, data=tmp_path)
    predict(work, None, tmp_path / "truth")
    values = [row.value for row in score(work, tmp_path / "truth")]
    assert np.isfinite(values).all() and min(values) > 60


def test_what_is_scored_and_how(results):
    for method, (work, _, rows) in results.items():
        both = rows[(rows["metric"] == "psnr") & (rows["label"] == "")]
        assert sorted(set(both["setting"])) == [f"modality=t{m}w;r={r}" for m in (1, 2) for r in (2, 4)]
        assert len(both) == 8
        assert set(rows["label"]) == {"", "3mo", "12mo"}
        fitted = work.method_options["kind"] in ("learned", "outcome")
        assert ("psnr_drop" in set(rows["metric"])) == fitted
        assert ("runtime" in set(rows["metric"])) == (work.method_options["kind"] == "learned"), method
    slices = load_slices(packed_cohort(), TASK)
    rows = results["sinc"][2]
    one = rows[(rows["case"] == slices.cases[1]) & (rows["label"] == "12mo")]
    one = one[one["setting"] == "modality=t2w;r=4"]
    known = psnr(sinc(slices.low[4], (16, 16))[1, 1], slices.truth[1, 1], data_range=1.0)
    assert one["value"].item() == pytest.approx(known, abs=0.01)


def test_replacement_is_what_tells_the_pairs_apart(results):
    slices = load_slices(packed_cohort(), TASK)
    for with_, without in (("dip_kr", "dip"), ("dmdip", "dmdip_nokr")):
        a, b = (np.stack([image_of(results[m][1], slices, s, 4) for s in (0, 1)]) for m in (with_, without))
        low = slices.low[4]
        assert torch.allclose(crop(torch.from_numpy(a), (4, 4)), low, atol=2e-3)
        assert not torch.allclose(crop(torch.from_numpy(b), (4, 4)), low, atol=2e-2)
        raw = [read_arrays(results[m][1] / FITS)["raw_4"] for m in (with_, without)]
        assert np.array_equal(*raw), "one fit, looked at twice"
        assert mean(results, with_) > mean(results, without)


def first_drop(rows, metric="psnr_drop"):
    chosen = (rows["metric"] == metric) & (rows["setting"] == "modality=t1w;r=2")
    return rows[chosen]["value"].iloc[0]


def test_the_drop_is_from_the_best_recorded_iteration(results):
    work, folder, rows = results["dip"]
    fits = read_arrays(folder / FITS)
    curve = fits["psnr_2"][:, 0, 0]
    assert first_drop(rows) == pytest.approx(curve.max() - curve[-1], abs=1e-6)
    assert first_drop(rows, "psnr_below") == pytest.approx(np.mean(curve.max() - curve), abs=1e-6)
    fits["psnr_2"][0, 0, 0] = curve[-1] + 1.5
    changed = pd.DataFrame(tidy(work, lost(fits, load_slices(packed_cohort(), TASK), False)))
    assert first_drop(changed) == pytest.approx(1.5, abs=1e-5)
    assert first_drop(changed, "psnr_below") == pytest.approx(1.5 / 2, abs=1e-5)


def test_predictions_that_cannot_be_made_are_one_line(tmp_path):
    for options, says in (
        ({"kind": "magic"}, "choose learned"),
        (ALONE, "give the weights"),
        ({"kind": "interpolation", "by": "spline"}, "choose sinc"),
        ({"kind": "outcome", "of": "dip", "replacement": True}, "stands under 'uses'"),
    ):
        with pytest.raises(InputError, match=says):
            predict(job("m", options), None, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="has no truth"):
        predict(job("t", {"kind": "truth"}, {**TASK, "beyond": True, "factors": [2]}), None, tmp_path / "out")
    with pytest.raises(InputError, match="cannot be read"):
        list(score(job("s", {"kind": "interpolation", "by": "sinc"}), tmp_path))


@pytest.mark.parametrize("figure", ["fig2", "fig3", "fig5", "fig6"])
def test_figures_are_drawn_with_and_without_ages(results, tmp_path, figure):
    four = ["dip", "dip_kr", "dmdip_nokr", "dmdip"]
    shown = four if figure in ("fig5", "fig6") else ["bicubic", "sinc", "dmdip"]
    for task in (TASK, {**TASK, "ages": None}):
        jobs = {m: job(m, results[m][0].method_options, task) for m in shown}
        draw(figure, jobs, {}, {m: results[m][1] for m in shown}, {m: m for m in shown}, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 5000 and (tmp_path / f"{figure}.svg").exists()


def test_fig4_shows_what_has_no_truth(tmp_path):
    task = {**TASK, "beyond": True, "factors": [2], "subjects": "oldest"}
    jobs = {m: job(m, {"kind": "interpolation", "by": m}, task) for m in ("bicubic", "sinc")}
    for method, work in jobs.items():
        predict(work, None, tmp_path / method)
        assert list(score(work, tmp_path / method)) == []
    folders = {m: tmp_path / m for m in jobs}
    draw("fig4", jobs, {}, folders, {m: m for m in jobs}, tmp_path / "fig4")
    assert (tmp_path / "fig4.png").stat().st_size > 5000
    with pytest.raises(InputError, match="dmdip draws"):
        draw("fig7", jobs, {}, folders, {m: m for m in jobs}, tmp_path / "fig7")


def test_the_paper_scale_has_the_printed_settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["dmdip"]})
    made = Settings(config, ROOT)
    for method in ("dip", "dmdip"):
        schedule = made.schedule("dmdip", "bcp", method)
        assert (schedule["steps"], schedule["record"], schedule["learning_rate"]) == (7000, 100, 0.01)
        assert schedule["monitor"] == "", "nothing is chosen by the truth"
    net = made.method("dmdip", "bcp", "dmdip")["net"]
    assert net == {"inputs": 32, "trunk": 2, "levels": 6, "width": 128, "skip": 4}
    bcp = made.paper("dmdip")["datasets"]["bcp"]
    assert bcp["task"]["slices"] == 10
    reported = load_reported(ROOT / "resources/papers/dmdip.yaml")
    assert set(bcp["methods"]) == set(reported.methods)
    assert set(made.paper("dmdip")["figures"]) == set(reported.figures)
