"""What goes with a dataset or method that is left out: figures, tables, claims; nothing else is trained."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from bad_inputs import said
from mlmi2023.core.tidy import COLUMNS
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preflight.remarks import remarks
from mlmi2023.reporting.claims.checks import comparisons
from mlmi2023.reporting.claims.results import evaluate_claims
from mlmi2023.reporting.read_reported import load_reported
from preflight_root import ROOT, load
from tiny_run import checkout

SHIPPED = {f.stem: list(read_yaml(f)["all"]["datasets"]) for f in (ROOT / "config/papers").glob("*.yaml")}
EACH = [(slug, dataset) for slug in sorted(SHIPPED) for dataset in SHIPPED[slug] if len(SHIPPED[slug]) > 1]


#: what the other dataset trains on is had from the first alone, so that both are left out together
BOTH = {("histo_kd", "shift"): ("shift", "he_if")}
#: what remains of another dataset without the method that is trained on from the first
WITHOUT = {("magnet", "brats2018"): {"brats2021": {"methods": ["resnet50", "eff3d", "majority", "truth"]}}}


def left_out(slug, dataset):
    """The datasets that go with one, as overrides."""
    gone = dict.fromkeys(BOTH.get((slug, dataset), (dataset,)))
    return {"datasets": {**gone, **WITHOUT.get((slug, dataset), {})}}


def changed(slug, over, **keys):
    return load(ROOT, {"papers": [slug], "overrides": {slug: over}, **keys})


@pytest.mark.parametrize("scale", ["demo", "paper"])
@pytest.mark.parametrize(("slug", "dataset"), EACH)
def test_figures_and_tables_go_with_a_dataset_set_to_null(slug, dataset, scale):
    whole = load(ROOT, {"papers": [slug], "scale": scale})
    over = left_out(slug, dataset)
    less = changed(slug, over, scale=scale)
    nulls = [name for name, own in over["datasets"].items() if own is None]
    figures = whole.paper(slug).get("figures", {})
    gone = [name for name, figure in figures.items() if figure["dataset"] in nulls]
    assert list(less.paper(slug)["figures"]) == [name for name in figures if name not in gone]
    assert all(name in less.left_out.get(slug, "") for name in gone) and bool(gone) == bool(less.left_out)
    tables = {t["id"]: t["dataset"] for t in whole.reported(slug)["tables"]}
    assert less.tables(slug) == [name for name in whole.tables(slug) if tables[name] not in nulls]
    # every training that is asked for is that of a dataset which is there
    for name, setup in less.paper(slug)["datasets"].items():
        for method in setup["methods"]:
            for stage in less.stages(slug, name, method):
                assert less.trained_as(slug, name, method, stage).dataset in less.paper(slug)["datasets"]
                assert "of" not in less.schedule(slug, name, method, stage)


@pytest.mark.parametrize(("slug", "dataset"), [*BOTH, *WITHOUT])
def test_a_dataset_whose_training_another_asks_for_says_so(slug, dataset):
    other = left_out(slug, dataset)["datasets"]
    (other,) = [name for name in other if name != dataset]
    said(
        lambda: changed(slug, {"datasets": {dataset: None}}),
        f"on '{other}' takes its training from dataset '{dataset}', which is left out",
        f"leave '{other}' out too",
    )


@pytest.mark.parametrize(("slug", "dataset"), EACH)
def test_claims_on_a_dataset_set_to_null_are_not_tested(slug, dataset):
    reported = load_reported(ROOT / f"resources/papers/{slug}.yaml")
    other = next(name for name in SHIPPED[slug] if name != dataset)
    frame = pd.DataFrame([[other, "", "x", 0, 0, "1", "", "y", 0.5]], columns=COLUMNS)
    verdicts = {result.id: result.verdict for result in evaluate_claims(reported, frame)}
    for claim in reported.claims.values():
        if any(s.dataset == dataset for part in comparisons(claim, reported, slug) for s in part.selectors()):
            assert verdicts[claim.id] == "not tested"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("left_out"))


def plan(place, config, *args):
    (place / "mine.yaml").write_text(json.dumps(config))
    command = [Path(sys.executable).with_name("snakemake"), "-n", "--cores", "1", *args]
    run = subprocess.run([*command, "--configfile", "mine.yaml"], cwd=place, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.parametrize("turn", range(max(map(len, SHIPPED.values()))))
def test_every_paper_is_planned_without_any_one_of_its_datasets(place, turn):
    """All papers at once, each without its first dataset, then each without its second, and so on."""
    without = {slug: names[turn] for slug, names in SHIPPED.items() if turn < len(names) > 1}
    over = {slug: left_out(slug, name) for slug, name in without.items()}
    code, out = plan(place, {"papers": [*without], "overrides": over}, "--quiet", "rules")
    assert code == 0, out[-2000:]
    assert not [line for line in out.splitlines() if "Error" in line]


def test_methods_limit_what_is_trained(place):
    over = {"datasets": {"isic2017": None, "isic2018": {"methods": ["unet", "iscf"]}}}
    code, out = plan(place, {"papers": ["skin_transformer"], "overrides": {"skin_transformer": over}})
    assert code == 0, out[-2000:]
    trained = re.findall(r"train (\w+) on (\w+) \(skin_transformer", out)
    assert set(trained) == {("unet", "isic2018"), ("iscf", "isic2018")}
    assert "paper 'skin_transformer' goes without fig3 (on isic2018 no swin_unet, no_iscf)" in out
    assert "fig_size" in out and "draw fig3" not in out
    code, out = plan(
        place,
        {"papers": ["skin_transformer"], "overrides": {"skin_transformer": over}},
        "results/demo/skin_transformer/figures/fig3.png",
    )
    assert code != 0 and "has no figure 'fig3' here; paper 'skin_transformer' goes without fig3" in out


def test_a_figure_whose_methods_the_user_names_is_checked_as_it_is_written():
    over = {"datasets": {"isic2018": {"methods": ["unet"]}}, "figures": {"fig3": {"methods": ["iscf"]}}}
    said(lambda: changed("skin_transformer", over), "'figures.fig3.methods' has 'iscf', which does not run")


def test_the_first_dataset_that_took_a_training_of_one_left_out_has_it():
    share = {"stages": {"main": {"of": "lapirn", "dataset": "lpba_to_oasis"}}}
    third = {"method_options": {"lapirn": share}}
    made = changed("nio_reg", {"datasets": {"lpba_to_oasis": None, "oasis_to_lpba": third}})
    assert made.trained_as("nio_reg", "oasis_to_lpba", "lapirn").dataset == "oasis_to_lpba"
    assert made.trained_as("nio_reg", "lpba_to_lpba", "lapirn").dataset == "oasis_to_lpba"
    other = {"stages": {"coarse": {"steps": 2}, "main": {"of": "lapirn", "dataset": "lpba_to_oasis"}}}
    over = {"datasets": {"lpba_to_oasis": None, "oasis_to_lpba": {"method_options": {"lapirn": other}}}}
    said(lambda: changed("nio_reg", over), "takes its training from dataset 'lpba_to_oasis'", "left out")


def test_a_paper_without_any_dataset_is_refused():
    over = {"datasets": {"radfusion": None}}
    said(lambda: changed("pecon", over), "config of paper 'pecon'", "every dataset is left out", "keep one")


@pytest.mark.parametrize(("seen", "lines"), [([64, 64], 1), ([224, 224], 0)])
def test_images_that_are_stored_at_one_size_and_seen_at_another_are_said(seen, lines):
    read = {"images": "i/{subject}.png", "masks": "m/{subject}.png", "size": [224, 224]}
    cohort = {"kind": "folder", "form": "images", "root": "x", "read": read, "split": {"train": 3, "test": 1}}
    over = {"datasets": {"isic2017": None, "isic2018": {"cohort": "mine", "task": {"size": seen}}}}
    found = remarks(changed("skin_transformer", over, cohorts={"mine": cohort}), "skin_transformer")
    assert len(found) == lines
    for line in found:
        assert "networks see 64 x 64 (task.size) of images that cohort 'mine' keeps at 224 x 224" in line


@pytest.mark.parametrize("scale", ["demo", "bench", "paper"])
def test_there_is_nothing_to_say_of_what_is_shipped(scale):
    shipped = load(ROOT, {"papers": "all", "scale": scale})
    assert [line for slug in shipped.papers for line in remarks(shipped, slug)] == []
