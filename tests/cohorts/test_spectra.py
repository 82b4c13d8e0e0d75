"""The form ``spectra``: vendors' files, ON and OFF told apart, one axis, splits by site; what is wrong."""

import os
from pathlib import Path

import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from gaba_mrs_data import config as simulated
from mlmi2023.cohorts.formats.mrs import combined, read_transients, write_nifti
from mlmi2023.cohorts.forms.spectra import form
from mlmi2023.cohorts.forms.spectra.reader import open_spectra
from mlmi2023.cohorts.sources.simulators.mega_press.brain import Brain, clean, ideal_pairs
from mlmi2023.cohorts.sources.simulators.mega_press.cohort import simulate
from mlmi2023.core.files import tree_hash
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.gaba_mrs.quality import mean_spectrum, quality
from mlmi2023.physics.metabolites import METABOLITES
from mlmi2023.physics.spectra import between, ppm_axis, to_spectra
from preflight_root import ROOT
from spectra_files import FREQUENCY, fids, write_sdat

READ = {"scans": "{site}/{subject}.sdat"}
CONFIG = {"kind": "folder", "form": "spectra", "read": READ, "split": {"train": 1, "val": 1, "test": 1}}


def write(root, **keys):
    for site in "ab":
        for number in range(3):
            write_sdat(root / f"{site}/{number}.sdat", fids(**keys))
    return root


def packed(root, **more):
    config = merge(CONFIG, more)
    form.pack(config, root, root / "packed", "mine")
    return open_spectra(root / "packed")


def naa(cohort, transients):
    return np.abs(to_spectra(transients))[:, between(cohort.ppm, 1.9, 2.1)].max(1)


def test_sdat_is_read_with_its_sign_and_on_and_off_are_found_by_naa(tmp_path):
    cohort = packed(write(tmp_path))
    assert cohort.subjects[:2] == ["a_0", "b_0"] and cohort.sites[:2] == ["a", "b"]
    assert cohort.splits == ["train"] * 2 + ["val"] * 2 + ["test"] * 2
    assert (cohort.points, cohort.width) == (128, 2000) and cohort.frequency == pytest.approx(FREQUENCY)
    assert cohort.off(0).shape == cohort.on(0).shape == (4, 128)
    assert np.allclose(cohort.off(0), fids()[::2], rtol=1e-4) and np.allclose(
        cohort.on(0), fids()[1::2], rtol=1e-4
    )
    assert (naa(cohort, cohort.off(0)) > 5 * naa(cohort, cohort.on(0))).all()
    # positive frequencies are above water, on the falling axis
    top = cohort.ppm[np.abs(to_spectra(cohort.off(0)[0])).argmax()]
    assert abs(top - 2.008) < 0.13


@pytest.mark.parametrize(
    ("first", "order"), [("off", "alternating"), ("on", "alternating"), ("auto", "halves")]
)
def test_order_and_first_are_obeyed(tmp_path, first, order):
    made = fids() if order == "alternating" else np.concatenate([fids()[1::2], fids()[::2]])
    for site in "ab":
        for number in range(3):
            write_sdat(tmp_path / f"{site}/{number}.sdat", made)
    cohort = packed(tmp_path, read={"first": first, "order": order})
    right = naa(cohort, cohort.off(1)).min() > naa(cohort, cohort.on(1)).max()
    assert right == (first != "on")


def test_upper_case_names_and_scans_that_are_not_edited(tmp_path):
    for number in range(2):
        write_sdat(tmp_path / f"x/{number}.SDAT", fids(1, edited=False), end=".SPAR")
    config = merge(CONFIG, {"read": {"scans": "{site}/{subject}.SDAT", "edited": False}})
    config["split"] = {"test": 2}
    files = form.raw_files(config, tmp_path)
    assert sorted(file.name for file in files) == ["0.SDAT", "0.SPAR", "1.SDAT", "1.SPAR"]
    form.pack(config, tmp_path, tmp_path / "packed", "mine")
    cohort = open_spectra(tmp_path / "packed")
    assert not cohort.edited and cohort.off(1).shape == (1, 128) and cohort.on(1).shape == (0, 128)
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000
    assert form.check_task(config, {"kind": "reconstruction"}) and not form.check_task(
        config, {"kind": "quality"}
    )


def test_nifti_mrs_keeps_conditions_and_other_widths_come_to_one_axis(tmp_path):
    when = fids(8, 256, 4000.0)
    made = np.stack([when[1::2], when[::2]]).transpose(2, 0, 1)
    for number in range(3):
        (tmp_path / "a").mkdir(exist_ok=True)
        write_nifti(tmp_path / f"a/{number}.nii.gz", made, 4000.0, FREQUENCY)
    given = read_transients(tmp_path / "a/0.nii.gz")
    assert given.fids.shape == (2, 4, 256) and np.allclose(given.fids[1], when[::2], rtol=1e-5)
    axis = {"points": 128, "width": 2000.0, "frequency": FREQUENCY}
    cohort = packed(tmp_path, read={"scans": "{site}/{subject}.nii.gz", "axis": axis})
    native = np.abs(to_spectra(fids(8, 128))).max(1)[::2]
    found = np.abs(to_spectra(cohort.off(0)))
    assert np.allclose(found.max(1), native, rtol=0.15)
    assert abs(cohort.ppm[found[0].argmax()] - 2.008) < 0.13


def test_coils_are_weighed_and_turned_onto_each_other():
    rng = np.random.default_rng(0)
    signal = fids(1, edited=False)[0]
    sensitivity = rng.normal(size=4) + 1j * rng.normal(size=4)
    coils = sensitivity[:, None, None] * signal[None, :, None] * np.ones((1, 1, 3))
    found = combined(coils)
    assert found.shape == (128, 3)
    # the signal again, beginning with phase 0, by the length of the sensitivities
    wanted = signal * np.linalg.norm(sensitivity) * np.exp(-1j * np.angle(signal[0]))
    assert np.allclose(found, wanted[:, None])


def test_a_tree_of_empty_files_is_found(tmp_path):
    config = read_yaml(ROOT / "config/cohorts/biggaba.yaml")["paper"]
    config["layout"] = read_yaml(ROOT / "resources/datasets/biggaba.yaml")
    (missing,) = form.raw_files(config, tmp_path / "elsewhere")
    assert not missing.exists()
    for site, names in {"P1": ["act.sdat", "act.spar"], "S1": [".dat"], "G1": [".7"]}.items():
        for n in range(1, 13):
            for name in names:
                end = f"_GABA_68_{name}" if name[0] == "a" else f"_GABA_68{name}"
                file = tmp_path / f"{site}/S{n:02d}/S{n:02d}{end}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
    files = form.raw_files(config, tmp_path)
    assert len(files) == 48 and len({file.parent for file in files}) == 36
    for site, name in (("P1", "_act.sdat"), ("S1", ".dat"), ("G1", ".7")):
        said(
            lambda s=site, e=name: read_transients(tmp_path / f"{s}/S01/S01_GABA_68{e}"),
            "cannot be read as MR",
        )


@pytest.mark.parametrize(
    ("keys", "more", "words"),
    [
        ({}, {"read": {"scan": "a"}}, ("did you mean 'scans'",)),
        ({}, {"read": {"order": "alternate"}}, ("alternating",)),
        ({}, {"read": {"scans": "{subject}.mrs"}}, ("no file fits",)),
        ({"count": 7}, {}, ("has 7 transients", "no pairs", "read.edited")),
        ({}, {"split": {"train": 3}}, ("site 'a'", "asks for 5 subjects but 3")),
        (
            {},
            {"read": {"axis": {"points": 8, "width": 2e3, "frequency": 127.0}}},
            ("axis.points", "least 64"),
        ),
        ({}, {"read": {"truth": "{site}/{subject}.nii"}}, ("has 0 files",)),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, keys, more, words):
    root = write(tmp_path, **keys)
    said(lambda: packed(root, **more), *words)
    assert not (root / "packed").exists()


def test_parameters_that_lack_and_scans_that_differ_are_said(tmp_path):
    root = write(tmp_path)
    (root / "a/1.spar").unlink()
    said(lambda: packed(root), "a/1.sdat", "no SPAR file")
    write_sdat(root / "a/1.sdat", fids(points=64, width=1000.0), 1000.0)
    said(lambda: packed(root), "scans differ", "64 points", "read.axis")


def test_damaged_files_are_read_or_refused(tmp_path):
    file = tmp_path / "x.sdat"
    write_sdat(file, fids(2, 32))
    text = file.with_suffix(".spar").read_bytes()

    def attempt(data):
        file.with_suffix(".spar").write_bytes(data)
        read_transients(file)

    assert reads_or_says(attempt, damaged(text, 25)) <= 25
    write_nifti(tmp_path / "x.nii", fids(2, 32).T[:, :, None], 2000.0, FREQUENCY)
    whole = (tmp_path / "x.nii").read_bytes()

    def other(data):
        (tmp_path / "y.nii").write_bytes(data)
        read_transients(tmp_path / "y.nii")

    assert reads_or_says(other, damaged(whole, 25)) <= 25


def test_the_simulator_is_the_same_whoever_makes_it_and_knows_its_truth(tmp_path):
    simulate(simulated(), tmp_path / "one")
    simulate(simulated(), tmp_path / "two", threads=2)
    assert tree_hash(tmp_path / "one") == tree_hash(tmp_path / "two")
    form.pack(simulated(), tmp_path / "one", tmp_path / "packed", "stand-in")
    cohort = open_spectra(tmp_path / "packed")
    assert cohort.edited and cohort.truth is not None and set(cohort.sites) == {"site1", "site2"}
    off, on = to_spectra(np.asarray(cohort.truth[0]))
    # NAA in OFF alone, and a mean of OFF that has it too
    seen = between(cohort.ppm, 1.85, 2.15)
    assert off.real[seen].max() > 10 * abs(on.real[seen]).max() and naa(cohort, cohort.off(0)).mean() > 0
    assert (naa(cohort, cohort.off(0)).mean()) > 2 * naa(cohort, cohort.on(0)).mean()


def test_more_gaba_is_more_difference_at_3_ppm():
    axis = (512, 2000.0, 127.758)
    amounts = {name: own.concentration for name, own in METABOLITES.items()}
    heights = []
    for gaba in (1.0, 2.0):
        off, on = clean(Brain({**amounts, "GABA": gaba}, 1.0, 7.0, 0.5), axis)
        heights.append(to_spectra(on - off).real[between(ppm_axis(*axis), 2.85, 3.15)].sum())
    assert heights[1] > 1.2 * heights[0] > 0
    pairs = ideal_pairs(3, axis, 0.1, (6.0, 10.0), seed=1)
    assert pairs.shape == (3, 2, 512) and np.array_equal(
        pairs, ideal_pairs(3, axis, 0.1, (6.0, 10.0), seed=1)
    )


@pytest.mark.real
def test_real_spectra_have_their_peaks_where_they_belong():
    place = os.environ.get("MLMI_REAL_DATA")
    if not place or not (Path(place) / "mrs_sdat").is_dir():
        pytest.skip("MLMI_REAL_DATA names no folder that holds mrs_sdat")
    files = sorted((Path(place) / "mrs_sdat").glob("*/*/ses-01/mrs/*_press/*.[sS][dD][aA][tT]"))
    assert len(files) == 4
    for file in files:
        given = read_transients(file)
        axis = given.fids.shape[-1], given.width, given.frequency
        own = quality(mean_spectrum(given.fids[0], axis, True, 0.0), ppm_axis(*axis), given.frequency)
        assert own["naa_ppm"] == pytest.approx(2.01, abs=0.03) and own["cr_ppm"] == pytest.approx(
            3.03, abs=0.03
        )
        assert own["naa_snr"] > 15 and 2 < own["cr_width"] < 15
