"""The files of a stand-in cohort: BIDS, with labels and truth as derivatives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from mlmi2023.cohorts.sources.simulators.brain.acquire import Scan
from mlmi2023.cohorts.sources.simulators.brain.labels import structures
from mlmi2023.cohorts.sources.simulators.brain.maps import Maps
from mlmi2023.cohorts.sources.simulators.brain.subject import Subject
from mlmi2023.cohorts.sources.simulators.kit.files import write_table
from mlmi2023.core.files import write_json

README = """A stand-in cohort: no person was scanned.

Heads were made from the MNI152 template (tissue maps of ICBM 2009a, whole head of NLin6Asym) by random smooth
diffeomorphic warps, poses, contrasts, bias fields and noise. cohort.json holds the parameters and the seed.
The licences of the two templates (nilearn, nimare) apply to what is made from them.

derivatives/labels  structures of each subject; dseg.tsv names them
derivatives/truth   brain mask, bias field, landmarks, and for each voxel its place in the template (RAS mm)
"""


def write_subject(subject: Subject, scan: Scan, maps: Maps, root: Path) -> None:
    """Write one subject's images, labels and truth, stored in its own voxel order."""
    name = f"sub-{subject.id}"
    anat = root / name / "anat"
    labels = root / "derivatives/labels" / name / "anat"
    truth = root / "derivatives/truth" / name / "anat"
    for folder in (anat, labels, truth):
        folder.mkdir(parents=True, exist_ok=True)

    def save(data: np.ndarray, path: Path) -> None:
        image = nib.Nifti1Image(data, scan.affine)
        image.header.set_xyzt_units("mm")
        turn = ornt_transform(io_orientation(scan.affine), axcodes2ornt(subject.orientation))
        image = image.as_reoriented(turn)
        image.set_sform(image.affine, 1)
        image.set_qform(image.affine, 1)
        nib.save(image, path)

    for modality, image in scan.images.items():
        save(np.round(image).astype(np.int16), anat / f"{name}_{modality}.nii.gz")
        save(scan.biases[modality], truth / f"{name}_desc-bias_{modality}.nii.gz")
    save(scan.labels, labels / f"{name}_dseg.nii.gz")
    save(scan.mask.astype(np.uint8), truth / f"{name}_desc-brain_mask.nii.gz")
    save(scan.to_template, truth / f"{name}_from-native_to-template_xfm.nii.gz")
    write_table(
        truth / f"{name}_landmarks.tsv",
        ("name", "x", "y", "z", "tx", "ty", "tz"),
        (
            (label, *(f"{v:.4f}" for v in (*native, *template)))
            for label, native, template in zip(
                maps.landmark_names, scan.landmarks, maps.landmarks, strict=True
            )
        ),
    )


def write_root(root: Path, config: dict[str, Any], people: Sequence[dict[str, Any]]) -> None:
    """Write the descriptions and tables of the cohort.

    Args:
        root: the BIDS root.
        config: the cohort's configuration.
        people: per subject: id, split, age, sex, site; None where unknown.
    """
    common = {"BIDSVersion": "1.9.0", "GeneratedBy": [{"Name": "mlmi2023 brain simulator"}]}
    write_json(
        root / "dataset_description.json",
        {"Name": "Stand-in brains", "DatasetType": "raw", **common},
    )
    for part, what in (
        ("labels", "Labels of"),
        ("truth", "Truth about"),
    ):
        write_json(
            root / "derivatives" / part / "dataset_description.json",
            {"Name": f"{what} the stand-in brains", "DatasetType": "derivative", **common},
        )
    (root / "README").write_text(README)
    write_table(
        root / "participants.tsv",
        ("participant_id", "split", "age", "sex", "site"),
        (
            (f"sub-{p['id']}", p["split"], *("n/a" if p[k] is None else p[k] for k in ("age", "sex", "site")))
            for p in people
        ),
    )
    write_table(
        root / "derivatives/labels/dseg.tsv",
        ("index", "name", "abbreviation"),
        ((row.index, row.name, row.abbreviation) for row in structures()),
    )
