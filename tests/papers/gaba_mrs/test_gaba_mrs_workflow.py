"""From the simulator to the page; and the paper scale without data."""

import math

import pytest

from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import ROOT
from tiny_run import checkout, snakemake


def values(tiny_run, **wanted):
    rows = [r for r in tiny_run.rows("gaba_mrs") if all(r[key] == value for key, value in wanted.items())]
    return [float(row["value"] or "nan") for row in rows]


def test_scans_go_to_the_page_and_controls_bracket(tiny_run):
    assert not any(values(tiny_run, method="truth", metric="mse_truth"))
    assert not values(tiny_run, method="gannet_full", metric="mse")
    floor, target = (values(tiny_run, method=m, metric="mse_truth") for m in ("flat", "gannet_full"))
    assert min(floor) > 2 * max(target) and len(floor) == 5
    # what looks at no transient has more signal to noise than what it was averaged of
    mean, full = (sum(values(tiny_run, method=m, metric="snr")) for m in ("mean_target", "gannet_full"))
    assert mean > full
    assert len(values(tiny_run, method="rdc_diff_ft", metric="p_snr")) == 1
    assert all(math.isnan(v) for v in values(tiny_run, method="flat", metric="snr"))
    page = tiny_run.page("gaba_mrs")
    assert all(figure in page for figure in ("fig4", "fig_truth", "fig_learning", "fig_quality"))


def test_quality_is_measured(tiny_run):
    places = values(tiny_run, dataset="quality", method="averaged", metric="naa_ppm")
    assert len(places) == 5 and all(abs(own - 2.008) < 0.1 for own in places)


def test_fine_tuning_begins_where_simulations_end(tiny_run):
    models = tiny_run.paper("gaba_mrs") / "models"
    found = [f.relative_to(models).parts for f in models.rglob("pretrain/weights.safetensors")]
    assert len(found) == 1 and "rdc_diff_sim" in found[0]


def test_the_paper_scale_has_the_printed_settings():
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"papers": ["gaba_mrs"], "scale": "paper"})
    settings = Settings(config, ROOT)
    main = settings.schedule("gaba_mrs", "biggaba", "rdc_diff_ft", "main")
    first = settings.schedule("gaba_mrs", "biggaba", "rdc_diff_sim", "pretrain")
    assert (main["steps"] / 14, first["steps"] / 84) == (500, 200)
    # halved every 50 and every 10 epochs
    assert (len(main["milestones"]), len(first["milestones"])) == (9, 19)
    assert main["gamma"] == first["gamma"] == 0.5 and (main["batch"], main["learning_rate"]) == (6, 0.005)


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "gaba_mrs", "--config", "scale=paper", "papers=[gaba_mrs]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "no such file" in run.stdout + run.stderr
    ends = {"G": ["_GABA_68.7"], "P": ["_GABA_68_act.sdat", "_GABA_68_act.spar"], "S": ["_GABA_68.dat"]}
    for vendor, names in ends.items():
        for site in range(1, 5):
            for n in range(1, 13):
                for name in names:
                    file = place / f"data/biggaba/{vendor}{site}/S{n:02d}/S{n:02d}{name}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train rdc_diff_ft on biggaba" in run.stdout
