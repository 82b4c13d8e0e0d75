"""The tiny run's results; the trials' layout from empty and from small files; slices of scans."""

import numpy as np
import pytest

from boundary_rl_data import TASK, job
from image_folders import disc, photo, write
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.images import form
from mlmi2023.cohorts.forms.images.reader import open_images
from mlmi2023.cohorts.forms.scans.form import pack as pack_scans
from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.boundary_rl.cases import Glands
from tiny_run import ROOT, checkout, snakemake

NAMES = {
    f"{patient:03d}_{frame}": split
    for patient, split in enumerate(("train", "val", "test"))
    for frame in "ab"
}


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("boundary_rl")
    assert (
        mean(rows, method="truth", metric="dice") == 1 and mean(rows, method="background", metric="dice") == 0
    )
    assert mean(rows, method="mil_p", metric="calls") == 4 and mean(rows, method="mil_s", metric="calls") == 9
    assert {r["setting"] for r in rows if r["method"] == "paired_tests"} == {
        "mil_p_boundary_rl", "mil_s_boundary_rl", "mil_s_mil_p", "fsl_boundary_rl", "fsl_mil_p", "fsl_mil_s",
    }  # fmt: skip
    page = tiny_run.page("boundary_rl")
    assert all(
        name in page for name in ("fig2", "fig_path", "table1_tests", "table_looks", "table_classifier")
    )


def layout(root):
    (root / "split.csv").write_text("subject,split\n" + "".join(f"{n},{s}\n" for n, s in NAMES.items()))
    for name in NAMES:
        for place in ("images", "masks"):
            (root / place).mkdir(parents=True, exist_ok=True)
            (root / f"{place}/{name}.png").touch()


def test_images_of_the_trials_are_read_grey_with_their_splits(tmp_path):
    (tmp_path / "images").mkdir()
    layout(tmp_path)
    for number, name in enumerate(NAMES):
        write(tmp_path / f"images/{name}.png", photo(number, 24))
        write(tmp_path / f"masks/{name}.png", disc(24))
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": ["boundary_rl"]})
    setup = merge(Settings(config, ROOT).cohort("trus_trials"), {"root": str(tmp_path)})
    form.pack(setup, tmp_path, tmp_path / "packed", "trus_trials")
    found = open_images(tmp_path / "packed")
    assert found.images.shape == (6, 24, 24, 1) and dict(zip(found.subjects, found.splits)) == NAMES
    cases = Glands(job(data=tmp_path / "packed"))
    assert [cases.name(row) for row in cases.rows("test")] == ["002_a", "002_b"]
    assert cases.inputs(0).shape == (1, 24, 24, 1) and set(np.unique(cases.truth(0))) == {0, 1}


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    (place / "one.yaml").write_text("scale: paper\npapers: [boundary_rl]\n")
    keys = ["-n", "boundary_rl", "--configfile", "one.yaml"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "NCT02290561" in run.stdout + run.stderr
    (place / "data/trus_trials").mkdir(parents=True)
    layout(place / "data/trus_trials")
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train mil_p on trus_trials") == 1 and "train mil_s" not in run.stdout
    assert "train boundary_rl_where on trus_trials" in run.stdout


def scans(root):
    """Write five chests with a dim right and left lung, in the folders of the example; pack them."""
    for number in range(5):
        lungs = np.zeros((20, 12, 16), np.uint8)
        lungs[12:18, 3:9, 4:12], lungs[2:8, 3:9, 4:12] = 1, 2
        image = 200 - 60.0 * lungs + np.random.default_rng(number).normal(0, 3, lungs.shape)
        affine = np.diag([4.0, 4.0, 4.0, 1])
        write_volume(root / f"ProtonImages/000{number}H1.nii.gz", image, affine)
        write_volume(root / f"ProtonLungMasks/000{number}Mask.nii.gz", lungs, affine)
    setup = read_yaml(ROOT / "config/examples/lung_outlines.yaml")["cohorts"]["lung_outlines"]
    pack_scans(setup, root, root / "packed", "lungs")
    return root / "packed"


def test_scans_are_cut_into_slices_of_one_lung(tmp_path):
    data = scans(tmp_path)
    for plane, count in (("coronal", 6), ("axial", 8), ("sagittal", 6)):
        cases = Glands(job(data=data, task={**TASK, "size": [24, 24], "plane": plane, "least": 0.02}))
        assert [len(cases.rows(part)) for part in ("train", "val", "test")] == [3 * count, count, count]
        assert cases.images.shape == (5 * count, 24, 24, 1)
    cases = Glands(job(data=data, task={**TASK, "size": [24, 24], "plane": "coronal", "least": 0.02}))
    mask = cases.truth(cases.rows("test")[0])
    rows, columns = np.nonzero(mask)
    # the right lung is on the left of the picture, upright, and darker than the rest
    assert columns.mean() < 12 and abs(rows.mean() - 11.5) < 2
    image = cases.inputs(cases.rows("test")[0])[0, :, :, 0]
    assert image[mask > 0].mean() < image[12, 11]
    with pytest.raises(InputError, match=r"lower task\.least"):
        Glands(job(data=data, task={**TASK, "size": [24, 24], "least": 0.9}))
    with pytest.raises(InputError, match=r"task\.size"):
        Glands(job(data=data))
