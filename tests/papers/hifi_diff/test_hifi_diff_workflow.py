"""Slabs with slices left out, from files to page by config alone; and the paper scale without data."""

import re

import pytest

from tiny_run import checkout, snakemake


def test_slabs_go_from_files_to_page(tiny_run):
    rows, out = tiny_run.rows("hifi_diff"), tiny_run.paper("hifi_diff")
    assert {r["method"] for r in rows if r["metric"] == "psnr"} == {
        "interp", "deepresolve", "metasr", "arssr", "no_hife", "hifi_diff", "hifi_apart", "nearest", "truth",
    }  # fmt: skip
    assert {r["method"] for r in rows if r["metric"] == "psnr_rows"} == {"hifi_steps"}
    assert {r["setting"] for r in rows if r["method"] == "hifi_diff"} == {"scale=x2", "scale=x4"}
    truth = [float(r["value"]) for r in rows if r["method"] == "truth" and r["metric"] == "ssim"]
    assert truth and min(truth) > 0.999
    for name in ("fig1", "fig4", "fig5", "fig_flicker", "fig_steps"):
        assert (out / f"figures/{name}.png").stat().st_size > 0
    page = tiny_run.page("hifi_diff")
    # the paper's numbers are not these scans', but those of the published record, which stands apart
    before, _, rest = page.partition('<section id="bench">')
    record, _, after = rest.partition("</section>")
    assert "Your own data: brain_slabs_thin" in page and "39.65" not in before + after and "39.65" in record


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_missing_scans_say_where_to_get_them(place):
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[hifi_diff]")
    said = run.stdout + run.stderr
    assert run.returncode != 0 and "Human Connectome Project" in said and "humanconnectome.org" in said


def test_the_paper_scale_is_planned_on_a_tree_of_empty_files(place):
    """1113 subjects in HCP's folders, without a byte in their images; one lacks its T1w and is left out."""
    for number in range(1114):
        folder = place / f"data/hcp1200/{100307 + 101 * number}/T1w"
        folder.mkdir(parents=True)
        for name in ("T1w_acpc_dc", "T1w_acpc_dc_restore_brain", "aparc+aseg", "ribbon")[number == 7 :]:
            (folder / f"{name}.nii.gz").touch()
    run = snakemake(place, "-n", "--config", "scale=paper", "papers=[hifi_diff]")
    said = run.stdout + run.stderr
    assert run.returncode == 0, said[-2000:]
    assert re.search(r"^train +6$", said, flags=re.M), "six networks, one seed"
    assert re.search(r"^evaluate +11$", said, flags=re.M)
