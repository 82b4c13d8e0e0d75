"""The tiny run's results; PolypGen's layout from empty and from small files; the paper scale without data."""

import numpy as np
import pytest

from bad_inputs import said
from image_folders import disc, photo, write
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from preflight_root import load
from tiny_run import ROOT, checkout, snakemake

RELEASE = "PolypGen2021_MultiCenterData_v3"


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("colonoscopy_aug")
    assert {r["setting"] for r in rows} == {"centre3"}
    assert mean(rows, method="truth", metric="dice") == 1
    assert mean(rows, method="unet_aug", metric="p") in (0.4, 0.6)
    best = max(mean(rows, method=name, metric="dice") for name in ("unet_p40", "unet_p60"))
    assert mean(rows, method="unet_aug_test", metric="dice") == pytest.approx(best)
    page = tiny_run.page("colonoscopy_aug")
    assert all(name in page for name in ("fig1", "fig3", "fig4", "table1_tested", "table_saliency"))


def frames():
    for centre in range(1, 7):
        for number in range(10):
            yield centre, f"C{centre}_frame{number}"


def image_files(centre, name):
    folder = f"{RELEASE}/data_C{centre}"
    return f"{folder}/images_C{centre}/{name}.jpg", f"{folder}/masks_C{centre}/{name}_mask.jpg"


def patients(root):
    rows = [f"{name}.jpg,{name[:-1]}{int(name[-1]) // 2}" for _, name in frames()]
    (root / "patients.csv").write_text("image,patient\n" + "\n".join(rows) + "\n")


def cohort(root, **more):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["colonoscopy_aug"]})
    return merge(Settings(config, ROOT).cohort("polypgen"), {"root": str(root), **more})


def test_frames_of_polypgen_are_read_with_their_patients(tmp_path):
    for centre, name in frames():
        image, mask = image_files(centre, name)
        write(tmp_path / image, np.stack([photo(centre, 40)] * 3, -1), quality=95)
        write(tmp_path / mask, disc(40), quality=95)
    setup = cohort(tmp_path, read={"size": [32, 32]})
    said(lambda: form.pack(setup, tmp_path, tmp_path / "packed", "polypgen"), "patients.csv")
    patients(tmp_path)
    assert all(file.is_file() for file in raw_files("polypgen", setup, tmp_path))
    form.pack(setup, tmp_path, tmp_path / "packed", "polypgen")
    found = open_domain_images(tmp_path / "packed")
    assert found.images.shape == (60, 32, 32, 3) and list(found.classes) == ["masks"]
    assert [s.domain for s in found.samples[::10]] == [f"centre{n}" for n in range(1, 7)]
    assert len({s.patient for s in found.samples}) == 30
    assert (found.maps["masks"][:, 16, 16] == 1).all() and not found.maps["masks"][:, 0, 0].any()
    alone = cohort(tmp_path, read={"size": [32, 32]}, variant="frames")
    form.pack(alone, tmp_path, tmp_path / "alone", "polypgen")
    assert len({s.patient for s in open_domain_images(tmp_path / "alone").samples}) == 60


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [colonoscopy_aug]\n")
    keys = ["-n", "colonoscopy_aug", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "PolypGen" in run.stdout + run.stderr
    for centre, name in frames():
        for file in image_files(centre, name):
            (place / "data/polypgen" / file).parent.mkdir(parents=True, exist_ok=True)
            (place / "data/polypgen" / file).touch()
    patients(place / "data/polypgen")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train classifier on polypgen") == 6, "once for each left-out centre"
    assert "train unet_aug" not in run.stdout and "train sdnet_p60 on polypgen" in run.stdout


def test_more_folds_than_centres_is_one_line():
    over = {"papers": ["colonoscopy_aug"], "scale": "demo", "overrides": {"colonoscopy_aug": {"folds": 2}}}
    said(lambda: load(ROOT, over), "task.left_out names 1; name more, or lower folds")
