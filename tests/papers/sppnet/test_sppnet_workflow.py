"""The tiny run's results; MoNuSeg's layout from small and from empty files; the paper scale without data."""

import numpy as np
import pytest

from bad_inputs import said
from image_folders import photo, write
from mlmi2023.cohorts.forms.tissue import form
from mlmi2023.cohorts.forms.tissue.reader import open_tissue
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from tiny_run import ROOT, checkout, snakemake

TRAINING, TEST = "MoNuSeg 2018 Training Data", "MoNuSegTestData"
#: x and y of the corners of two nuclei, the second of which lies over the first
SQUARES = [[(4, 10), (12, 10), (12, 16), (4, 16)], [(10, 12), (20, 12), (20, 20), (10, 20)]]


def mean(rows, **fixed):
    return np.nanmean([float(r["value"]) for r in rows if all(r[k] == v for k, v in fixed.items())])


def test_the_stand_in_goes_to_the_page(tiny_run):
    rows = tiny_run.rows("sppnet")
    assert mean(rows, method="truth", metric="dsc") > 75 > 5 > mean(rows, method="background", metric="dsc")
    for method in ("unet", "sppnet", "sam_ft", "sam_base", "mobile_sam"):
        dice, iou = (mean(rows, method=method, metric=metric) for metric in ("dsc", "miou"))
        assert 0 <= iou <= dice <= 100
    assert mean(rows, method="sppnet", metric="params") == pytest.approx(9.79, abs=0.03)
    assert mean(rows, method="sppnet", metric="params_run") < 0.2
    assert mean(rows, method="sppnet", metric="redraw_gap") >= 0
    page = tiny_run.page("sppnet")
    assert all(
        name in page for name in ("fig1", "fig4a", "fig4b", "fig5", "table1", "table3", "table_redraws")
    )


def xml(squares):
    regions = "".join(
        f'<Region Id="{n}"><Vertices>'
        + "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in corners)
        + "</Vertices></Region>"
        for n, corners in enumerate(squares, 1)
    )
    inner = f"<Annotation><Regions>{regions}</Regions></Annotation>"
    return f'<?xml version="1.0"?><Annotations>{inner}</Annotations>'


def cohort(root, **more):
    config = read_yaml(ROOT / "config/cohorts/monuseg.yaml")["paper"]
    layout = read_yaml(ROOT / "resources/datasets/monuseg.yaml")
    return merge({**config, "layout": layout, "root": str(root)}, more)


def files(number):
    """Image and outlines of the training archive, or of the test archive."""
    name = f"TCGA-{number:02d}-01Z-00-DX1"
    if number < 4:
        return f"{TRAINING}/Tissue Images/{name}.tif", f"{TRAINING}/Annotations/{name}.xml"
    return f"{TEST}/{name}.tif", f"{TEST}/{name}.xml"


def test_outlines_of_monuseg_become_nuclei(tmp_path):
    for number in range(6):
        image, outlines = files(number)
        write(tmp_path / image, np.stack([photo(number, 32)] * 3, -1))
        (tmp_path / outlines).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / outlines).write_text(xml(SQUARES))
    setup = cohort(tmp_path, split={"train": 3, "val": 1, "test": "rest"})
    assert all(file.is_file() for file in form.raw_files(setup, tmp_path))
    form.pack(setup, tmp_path, tmp_path / "packed", "monuseg")
    found = open_tissue(tmp_path / "packed")
    assert len(found) == 6 and found.splits.count("train") == 3 and found.splits.count("test") == 2
    nuclei = found.nuclei[0]
    assert set(np.unique(nuclei)) == {0, 1, 2}
    assert nuclei[11, 6] == 1 and nuclei[14, 11] == 2 == nuclei[18, 18] and nuclei[6, 11] == 0
    (tmp_path / files(0)[1]).write_text("<Annotations>")
    said(
        lambda: form.pack(setup, tmp_path, tmp_path / "again", "monuseg"), "no outlines of Aperio ImageScope"
    )
    (tmp_path / files(0)[1]).write_text(xml([[(90, 90), (99, 90), (99, 99)]]))
    said(lambda: form.pack(setup, tmp_path, tmp_path / "again", "monuseg"), "no region inside its image")
    (tmp_path / files(0)[1]).unlink()
    said(lambda: form.pack(setup, tmp_path, tmp_path / "again", "monuseg"), "TCGA-00", "read.nuclei.files")


def test_the_paper_scale_says_what_is_missing_and_is_planned_from_empty_files(tmp_path):
    place = checkout(tmp_path)
    keys = ["-n", "sppnet", "--config", "scale=paper", "papers=[sppnet]"]
    run = snakemake(place, *keys)
    assert run.returncode != 0 and "MoNuSeg" in run.stdout + run.stderr
    for number in range(51):
        for file in files(number):
            (place / "data/monuseg" / file).parent.mkdir(parents=True, exist_ok=True)
            (place / "data/monuseg" / file).touch()
    run = snakemake(place, *keys)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert run.stdout.count("train sppnet on monuseg") == 5 and "sam_base" not in run.stdout
