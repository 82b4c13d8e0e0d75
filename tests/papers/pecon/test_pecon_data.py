"""The chest CT stand-in, RadFusion's layout, and what is fitted on training exams alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mlmi2023.cohorts.forms.exams import form
from mlmi2023.cohorts.forms.exams.radfusion import TABLES, read_exams
from mlmi2023.cohorts.forms.exams.reader import open_exams
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.options import read_options
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.patients import Exam, draw_exams
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.records import draw_records
from mlmi2023.cohorts.sources.simulators.pulmonary_ct.scanner import scan
from mlmi2023.core.errors import InputError
from mlmi2023.papers.pecon.health_record import fit_preparation
from mlmi2023.papers.pecon.scans import Cut, ScanStore, windows_of
from pecon_data import CONFIG, SCAN, TASK, packed_cohort, raw_cohort

OPTIONS = read_options({})


def exam(kind="central", severity=1.0, idx=1):
    return Exam(idx, idx, "train", int(bool(kind)), kind, severity, True, True)


def test_same_seed_same_bytes_and_another_seed_others():
    first, again, other = (scan(exam(), seed, OPTIONS)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_defects_are_darker_than_the_contrast_around_them():
    from scipy.ndimage import binary_dilation

    inside, around = [], []
    for idx in range(6):
        volume, mask = scan(exam(idx=idx), 3, OPTIONS)
        vessel = binary_dilation(mask > 0, iterations=2) & (mask == 0) & (volume > 150)
        inside.append(volume[mask > 0].mean())
        around.append(volume[vessel].mean())
    assert np.mean(inside) < np.mean(around) - 60


def test_types_differ_in_size_and_negatives_have_no_defect():
    sizes = {}
    for kind in ("central", "segmental", "subsegmental"):
        sizes[kind] = np.mean([(scan(exam(kind, 0.5, i), 3, OPTIONS)[1] > 0).sum() for i in range(8)])
    assert sizes["central"] > 2 * sizes["segmental"] > 2 * sizes["subsegmental"] > 0
    assert not scan(exam("", 0.0), 3, OPTIONS)[1].any()


def test_scan_and_record_share_a_severity():
    exams = draw_exams(1, {"train": 1500}, OPTIONS)
    records = draw_records(exams, 1, OPTIONS["records"])
    severity = pd.Series({e.idx: e.severity for e in exams})
    vitals = records["Vitals"].set_index("idx")
    assert vitals["spO2"].corr(severity.reindex(vitals.index)) < -0.4
    assert vitals["pulse"].corr(severity.reindex(vitals.index)) > 0.4
    # those with severe emboli hold more clot
    few, many = (
        np.mean([(scan(exam("central", s, i), 3, OPTIONS)[1] > 0).sum() for i in range(8)]) for s in (0, 3)
    )
    assert many > 1.3 * few


def test_prevalence_types_and_patients():
    exams = draw_exams(1, {"train": 3000, "val": 300}, OPTIONS)
    assert np.mean([e.label for e in exams]) == pytest.approx(0.395, abs=0.03)
    kinds = [e.type for e in exams if e.label]
    assert kinds.count("segmental") > kinds.count("central") > kinds.count("subsegmental") > 0
    homes = {}
    for e in exams:
        assert homes.setdefault(e.patient, e.split) == e.split
    assert len(homes) < len(exams), "some patients have two exams"


def test_the_paper_s_size_is_made_too():
    options = read_options({"options": {"shape": [24, 192, 192], "spacing": [4.0, 1.1, 1.1]}})
    volume, mask = scan(exam(), 3, options)
    assert volume.shape == mask.shape == (24, 192, 192) and volume.min() < -700 and volume.max() > 300


def test_packed_exams_are_the_raw_ones():
    exams, raw = open_exams(packed_cohort()), read_exams("t", raw_cohort())
    assert exams.cases == raw.cases and exams.labels.tolist() == raw.labels
    row = next(i for i in exams.rows("test") if exams.has_scan(i) and exams.labels[i])
    stored = np.load(raw.scans[row])
    assert np.array_equal(exams.scan(row), stored.astype(int) - 1024)
    assert exams.scan(row).min() < -500, "Hounsfield units"
    assert (exams.defects(row) > 0).any()
    lost = [i for i in range(len(exams)) if not exams.has_scan(i)]
    assert lost and all(exams.depth(i) == 0 for i in lost) and not exams.has_ehr.all()


def test_packing_twice_gives_the_same_hash(tmp_path):
    form.pack(CONFIG, raw_cohort(), tmp_path / "again", "tiny")
    assert open_exams(tmp_path / "again").content_hash == open_exams(packed_cohort()).content_hash


# --- RadFusion as published -----------------------------------------------------------------------


def release(root: Path, exams: int = 3) -> Path:
    """Write the published layout: tables with an unnamed index, some with a split, scans in parts."""
    base = root / "multimodalpulmonaryembolismdataset"
    for part in range(2):
        (base / str(part)).mkdir(parents=True)
    idx = list(range(10, 10 + exams))
    labels = {"idx": idx, "label": [1, 0, 1][:exams], "pe_type": ["central", None, "subsegmental"][:exams]}
    pd.DataFrame({**labels, "split": ["train", "val", "test"][:exams]}).to_csv(base / "Labels.csv")
    for name in TABLES:
        columns = {"idx": idx, f"{name}_a": np.arange(exams) + 0.5, "split": "x"}
        pd.DataFrame(columns).to_csv(base / f"{name}.csv")
    for number in idx:
        size = (5 + number % 2, 8, 8)
        scan = np.full(size, 1024 + number, np.int16)
        scan[-1] = 24  # air
        np.save(base / str(number % 2) / f"{number}.npy", scan)
    return base


def test_release_is_read(tmp_path):
    base = release(tmp_path)
    raw = read_exams("c", tmp_path)
    assert raw.cases == ["10", "11", "12"] and raw.types == ["central", "", "subsegmental"]
    assert list(raw.record.columns) == ["case", *(f"{n}:{n}_a" for n in TABLES)]
    form.pack(
        {"kind": "dataset", "read": {"hu_offset": -1024, "size": [6, 6]}}, tmp_path, tmp_path / "out", "c"
    )
    exams = open_exams(tmp_path / "out")
    assert exams.scan(1).shape == (6, 6, 6) and exams.defects(0) is None
    assert (exams.scan(1)[:-1] == 11).all() and (exams.scan(1)[-1] == -1000).all()
    # an exam whose scan is lost stays, without a scan
    (base / "0" / "10.npy").unlink()
    assert read_exams("c", tmp_path).scans[0] is None


def test_zero_byte_tree_is_enough_to_plan(tmp_path):
    base = tmp_path / "multimodalpulmonaryembolismdataset"
    (base / "0").mkdir(parents=True)
    for name in ("Labels", *TABLES):
        (base / f"{name}.csv").touch()
    assert all(file.exists() for file in form.raw_files({"kind": "dataset"}, tmp_path))
    with pytest.raises(InputError, match=r"Labels\.csv: not a CSV table"):
        read_exams("c", tmp_path)


def test_mistakes_name_file_and_fix(tmp_path):
    base = release(tmp_path)
    labels = pd.read_csv(base / "Labels.csv", index_col=0)
    labels.assign(split=["train", "val", "dev"]).to_csv(base / "Labels.csv")
    with pytest.raises(InputError, match="split of exam 12 is 'dev'"):
        read_exams("c", tmp_path)
    labels.assign(patient=[1, 1, 2]).to_csv(base / "Labels.csv")
    with pytest.raises(InputError, match="patient 1 lies in train and in val"):
        read_exams("c", tmp_path)
    labels.drop(columns="split").to_csv(base / "Labels.csv")
    with pytest.raises(InputError, match="no column 'split'"):
        read_exams("c", tmp_path)
    labels.to_csv(base / "Labels.csv")
    icd = pd.read_csv(base / "ICD.csv", index_col=0)
    icd.assign(ICD_a="yes").to_csv(base / "ICD.csv")
    with pytest.raises(InputError, match=r"ICD\.csv: column 'ICD_a' holds 'yes'"):
        read_exams("c", tmp_path)
    icd.to_csv(base / "ICD.csv")
    (base / "LABS.csv").unlink()
    with pytest.raises(InputError, match=r"LABS\.csv: no such table"):
        read_exams("c", tmp_path)


def test_slices_of_many_sizes_need_one(tmp_path):
    base = release(tmp_path)
    np.save(base / "0" / "10.npy", np.zeros((3, 4, 4), np.int16))
    with pytest.raises(InputError, match=r"read\.size"):
        form.pack({"kind": "dataset"}, tmp_path, tmp_path / "out", "c")
    assert not (tmp_path / "out").exists()


# --- fitted on training exams alone ---------------------------------------------------------------


def with_record(exams, record, labels=None):
    copy = open_exams(exams.path)
    copy.record = record
    copy.labels = exams.labels if labels is None else labels
    return copy


def test_preparation_never_sees_other_splits():
    exams = open_exams(packed_cohort())
    other = exams.rows("val", "test")
    record, labels = exams.record.copy(), exams.labels.copy()
    record[other] = 1e6
    labels[other] = 1 - labels[other]
    kept, spoilt = (fit_preparation(e, TASK) for e in (exams, with_record(exams, record, labels)))
    for field in dataclasses.fields(kept):
        assert np.array_equal(getattr(kept, field.name), getattr(spoilt, field.name)), field.name
    # and it does see the training rows
    record = exams.record.copy()
    record[exams.rows("train")] *= 2
    assert not np.array_equal(fit_preparation(with_record(exams, record), TASK).low, kept.low)


def test_preparation_by_hand():
    exams = open_exams(packed_cohort())
    everything = fit_preparation(exams, {}, select=False)
    rows = exams.rows("train")
    rows = rows[exams.has_ehr[rows]]
    column = exams.columns.index("Vitals:pulse")
    place = int(everything.chosen[:column].sum())
    values = exams.record[rows, column]
    scaled = everything.apply(exams.record)
    assert scaled.min() >= 0 and scaled.max() <= 1 and np.isfinite(scaled).all()
    expected = (values - values.min()) / (values.max() - values.min())
    assert scaled[rows, place] == pytest.approx(expected, abs=1e-6)
    lab = exams.columns.index("LABS:D-DIMER:latest")
    missing = np.flatnonzero(~np.isfinite(exams.record[:, lab]))
    assert len(missing), "some tests are not ordered"
    place = int(everything.chosen[:lab].sum())
    known = exams.record[rows, lab][np.isfinite(exams.record[rows, lab])]
    middle = (np.median(known) - known.min()) / (known.max() - known.min())
    assert scaled[missing, place] == pytest.approx(middle, abs=1e-6)


def test_selection_keeps_fewer_columns_and_says_when_none_is_left():
    exams = open_exams(packed_cohort())
    assert 0 < fit_preparation(exams, TASK).chosen.sum() < fit_preparation(exams, {}).chosen.sum()
    with pytest.raises(InputError, match=r"task\.selection\.c"):
        fit_preparation(exams, {"selection": {"c": 1e-9}})


def test_columns_are_chosen_before_they_are_scaled():
    from sklearn.svm import LinearSVC

    exams, task = open_exams(packed_cohort()), {"selection": {"c": 0.01}}
    everything = fit_preparation(exams, {})
    rows = exams.rows("train")
    rows = rows[exams.has_ehr[rows]]
    raw = np.where(np.isfinite(exams.record[rows]), exams.record[rows], everything.median)
    scaled = everything.apply(exams.record)[rows]
    picked = [
        np.abs(
            LinearSVC(C=0.01, penalty="l1", dual=False, random_state=0, max_iter=5000)
            .fit(x, exams.labels[rows])
            .coef_[0]
        )
        > 1e-5
        for x in (raw[:, everything.chosen], scaled)
    ]
    assert np.array_equal(fit_preparation(exams, task).chosen[everything.chosen], picked[0])
    assert picked[0].any() and not np.array_equal(*picked)


# --- sub-volumes ----------------------------------------------------------------------------------


def test_sub_volumes_cover_a_scan():
    cut = Cut(slices=24)
    assert cut.starts(24) == [0] and cut.starts(10) == [0]
    assert cut.starts(60) == [0, 24, 36], "the last one ends with the scan"


def test_windows_are_positive_where_slices_show_a_defect():
    exams = open_exams(packed_cohort())
    found = windows_of(exams, exams.rows("train"), Cut.of(TASK, exams))
    for row, start, label in zip(found.exam, found.start, found.label):
        shown = (exams.defects(row)[start : start + SCAN["slices"]] > 0).any()
        assert label == float(shown)
    assert 0 < found.label.mean() < exams.labels[exams.rows("train")].mean() + 0.1


def test_scaling_crop_and_augmentation():
    exams = open_exams(packed_cohort())
    cut = Cut.of(TASK, exams)
    store = ScanStore(exams, cut, torch.device("cpu"))
    row = int(exams.rows("train")[exams.has_ct[exams.rows("train")]][0])
    plain = store.take(torch.tensor([row]), torch.tensor([2]))
    expected = np.clip((exams.scan(row)[2:8, 2:34, 2:34].astype(float) + 100) / 500 - 1, -1, 1)
    assert plain.shape == (1, 1, 6, 32, 32)
    assert plain[0, 0].numpy() == pytest.approx(expected, abs=1e-5)
    # no turn and the middle place give the same by resampling
    same = store.take(torch.tensor([row]), torch.tensor([2]), torch.zeros(1), torch.full((1, 2), 0.5))
    assert torch.allclose(same, plain, atol=1e-4)
    corner = store.take(torch.tensor([row]), torch.tensor([2]), torch.zeros(1), torch.tensor([[0.0, 1.0]]))
    expected = np.clip((exams.scan(row)[2:8, :32, 4:].astype(float) + 100) / 500 - 1, -1, 1)
    assert corner[0, 0].numpy() == pytest.approx(expected, abs=1e-4)
    # a quarter turn of the middle is numpy's
    turned = store.take(torch.tensor([row]), torch.tensor([2]), torch.tensor([90.0]), torch.full((1, 2), 0.5))
    quarter = [torch.rot90(plain, k, (3, 4)) for k in (1, 3)]
    assert any(torch.allclose(turned, q, atol=1e-3) for q in quarter)
    beyond = store.take(torch.tensor([row]), torch.tensor([99]))
    assert torch.equal(beyond, store.take(torch.tensor([row]), torch.tensor([6])))
