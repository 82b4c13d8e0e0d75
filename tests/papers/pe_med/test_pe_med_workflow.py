"""The tiny run's results; BTCV's layout from small and from empty files; the paper scale without data."""

import numpy as np
import pytest

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack, raw_files
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.pe_med.objects import Objects
from tiny_run import ROOT, checkout, snakemake

BTCV = [f"{n:04d}" for n in (*range(1, 11), *range(21, 41))]


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("pe_med")
    for metric in ("dsc_avg", "dsc_organs"):
        assert mean(rows, method="truth", metric=metric) == pytest.approx(100)
        assert mean(rows, method="background", metric=metric) == 0
    assert mean(rows, method="truth", metric="noc90") == pytest.approx(1)
    assert mean(rows, method="background", metric="noc90") == pytest.approx(6)
    for method in ("isegformer", "sam", "pe_med"):
        settings = {r["setting"] for r in rows if r["method"] == method and r["metric"] == "dsc_avg"}
        assert settings == {f"p{n}" for n in range(1, 7)}, method
    assert {r["setting"] for r in rows if r["method"] == "unet"} == {""}
    page = tiny_run.page("pe_med")
    assert all(
        name in page for name in ("fig3", "fig4a", "fig4b", "fig_clicks", "table1", "table3", "table_noc")
    )


def test_synapse_is_read_from_real_files_of_a_few_voxels(tmp_path):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["pe_med"]})
    cohort = Settings(config, ROOT).cohort("synapse_24")
    affine = np.diag([-3.0, 3.0, 4.0, 1.0])  # stored from left to right, as BTCV's files are
    for number in BTCV:
        labels = np.zeros((16, 16, 3), np.uint8)
        labels[2:6, 4:10, 1], labels[10:14, 4:10, 1:] = 6, 2
        image = np.where(labels > 0, 100.0, -1000.0)
        write_volume(tmp_path / f"RawData/Training/img/img{number}.nii.gz", image, affine)
        write_volume(tmp_path / f"RawData/Training/label/label{number}.nii.gz", labels, affine)
    assert len(raw_files(cohort, tmp_path)) == 60
    pack(cohort, tmp_path, tmp_path / "packed", "synapse_24")
    scans = open_scans(tmp_path / "packed")
    assert [scans.splits.count(split) for split in ("train", "val", "test")] == [24, 0, 6]
    task = {"kind": "clicks", "size": [32, 32], "organs": [{"kidney_r": 2}, {"liver": 6}, {"aorta": 8}]}
    objects = Objects(Job("pe_med", "synapse", "x", 0, tmp_path / "packed", task=task))
    assert len(objects.pairs["test"]) == 6 * 3 and set(objects.pairs["test"][:, 1]) == {0, 1}
    # nobody validates, so that trained objects say whether a network learns
    assert np.array_equal(objects.pairs["val"], objects.pairs["train"])
    # the patient's right is on the left of a slice
    pair = objects.pairs["test"][objects.pairs["test"][:, 1] == 1][:1]
    columns = np.nonzero(objects.truth(pair)[0])[1]
    image = objects.images[pair[0, 0]]
    assert columns.mean() < 16 and image[objects.truth(pair)[0]].mean() > 0.5 > image[0, 0]


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "pe_med", "--config", "scale=paper", "papers=[pe_med]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "data/ol12" in run.stdout + run.stderr
    parts = {"001_01": "train", "001_02": "train", "002_01": "val", "003_01": "test"}
    for kind in ("images", "masks"):
        (place / "data/ol12" / kind).mkdir(parents=True)
        for name in parts:
            (place / f"data/ol12/{kind}/{name}.png").touch()
    rows = "".join(f"{name},{part}\n" for name, part in parts.items())
    (place / "data/ol12/split.csv").write_text(f"subject,split\n{rows}")
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "data/btcv" in run.stdout + run.stderr
    for number in BTCV:
        for kind in ("img", "label"):
            file = place / f"data/btcv/RawData/Training/{kind}/{kind}{number}.nii.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train pe_med on synapse") == run.stdout.count("train pe_med on ol12") == 3
    assert "train sam" not in run.stdout
