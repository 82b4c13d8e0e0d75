"""The tiny run's results, and the paper scale planned from empty files."""

import numpy as np

from tiny_run import checkout, snakemake


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_ins_go_to_the_page(tiny_run):
    rows = tiny_run.rows("echo_myocardium")
    for dataset in ("camus", "mindray"):
        assert mean(rows, method="truth", dataset=dataset, metric="dice") == 1
        assert mean(rows, method="truth", dataset=dataset, metric="epe") == 0
        assert mean(rows, method="ours", dataset=dataset, metric="epe") > 0
    trained = {path.parents[2].name for path in tiny_run.paper("echo_myocardium").rglob("train.json")}
    assert len(list(tiny_run.paper("echo_myocardium").rglob("train.json"))) == 3, (
        trained,
        "networks of camus",
    )
    page = tiny_run.page("echo_myocardium")
    named = ("fig1_first", "fig1_second", "fig3", "fig4", "fig5", "fig_heart", "table1", "table2_mindray")
    assert all(name in page for name in named)


def camus(root, patients):
    for number in range(1, patients + 1):
        name = f"patient{number:04d}"
        folder = root / "database_nifti" / name
        folder.mkdir(parents=True)
        for view in ("2CH", "4CH"):
            for end in ("half_sequence", "half_sequence_gt", "ED", "ED_gt", "ES", "ES_gt"):
                (folder / f"{name}_{view}_{end}.nii.gz").touch()
            (folder / f"Info_{view}.cfg").touch()


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [echo_myocardium]\n")
    keys = ["-n", "echo_myocardium", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "CAMUS" in run.stdout + run.stderr
    camus(place / "data/camus", 450)
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "data/mindray" in run.stdout + run.stderr
    for view in ("A2C", "A4C"):
        folder = place / "data/mindray/m01"
        folder.mkdir(parents=True, exist_ok=True)
        for end in ("half_sequence", "ED_gt", "ES_gt"):
            (folder / f"m01_{view}_{end}.nii.gz").touch()
        (folder / f"Info_{view}.cfg").touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train ours on camus" in run.stdout and "train ours on mindray" not in run.stdout
