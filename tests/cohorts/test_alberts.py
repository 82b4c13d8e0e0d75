"""ALBERTs from files as released to what training reads: two contrasts, 50 regions, 90, 12 and 30 pairs."""

from pathlib import Path

import nibabel as nib
import numpy as np

from mlmi2023.cohorts.find.index import index_cohort
from mlmi2023.cohorts.find.label_names import label_names
from mlmi2023.cohorts.forms.volumes.reader import open_packed, pack
from mlmi2023.core.config import Settings
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.preprocessing.steps import run_step
from mlmi2023.tasks.registration.pairs import pairs

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (10, 12, 8)


def anatomy(infant: int) -> np.ndarray:
    """A block of region 42 whose place tells the infant, in one of region 36."""
    regions = np.zeros(SHAPE, np.int16)
    regions[1:-1, 1:-1, 1:-1] = 36
    x, y = 2 + infant % 5, 2 + infant // 5
    regions[x : x + 3, y : y + 3, 2:6] = 42
    return regions


def release(root: Path) -> None:
    """Write 20 infants, 1 mm, stored as left, anterior, superior: array axis 0 runs to the left."""
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[0, 3] = SHAPE[0] - 1
    for infant in range(1, 21):
        regions = anatomy(infant)
        t1 = np.where(regions == 42, 600, np.where(regions == 36, 300, 0)).astype(np.int16)
        images = {
            "T1": t1,
            "T2": np.where(regions > 0, 900 - t1, 0).astype(np.int16),
            "segmentations": regions,
        }
        for folder, array in images.items():
            file = root / "ALBERTs" / folder / f"ALBERT_{infant:02d}.nii.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            nib.Nifti1Image(array[::-1], affine).to_filename(file)


def test_from_files_to_pairs(tmp_path):
    release(tmp_path / "data")
    settings = Settings(merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper"}), ROOT)
    setup = settings.cohort("alberts")
    task = settings.paper("defxattn_reg")["datasets"]["alberts"]["task"]
    assert (task["moving"], task["fixed"]) == ("T1w", "T2w")
    found = index_cohort("alberts", setup, tmp_path / "data")
    options = setup["preprocess"]["grid"] | {"shape": list(SHAPE)}
    out = tmp_path / "grid"
    run_step("grid", records=[vars(r) for r in found], before=tmp_path, out=out, options=options, threads=1)
    pack([out], label_names(setup, tmp_path / "data"), tmp_path / "packed", "alberts")
    cohort = open_packed(tmp_path / "packed")
    assert len(cohort) == 20 and cohort.modalities == ["T1w", "T2w"]
    assert cohort.label_names == {36: "Frontal-lobe-right", 42: "Thalamus-right"}
    for row, subject in enumerate(cohort.subjects):
        regions = anatomy(int(subject))
        np.testing.assert_array_equal(cohort.labels[row], regions)
        t1, t2 = (np.asarray(cohort.images(m)[row], np.float32) for m in ("T1w", "T2w"))
        assert t1[regions == 42].min() > t1[regions == 36].max()
        assert t2[regions == 42].max() < t2[regions == 36].min() and (t2[regions == 0] == 0).all()
    counts = [len(pairs(cohort.subjects, cohort.splits, task, split)) for split in ("train", "val", "test")]
    assert counts == [90, 12, 30]
