"""The tiny run's results; released folders from small and from empty files; the paper scale without data."""

import re

import numpy as np
import pytest
from PIL import Image

from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.fedicra.cases import SiteImages
from tiny_run import ROOT, checkout, snakemake


def values(rows, **fixed):
    return [float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())]


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("fedicra")
    settings = {r["setting"] for r in rows}
    assert settings == {"siteA", "siteB", "siteC", "avg"} and {r["label"] for r in rows} == {"FAZ"}
    for method, dice, away in (("truth", 100, 0), ("background", 0, 32 * 2**0.5)):
        assert np.mean(values(rows, method=method, setting="avg", metric="dsc")) == pytest.approx(dice)
        assert np.mean(values(rows, method=method, setting="avg", metric="hd95")) == pytest.approx(
            away, rel=1e-4
        )
    for method in ("fedavg", "ft", "fedicra"):
        means = [
            np.mean(values(rows, method=method, setting=s, metric="dsc")) for s in ("siteA", "siteB", "siteC")
        ]
        assert np.mean(values(rows, method=method, setting="avg", metric="dsc")) == pytest.approx(
            np.mean(means), abs=0.01
        )
    page = tiny_run.page("fedicra")
    assert all(
        name in page for name in ("fig3_faz", "fig4", "fig_labels_faz", "table2_hd95", "table3_faz", "c5")
    )


def cohort(name):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["fedicra"]})
    return Settings(config, ROOT)


def names(kind):
    """Files of the released folders, one image a part but two that train."""
    for number in range(1, 6):
        for part, count in (("train", 2), ("test", 1)):
            for place in range(count):
                yield f"{kind}/Domain{number}/{part}/{{}}/{number}{part}{place}.png", number, part


@pytest.mark.parametrize("kind", ["odoc", "faz"])
def test_released_folders_are_read_site_by_site(tmp_path, kind):
    settings = cohort(kind)
    config = merge(settings.cohort(f"fedicra_{kind}"), {"read": {"size": [32, 32]}})
    y, x = np.mgrid[:40, :40]
    far = np.hypot(y - 20, x - 18)
    labels = (far < 12).astype(np.uint8) + (far < 6)
    for pattern, number, _ in names(kind.upper()):
        photo = np.full((40, 40, 3), 30 * number, np.uint8)
        photo[labels > 0] += 40
        mask = np.array([255, 128, 0], np.uint8)[labels] if kind == "odoc" else np.uint8(255) * (labels > 0)
        for folder, array in (("imgs", photo), ("mask", mask), ("scribble", np.zeros_like(mask))):
            file = tmp_path / pattern.format(folder)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)
    form.pack(config, tmp_path, tmp_path / "packed", kind)
    found = open_domain_images(tmp_path / "packed")
    assert found.images.shape == (15, 32, 32, 3)
    assert found.classes == {"masks": ["rim", "cup"] if kind == "odoc" else ["faz"]}
    task = read_yaml(ROOT / "config/papers/fedicra.yaml")["all"]["datasets"][kind]["task"]
    cases = SiteImages(Job("fedicra", kind, "x", 0, tmp_path / "packed", task=task))
    assert cases.channels == (3 if kind == "odoc" else 1)
    for number, own in enumerate(cases.parts.values(), 1):
        assert [len(own[part]) for part in ("train", "val", "test")] == [1, 1, 1]
        for part in own.values():
            image, truth = cases.pictures(part)[0], cases.truth(part[0])
            assert (
                np.median(image[truth == 0]) == 30 * number
                and np.median(image[truth > 0]) == 30 * number + 40
            )
            assert int(truth.max()) == (2 if kind == "odoc" else 1) and truth[16, 14] == truth.max()


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "fedicra", "--config", "scale=paper", "papers=[fedicra]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0
    assert re.search(r"no such file: data/fedicra/.*; get .* from https?://", run.stdout + run.stderr)
    for kind in ("ODOC", "FAZ"):
        for pattern, _, _ in names(kind):
            for folder in ("imgs", "mask", "scribble"):
                file = place / "data/fedicra" / pattern.format(folder)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train fedicra on odoc") == run.stdout.count("train aa_scr on faz") == 3
    assert run.stdout.count("train ft on faz") == 3
