"""Public datasets as trees of empty files with the published names."""

import random
from pathlib import Path


def touch(root: Path, names) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def ixi_release(root: Path) -> Path:
    numbers = random.Random(0).sample(range(576), 576)
    parts = {"Train": numbers[:403], "Val": numbers[403:461], "Test": numbers[461:]}
    names = [f"IXI_data/{part}/subject_{n}.pkl" for part, ns in parts.items() for n in ns]
    return touch(root, [*names, "IXI_data/atlas.pkl"])


def oasis_numbers() -> list[int]:
    """414 of the numbers 1 to 457, the last 20 without a gap."""
    return sorted(random.Random(0).sample(range(1, 438), 394)) + list(range(438, 458))


def oasis_release(root: Path) -> Path:
    files = ("orig", "norm", "aligned_orig", "aligned_norm", "seg35", "aligned_seg35", "aligned_seg4")
    names = [f"OASIS_OAS1_{n:04d}_MR1/{f}.nii.gz" for n in oasis_numbers() for f in files]
    return touch(root, [*names, "subjects.txt", "seg35_labels.txt"])


def learn2reg_release(root: Path) -> Path:
    names = [
        f"{f}/OASIS_{n:04d}_0000.nii.gz" for n in range(1, 415) for f in ("imagesTr", "labelsTr", "masksTr")
    ]
    return touch(root, [*names, "OASIS_dataset.json", "imagesTs/OASIS_0415_0000.nii.gz"])


def alberts_release(root: Path) -> Path:
    folders = ("T1", "T2", "segmentations-v3", "gm-posteriors-v3")
    return touch(root, [f"ALBERTs/{f}/ALBERT_{n:02d}.nii.gz" for n in range(1, 21) for f in folders])


def bcp_release(root: Path, run: str) -> Path:
    visits = [("116056", "12mo"), ("116056", "3mo"), ("200031", "6mo"), ("310009", "2wk"), ("420001", "9mo")]
    names = []
    for who, age in [*visits, ("500000", "24mo")]:
        base = f"sub-{who}/ses-{age}/anat/sub-{who}_ses-{age}{run}"
        names += [f"{base}_T1w.nii.gz", f"{base}_T1w.json", f"{base}_T2w.nii.gz", f"{base}_T2w.json"]
    names.append(f"sub-600000/ses-9mo/anat/sub-600000_ses-9mo{run}_T1w.nii.gz")  # a visit without T2w
    touch(root, names)
    lines = ["subject,split", *(f"{who}_ses-{age},test" for who, age in visits)]
    (root / "infants.csv").write_text("\n".join(lines) + "\n")
    return root
