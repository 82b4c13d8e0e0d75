"""HCP from files as released to the tissues that a segmenter learns."""

from pathlib import Path

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.find.label_names import label_names
from mlmi2023.cohorts.forms.volumes.reader import pack
from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.preprocessing.steps import run_step

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (10, 12, 8)
#: of aparc+aseg along the first axis from the right: white matter, two gyri, cerebellum, thalamus, ventricle
BANDS = [0, 41, 2035, 1001, 8, 7, 10, 251, 4, 0]


def release(root: Path) -> None:
    """Write five subjects, 0.7 mm, stored from right to left as HCP's volumes are; one has no T1w."""
    affine = np.diag([-0.7, 0.7, 0.7, 1.0])
    affine[0, 3] = 0.7 * (SHAPE[0] - 1)
    labels = np.broadcast_to(np.array(BANDS)[:, None, None], SHAPE).astype(np.int32)
    for number in range(5):
        folder = root / f"{100307 + number}/T1w"
        folder.mkdir(parents=True)
        image = np.where(labels > 0, 100 + labels % 97 + number, 0).astype(np.float32)
        nib.Nifti1Image(labels, affine).to_filename(folder / "aparc+aseg.nii.gz")
        if number != 3:
            nib.Nifti1Image(image, affine).to_filename(folder / "T1w_acpc_dc.nii.gz")


def test_from_files_to_tissues(tmp_path):
    release(tmp_path / "data")
    settings = Settings(merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper"}), ROOT)
    setup = {**settings.cohort("hcp1200"), "split": {"train": 2, "val": 1, "test": 1}}
    found = index_cohort("hcp1200", setup, tmp_path / "data")
    assert [record.subject for record in found].count("100310") == 0, "a subject without T1w is left out"
    grid, options = tmp_path / "grid", setup["preprocess"]["grid"] | {"shape": list(SHAPE)}
    run_step("grid", records=[vars(r) for r in found], before=tmp_path, out=grid, options=options, threads=1)
    pack([grid], label_names(setup, tmp_path / "data"), tmp_path / "packed", "hcp1200")
    task = settings.paper("hifi_diff")["datasets"]["hcp1200"]["task"]
    volumes = Volumes(Job("hifi_diff", "hcp1200", "interp", 0, tmp_path / "packed", task=task))
    assert len(volumes.indices("train")) == 2 and (volumes.rows, volumes.size) == (10, (12, 8))
    # rows run from the left, the files from the right; wm is 1, gm 2, and a ventricle neither
    assert volumes.labels(0)[:, 5, 4].tolist() == [0, 0, 1, 2, 1, 2, 2, 2, 1, 0]
