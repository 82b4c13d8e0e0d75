"""Visits in the layout of BCP."""

import nibabel as nib
import numpy as np

CONFIG = """
cohorts:
  visits_of_bcp:
    kind: dataset
    dataset: bcp
    root: bcp
    modalities: [T1w, T2w]
    split_file: infants.csv
    preprocess:
      grid: {shape: [16, 8, 16], spacing: 0.8, centre: volume, low: 0.0, high: 100.0}
overrides:
  dmdip:
    train: {steps: 4, record: 1, epoch_steps: 2, batch: 3}
    datasets:
      bcp: {cohort: visits_of_bcp, task: {ages: session}}
      bcp_beyond:
        cohort: visits_of_bcp
        task: {ages: session}
        train: {steps: 2, record: 2, epoch_steps: 2}
    methods:
      dip: {net: {inputs: 4, levels: 2, width: 4, skip: 2}, timed: 1}
      dmdip: {net: {inputs: 4, trunk: 1, levels: 2, width: 4, skip: 2}, timed: 1}
"""


def make(place):
    """Write two visits of one infant."""
    random, lines = np.random.default_rng(0), ["subject,split"]
    for who, age in (("1001", "2wk"), ("1001", "12mo")):
        folder = place / f"bcp/sub-{who}/ses-{age}/anat"
        folder.mkdir(parents=True)
        lines.append(f"{who}_ses-{age},test")
        brain = np.zeros((16, 8, 16))
        brain[3:13, :, 3:13] = 1
        brain[6:9, :, 5:9] = 0.4
        for modality, contrast in (("T1w", brain), ("T2w", brain * (1.3 - brain))):
            image = 1000 * contrast + 20 * random.random(brain.shape)
            file = folder / f"sub-{who}_ses-{age}_{modality}.nii.gz"
            nib.save(nib.Nifti1Image(image.astype(np.int16), np.diag([0.8, 0.8, 0.8, 1])), file)
    (place / "bcp/infants.csv").write_text("\n".join(lines) + "\n")
