"""The tiny run's results; the release's layout from empty files; the paper scale without data."""

import numpy as np
import pytest

from tiny_run import checkout, snakemake

SPLITS = {"train": 25, "valid": 5, "test": 14}


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("ocm_vit")
    assert mean(rows, method="truth", metric="dc") == 1 and mean(rows, method="background", metric="ji") == 0
    best = {m: mean(rows, method=m, metric="dc_choice") for m in ("ours_unsup", "mask50_8")}
    assert mean(rows, method="ours_semisup", metric="dc_choice") == pytest.approx(max(best.values()))
    page = tiny_run.page("ocm_vit")
    names = ("fig2", "fig3", "fig_grid", "fig_labels", "fig_dice", "table1", "table_release", "table_grid")
    assert all(name in page for name in names)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "ocm_vit", "--config", "scale=paper", "papers=[ocm_vit]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "no such file" in run.stdout + run.stderr
    root = place / "data/ocm_wm"
    number = 0
    for split, count in SPLITS.items():
        for _ in range(count):
            for kind in ("images", "labels"):
                touch(
                    root
                    / f"AIP_annotated_data_cleaned_splitted/{split}/{kind}/roi_{number:04d}_z{number}.png"
                )
            number += 1
    for n in range(711):
        touch(root / f"Data_OCM_ALL/{'roi' if n < 457 else 'mosaics'}/roi_{n:04d}_z{n}.png")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train ours_unsup on ocm_wm" in run.stdout and "train mask90_32 on ocm_wm" in run.stdout
    assert "train dino" not in run.stdout and "run and score dino" in run.stdout, "as published"


def touch(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
