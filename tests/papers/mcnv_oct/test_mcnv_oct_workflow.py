"""From the simulator to the page; and the paper scale without data."""

import pytest

from tiny_run import checkout, snakemake


def test_the_stand_ins_go_to_the_page(tiny_run):
    rows = tiny_run.rows("mcnv_oct")
    truth = [r for r in rows if r["method"] == "truth" and r["metric"] == "dice"]
    assert {r["dataset"] for r in truth} == {"mcnv", "duke"} and {float(r["value"]) for r in truth} == {100}
    leaky = {r["setting"] for r in rows if r["method"] == "proposed_leaky"}
    assert leaky == {"tested=copies", "tested=patients"}
    gaps = [float(r["value"]) for r in rows if r["metric"] == "gap" and r["value"] not in ("", "nan")]
    assert gaps and all(abs(own) < 1e-6 for own in gaps)
    page = tiny_run.page("mcnv_oct")
    assert all(figure in page for figure in ("fig4_mcnv", "fig4_duke", "fig_pairs", "fig_protocol"))
    assert "impossible" in page and "-1.85" in page.replace("−", "-")


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "mcnv_oct", "--config", "scale=paper", "papers=[mcnv_oct]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "no such file" in run.stdout + run.stderr
    files = [f"duke_dme/2015_BOE_Chiu/Subject_{n:02d}.mat" for n in range(1, 11)]
    files += [
        f"mcnv/{folder}/{n:03d}_{scan:02d}.png"
        for folder in ("images", "masks")
        for n in range(70)
        for scan in (1, 2)
    ]
    for file in files:
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train proposed_leaky on duke" in run.stdout and "train e1 on mcnv" in run.stdout
