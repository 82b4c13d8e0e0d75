"""From files to page by config alone; the paper scale without data; published layouts, cut around discs."""

import re

import numpy as np
import pytest
from PIL import Image

from mlmi2023.cohorts.forms.domain_images import form
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT, checkout, snakemake


def test_the_example_of_nuclei_goes_from_files_to_page(tiny_run):
    rows = tiny_run.rows("domain_mix")
    assert {r["label"] for r in rows} == {"nuclei"}
    truth = {r["case"]: float(r["value"]) for r in rows if r["method"] == "truth"}
    assert len(truth) == 5 and set(truth.values()) == {100}  # seven images of the target without two shots
    for method in ("pretrained", "ours_1", "mt_sg", "ours_2"):
        assert {r["case"] for r in rows if r["method"] == method} == set(truth)
    # steps 1 and 2 are trained once, and what is best is no training of its own
    models = tiny_run.paper("domain_mix") / "models/cvc_300"
    trained = {folder.name for folder in models.iterdir()}
    assert trained == {"pretrained", "s1_mix_1_12", "mt_sg", "s2_mix_2_1"}
    page = tiny_run.page("domain_mix")
    assert all(figure in page for figure in ("fig_contours_polyps", "fig_mixes_polyps", "fig_steps_polyps"))


def files(count=20):
    for number in range(count):
        kind, letter = ("Glaucoma", "g") if number % 2 else ("Non-Glaucoma", "n")
        yield f"refuge/Training400/{kind}/{letter}{number:04d}.jpg"
        yield f"refuge/Annotation-Training400/Disc_Cup_Masks/{kind}/{letter}{number:04d}.bmp"
        validation, test = "REFUGE-Validation400", "Test400"
        for part, masks, letter in ((validation, f"{validation}-GT", "V"), (test, "REFUGE-Test-GT", "T")):
            yield f"refuge/{part}/{letter}{number:04d}.jpg"
            yield f"refuge/{masks}/Disc_Cup_Masks/{letter}{number:04d}.bmp"
        group, letter = ("Healthy", "N") if number % 2 else ("Glaucoma and suspects", "G")
        yield f"rim_one/{group}/Stereo Images/{letter}-{number}-L.jpg"
        for structure in ("Disc", "Cup"):
            yield f"rim_one/{group}/Average_masks/{letter}-{number}-L-{structure}-Avg.png"
        for place in ("CVC-ClinicDB/{}/{}.tif", "Kvasir-SEG/{}/{}.jpg", "TestDataset/CVC-300/{}/{}.png"):
            names = ("Original", "Ground Truth") if "ClinicDB" in place else ("images", "masks")
            yield from (place.format(name, number) for name in names)


@pytest.fixture
def place(tmp_path):
    return checkout(tmp_path)


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(place):
    keys = ["-n", "domain_mix", "--config", "scale=paper", "papers=[domain_mix]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0
    assert re.search(r"no such file: data/.*; get .* from https?://", run.stdout + run.stderr)
    for file in files():
        (place / "data" / file).parent.mkdir(parents=True, exist_ok=True)
        (place / "data" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "train s2_mix_12_13 on rim_one" in run.stdout and "train mt_sg on cvc_300" in run.stdout
    assert "train ours_1" not in run.stdout and "train ours_2" not in run.stdout


def cohort(name, **read):
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["domain_mix"]})
    return merge(Settings(config, ROOT).cohort(name), {"read": read})


def eye(top, left, radius, size=(60, 90)):
    """A disc with a cup of half of its radius, in labels 0, 1, 2."""
    y, x = np.mgrid[: size[0], : size[1]]
    far = (y - top) ** 2 + (x - left) ** 2
    return (far < radius**2).astype(np.uint8) + (far < (radius / 2) ** 2)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write_eyes(root, name):
    """Write two eyes as a data set has them; return their labels."""
    rng = np.random.default_rng(0)
    labels = [eye(30, 40, 10), eye(9, 80, 10)]
    for number, own in enumerate(labels):
        photo = (rng.uniform(20, 60, (60, 90, 3)) + 70 * own[..., None]).astype(np.uint8)
        if name == "refuge_training":
            save(root / f"Training400/Glaucoma/g{number}.jpg", photo)
            values = np.array([255, 128, 0], np.uint8)[own]
            save(root / f"Annotation-Training400/Disc_Cup_Masks/Glaucoma/g{number}.bmp", values)
        else:
            save(root / f"Healthy/Stereo Images/N-{number}-L.jpg", photo)
            for structure, mask in (("Disc", own > 0), ("Cup", own > 1)):
                save(root / f"Healthy/Average_masks/N-{number}-L-{structure}-Avg.png", mask * np.uint8(255))
    return labels


@pytest.mark.parametrize("name", ["refuge_training", "rim_one"])
def test_eyes_are_read_as_released_and_cut_around_the_disc(tmp_path, name):
    labels = write_eyes(tmp_path, name)
    config = cohort(name, crop={"map": "masks", "side": 32})
    form.pack(config, tmp_path, tmp_path / "packed", name)
    found = open_domain_images(tmp_path / "packed")
    assert found.images.shape == (2, 32, 32, 3) and found.classes == {"masks": ["rim", "cup"]}
    assert np.array_equal(found.maps["masks"][0], labels[0][14:46, 24:56])
    # the second disc lies at the border, beyond which all is black
    inside = labels[1][:25, 64:90]
    assert np.array_equal(found.maps["masks"][1][7:, :26], inside) and not found.maps["masks"][1][:7].any()
    assert not found.images[1][:7].any() and found.images[1][7:, :26].any(axis=-1).all()
    bright = [found.images[0][found.maps["masks"][0] == k].mean() for k in range(3)]
    assert bright[0] < bright[1] < bright[2]


def test_polyps_are_read_as_released(tmp_path):
    for name, image, mask in (
        ("cvc_612", "Original/1.tif", "Ground Truth/1.tif"),
        ("kvasir", "images/a.jpg", "masks/a.jpg"),
        ("cvc_300", "CVC-300/images/149.png", "CVC-300/masks/149.png"),
    ):
        root = tmp_path / name
        label = (eye(30, 40, 10) > 0) * np.uint8(255)
        save(root / image, np.stack([label // 2 + 40] * 3, -1))
        save(root / mask, label)
        form.pack(cohort(name, size=[60, 90]), root, root / "packed", name)
        found = open_domain_images(root / "packed").maps["masks"][0]
        assert (found > 0).sum() == pytest.approx((label > 0).sum(), rel=0.02)


def test_what_cannot_be_cut_or_layered_is_said_in_one_line(tmp_path):
    write_eyes(tmp_path, "rim_one")
    save(tmp_path / "Healthy/Average_masks/N-0-L-Disc-Avg.png", np.zeros((60, 90), np.uint8))
    save(tmp_path / "Healthy/Average_masks/N-0-L-Cup-Avg.png", np.zeros((60, 90), np.uint8))
    with pytest.raises(InputError, match="nothing to crop around"):
        form.pack(cohort("rim_one", crop={"map": "masks", "side": 32}), tmp_path, tmp_path / "packed", "eyes")
    for read, said in (
        ({"crop": {"map": "discs", "side": 32}}, "crop.map is 'discs'"),
        ({"maps": {"masks": {"files": "{subject}.png"}}}, "give one of files and layers"),
        ({"maps": {"masks": {"classes": {1: "rim"}}}}, "classes are the names of layers"),
    ):
        with pytest.raises(InputError, match=said):
            form.read_key(cohort("rim_one", **read))
