"""The tiny run's results; the paper scale without data and from empty files."""

import json

import numpy as np

from tiny_run import checkout, snakemake


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_and_hidden_masks_go_to_the_page(tiny_run):
    rows = tiny_run.rows("bhsd")
    for dataset, label in (("bhsd", "avg"), ("bhsd_binary", "")):
        for metric in ("dice", "dice_fp0", "dice_pooled"):
            assert mean(rows, dataset=dataset, method="truth", metric=metric, label=label) == 100
            assert mean(rows, dataset=dataset, method="background", metric=metric, label=label) == 0
    assert mean(rows, method="truth", metric="fp", label="avg") == 0
    for method in ("unetr", "nnformer", "nnunet", "b96_nb200", "five_merge"):
        assert 0 <= mean(rows, method=method, metric="dice", label="avg") <= 100
        assert mean(rows, method=method, metric="fp_scans", label="avg") in (0, 100)
    # one-class models are scored by their class alone
    assert {r["label"] for r in rows if r["method"] == "one_iph" and r["metric"] == "dice"} <= {"iph"}
    assert all(
        0 <= mean(rows, method=m, metric="dice") <= 100 for m in ("sup_only", "entropy_min", "ict", "cps")
    )
    page = tiny_run.page("bhsd")
    assert all(
        name in page for name in ("fig1", "figs1", "figs3", "fig_means", "table1", "table_conventions")
    )


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "bhsd", "--config", "scale=paper", "papers=[bhsd]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "huggingface" in run.stdout + run.stderr
    root = place / "data/bhsd"
    names = {part: [f"ID_{part}{n:04d}_ID_{n:06d}" for n in range(96)] for part in ("a", "b")}
    files = [f"images{end}/{n}.nii.gz" for part, end in (("a", "Tr"), ("b", "Ts")) for n in names[part]]
    files += [file.replace("images", "labels") for file in files]
    files += [f"no_bleed/ID_c{n:04d}_ID_{n:06d}.nii.gz" for n in range(850)]
    files += [f"unlabelled/ID_d{n:04d}_ID_{n:06d}.nii.gz" for n in range(500)]
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    lists = {
        "training": [
            {"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names["a"]
        ],
        "test": [f"./imagesTs/{n}.nii.gz" for n in names["b"]],
    }
    (root / "dataset.json").write_text(json.dumps(lists))
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train cotr on bhsd" in run.stdout and "train cps on bhsd_binary" in run.stdout
