"""A table of the user's own, from CSV to page."""

import os

from tiny_run import checkout, of_paper, snakemake

CONFIG = of_paper("ia_gcn").CONFIG


def test_a_table_of_ones_own_goes_from_csv_to_page(tiny_run):
    rows, out = tiny_run.rows("ia_gcn"), tiny_run.paper("ia_gcn")
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "acc"]
    assert truth and set(truth) == {100.0}
    assert {r["setting"] for r in rows if r["method"] == "dgm"} == {"a", "b", "c", "d"}
    page = tiny_run.page("ia_gcn")
    assert "12 well, 12 unsure, 12 ill" in page and "fig_mask_tadpole" in page
    assert (out / "figures/fig_mask_tadpole.png").stat().st_size > 0


def test_a_changed_table_is_packed_again(tiny_run):
    file = tiny_run.place / "table/visits.csv"
    text = file.read_text()
    stamps = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text(text.replace("s01", "s99"))
    changed = tiny_run.snakemake("-n")
    file.write_text(text)
    os.utime(file, ns=stamps)
    assert "pack" in changed.stdout, changed.stdout[-2000:]


def test_a_missing_table_and_a_missing_release_are_one_line_before_anything_runs(tmp_path):
    place = checkout(tmp_path)
    (place / "mine.yaml").write_text("papers: [ia_gcn]\n" + CONFIG)
    run = snakemake(place, "-n", "--configfile", "mine.yaml")
    assert run.returncode != 0 and "cohort 'visits': no such file" in run.stdout + run.stderr
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[ia_gcn]")
    assert run.returncode != 0 and "TADPOLE" in run.stdout + run.stderr
