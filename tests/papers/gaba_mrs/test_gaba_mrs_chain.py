"""Reconstruction, fit and measures against known answers; training and scores on a few tiny scans."""

import csv

import numpy as np
import pytest
import torch

from bad_inputs import said
from gaba_mrs_data import NET, TASK, job, packed
from mlmi2023.classical.spectral_registration import offsets, registered, turned
from mlmi2023.papers.gaba_mrs.evaluate import FILE, predict, score
from mlmi2023.papers.gaba_mrs.fit import fitted
from mlmi2023.papers.gaba_mrs.gannet import alike, reconstructed
from mlmi2023.papers.gaba_mrs.measures import mse, snr
from mlmi2023.papers.gaba_mrs.options import Simulated as Options
from mlmi2023.papers.gaba_mrs.quality import peak
from mlmi2023.papers.gaba_mrs.scans import Quarters, Scans
from mlmi2023.papers.gaba_mrs.simulations import Simulated
from mlmi2023.papers.gaba_mrs.train import plan
from mlmi2023.physics.spectra import ppm_axis, times, to_spectra
from mlmi2023.tasks.chain import train

AXIS = (1024, 2000.0, 127.758)
PPM = ppm_axis(*AXIS)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("mrs"))


def learned(form="diff"):
    return {"kind": "learned", "net": NET, "input": form}


def lines(*peaks):
    """A FID of lines, ppm and amplitude each, 8 Hz wide."""
    when = times(AXIS[0], AXIS[1])
    turning = sum(a * np.exp(2j * np.pi * (ppm - 4.68) * AXIS[2] * when) for ppm, a in peaks)
    return turning * np.exp(-np.pi * 8 * when)


def test_registration_finds_shifts_and_phases():
    rng = np.random.default_rng(1)
    wanted = lines((2.008, 30), (3.028, 25), (3.21, 14))
    shifts, phases = rng.uniform(-8, 8, 6), rng.uniform(-1, 1, 6)
    moved = turned(np.tile(wanted, (6, 1)), shifts, phases, AXIS[1])
    found = offsets(moved, wanted, AXIS[1])
    assert np.allclose(found[0], -shifts, atol=0.02) and np.allclose(found[1], -phases, atol=0.03)
    together = registered(moved + 0.1 * rng.normal(size=moved.shape), AXIS[1])
    assert np.abs(together - together.mean(0)).max() < 0.05 * np.abs(wanted).max()
    # one of another kind is left out
    assert alike(np.vstack([together, 3 * together[:1]])).tolist() == [True] * 6 + [False]


def test_the_reconstruction_subtracts_off_from_on_and_undoes_drift():
    rng = np.random.default_rng(2)
    off, on = lines((2.008, 33), (3.028, 25), (3.21, 14)), lines((3.028, 25), (3.21, 14), (3.75, 3))
    drift, phases = np.linspace(0, 6, 40), rng.normal(0, 0.1, 40)
    fids = [
        turned(np.tile(own, (40, 1)), drift, phases, AXIS[1]) + 0.05 * rng.normal(size=(40, 1024))
        for own in (on, off)
    ]
    made = reconstructed(*fids, AXIS, broadening=0.0)
    wanted = to_spectra(on - off).real
    assert np.abs(made.difference - wanted).max() < 0.05 * np.abs(wanted).max()
    plain = to_spectra(fids[0].mean(0) - fids[1].mean(0)).real
    assert np.abs(made.difference - wanted).max() < np.abs(plain - wanted).max() / 4
    assert PPM[made.difference.argmin()] == pytest.approx(2.008, abs=0.02) and made.kept > 0.8


def test_the_fit_finds_gaba_and_its_error():
    rng = np.random.default_rng(3)
    gauss = [
        a * np.exp(-((PPM - c) ** 2) / (2 * s**2))
        for a, c, s in ((2, 3.02, 0.06), (3, 3.71, 0.03), (3, 3.78, 0.03))
    ]
    clean = sum(gauss) + 0.5 + 0.3 * (PPM - 3.4)
    found = fitted(clean, PPM)
    assert np.isclose(found.height, 2, rtol=0.01) and np.isclose(
        found.area, 2 * 0.06 * np.sqrt(2 * np.pi), rtol=0.02
    )
    assert found.error < 0.5
    noisy = fitted(clean + rng.normal(0, 0.1, len(PPM)), PPM)
    # deviation of 0.1 over a height of 2
    assert 3 < noisy.error < 6.5
    # twice the spectrum, twice the area, the same error; nothing fits a flat line
    twice = fitted(2 * clean, PPM)
    assert np.isclose(twice.area, 2 * found.area) and np.isnan(fitted(np.zeros(len(PPM)), PPM).error)
    assert np.isnan(fitted(-clean, PPM).error) and np.isnan(fitted(np.ones(len(PPM)), PPM).error)


def test_measures_look_at_their_windows_alone():
    rng = np.random.default_rng(4)
    noise = np.where((PPM >= 10) & (PPM <= 12), rng.normal(0, 1, len(PPM)), 0)
    noise = noise / np.std(noise[(PPM >= 10) & (PPM <= 12)])
    spectrum = (
        noise + np.where(np.abs(PPM - 3.0) < 0.02, 10.0, 0) + np.where(np.abs(PPM - 3.75) < 0.02, 99.0, 0)
    )
    assert np.isclose(snr(spectrum, PPM), 5.0) and np.isnan(snr(np.zeros(len(PPM)), PPM))
    away = np.where((PPM < 2.5) | (PPM > 4.0), 7.0, 0)
    assert mse(spectrum + away, spectrum, PPM, 1.0) == 0
    assert np.isclose(mse(spectrum + 3, spectrum, PPM, 6.0), 0.25)
    height, place, width = peak(to_spectra(lines((2.008, 30))).real, PPM, (1.85, 2.15))
    assert (
        place == pytest.approx(2.008, abs=0.01) and width * AXIS[2] == pytest.approx(8, abs=1) and height > 0
    )


def test_training_pairs_stay_pairs_and_tests_see_the_first(data):
    scans = Scans(job(data, "rdc", learned()))
    row = scans.cohort.rows("train")[0]
    on, off = scans.pairs(row)
    quarters = Quarters(scans)
    np.random.seed(0)
    one, other = quarters[0], quarters[0]
    assert one["on"].shape == (13, 256) and not torch.equal(one["on"], other["on"])
    whole = {tuple(np.round(s.real[:4], 5)): n for n, s in enumerate(to_spectra(on).astype(np.complex64))}
    order = [whole[tuple(np.round(s.real[:4].numpy(), 5))] for s in one["on"]]
    assert torch.allclose(one["off"], torch.from_numpy(to_spectra(off[order]).astype(np.complex64)))
    assert np.allclose(one["target"], scans.target(row), rtol=1e-5)
    first = scans.tested_on([row])[1][0]
    assert torch.allclose(first, torch.from_numpy(to_spectra(off[:13]).astype(np.complex64)))


def test_simulations_have_new_noise_every_time_and_a_clean_target():
    made = Simulated(Options(pairs=2), 4, AXIS, 3.0, seed=1)
    np.random.seed(0)
    one, other = made[0], made[0]
    assert torch.equal(one["target"], other["target"]) and not torch.equal(one["on"], other["on"])
    # many copies average out to the difference, NAA upside down
    mean = (one["on"] - one["off"]).real.mean(0)
    assert abs(PPM[int(mean.argmin())] - 2.008) < 0.03 and one["target"].min() < 0
    assert PPM[int(one["target"].argmin())] == pytest.approx(2.008, abs=0.02)
    assert np.array_equal(made.targets, Simulated(Options(pairs=2), 4, AXIS, 3.0, seed=1).targets)


def _losses(file):
    with open(file, newline="") as stream:
        return [float(row["val_loss"]) for row in csv.DictReader(stream) if row["val_loss"]]


def test_a_pipeline_learns_in_both_stages_and_is_scored(data, tmp_path):
    first = train(job(data, "rdc_ft", learned(), stage="pretrain"), tmp_path / "runs", tmp_path / "pretrain")
    weights = tmp_path / "pretrain/weights.safetensors"
    second = train(job(data, "rdc_ft", learned(), previous=weights), tmp_path / "runs", tmp_path / "main")
    # on simulations it is told by simulations, and the best step is still that of scans
    assert first["learned"]["measure"] == "val_simulated" and second["learned"]["measure"] == "val_loss"
    # fine-tuning begins with the pretrained weights, which are those of the best epoch
    curves = [_losses(tmp_path / stage / "curve.csv") for stage in ("pretrain", "main")]
    assert curves[1][0] == pytest.approx(min(curves[0][1:]), rel=1e-4)
    own = job(data, "rdc_ft", learned())
    predict(own, tmp_path / "main/weights.safetensors", tmp_path / "out")
    found = list(score(own, tmp_path / "out"))
    assert {value.metric for value in found} >= {
        "mse",
        "snr",
        "fit_error",
        "mse_truth",
        "gaba_error",
        "p_snr",
    }
    assert len([value for value in found if value.metric == "mse"]) == 2
    with np.load(tmp_path / "out" / FILE) as stored:
        assert stored["found"].shape == (2, 256)
    said(lambda: predict(own, None, tmp_path / "none"), "is learned: give the weights")


def test_floor_reference_and_ceiling(data, tmp_path):
    kinds = {
        "full": {"kind": "gannet", "transients": "all"}, "some": {"kind": "gannet", "transients": "some"},
        "mean": {"kind": "mean_target"}, "flat": {"kind": "flat"}, "truth": {"kind": "truth"},
    }  # fmt: skip
    got = {}
    for name, options in kinds.items():
        own = job(data, name, options)
        predict(own, None, tmp_path / name)
        values = list(score(own, tmp_path / name))
        got[name] = {m: [v.value for v in values if v.metric == m] for m in {v.metric for v in values}}
    assert got["truth"]["mse_truth"] == [0, 0] and got["truth"]["gaba_error"] == pytest.approx([0, 0])
    assert "mse" not in got["full"] and len(got["some"]["mse"]) == 2
    assert np.mean(got["flat"]["mse"]) > 5 * np.mean(got["some"]["mse"])
    assert got["flat"]["gaba_bias"] == pytest.approx([-100, -100])


def test_the_loss_s_bounds_are_those_of_the_mean_and_of_the_truth(data):
    own = plan(job(data, "rdc", learned()))
    assert own.measure is not None and callable(own.measure.floor) and callable(own.measure.ceiling)
    assert 0 < own.measure.ceiling() < own.measure.floor()
    other = plan(job(data, "rdc_ft", learned(), stage="pretrain"))
    assert other.measure is not None and callable(other.measure.floor)
    assert other.measure.ceiling == 0 and other.measure.floor() > 0
    held = other.module.held
    assert len(held["target"]) == 16
    again = plan(job(data, "rdc_ft", learned(), stage="pretrain")).module.held
    assert torch.equal(held["on"], again["on"]), "the same noise whenever they are looked at"


@pytest.mark.parametrize(
    ("options", "task", "words"),
    [
        (learned(), {**TASK, "pairs": 17}, ("has 16 pairs, task.pairs is 17",)),
        ({**learned(), "net": {**NET, "widths": [2] * 10}}, TASK, ("256 points cannot be halved 9 times",)),
        (
            {**learned(), "net": {**NET, "widths": [4, 4, 4]}},
            TASK,
            ("13 transients are too few for 2 poolings",),
        ),
    ],
)
def test_what_does_not_fit_is_one_line(data, options, task, words):
    said(lambda: plan(job(data, "rdc", options, task=task)), *words)


def test_quality_is_for_methods_that_average(data, tmp_path):
    own = job(data, "averaged", {"kind": "averaged"}, task={"kind": "quality"})
    predict(own, None, tmp_path / "out")
    values = {v.metric: v.value for v in score(own, tmp_path / "out")}
    assert values["naa_ppm"] == pytest.approx(2.008, abs=0.1) and values["naa_snr"] > 20
    said(
        lambda: predict(job(data, "flat", {"kind": "flat"}, task={"kind": "quality"}), None, tmp_path / "x"),
        "averaged",
    )
