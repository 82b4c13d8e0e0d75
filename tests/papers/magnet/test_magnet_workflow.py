"""The tiny run's results, and the paper scale planned from empty files."""

import numpy as np

from tiny_run import checkout, snakemake

ENDINGS = ("flair", "t1", "t1ce", "t2")


def values(rows, **fixed):
    return [float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())]


def test_the_stand_ins_go_to_the_page(tiny_run):
    rows = tiny_run.rows("magnet")
    dice = values(rows, method="truth", dataset="brats2018", metric="dsc")
    assert len(dice) >= 2 * 15 * 2 and min(dice) == 100
    assert np.mean(values(rows, method="truth", dataset="brats2021", metric="acc")) == 1
    assert len(values(rows, method="magnet", metric="acc")) == 20
    memory = [
        v for n in range(1, 5) for v in values(rows, method="magnet", metric="memory_mb", label=f"{n} of 4")
    ]
    assert len(memory) == 4 and memory == sorted(memory)
    trained = {path.parents[2].name for path in tiny_run.paper("magnet").rglob("train.json")}
    assert len(list(tiny_run.paper("magnet").rglob("train.json"))) == 5, trained
    page = tiny_run.page("magnet")
    named = ("fig3", "table1_complete", "table1_average", "table2", "table3", "table_costs")
    assert all(name in page for name in named)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [magnet]\n")
    keys = ["-n", "magnet", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "BraTS 2018" in run.stdout + run.stderr
    for grade, count in (("HGG", 210), ("LGG", 75)):
        for number in range(count):
            name = f"Brats18_{grade}_{number}_1"
            folder = place / "data/brats18" / grade / name
            folder.mkdir(parents=True)
            for ending in (*ENDINGS, "seg"):
                (folder / f"{name}_{ending}.nii.gz").touch()
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "train_labels.csv" in run.stdout + run.stderr
    lines = ["BraTS21ID,MGMT_value"]
    for number in range(20):
        name = f"BraTS2021_{number:05d}"
        lines.append(f"{number:05d},{number % 2}")
        folder = place / "data/rsna_mgmt/BraTS2021_Training_Data" / name
        folder.mkdir(parents=True)
        for ending in ENDINGS:
            (folder / f"{name}_{ending}.nii.gz").touch()
    (place / "data/rsna_mgmt/train_labels.csv").write_text("\n".join(lines) + "\n")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train magnet on brats2018" in run.stdout and "observer" not in run.stdout
