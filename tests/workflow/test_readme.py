"""Every YAML block of the README runs as it is printed; only the paths are filled in, for files made here."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mlmi2023.core.merging import merge
from preflight_root import ROOT
from tiny_run import checkout

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PHASES, ENDS = ("T00", "T30", "T50"), ("T00", "T50")
#: by the block's form, files that its patterns mean; `joined` is laid on the first block, as the README says
FILES = {
    "volumes": [f"{n:02d}_{what}.nii.gz" for n in range(1, 31) for what in ("t1", "seg")],
    "table": ["visits.csv"],
    "ct_stacks": ["chest.nii.gz", "series_folder/1.dcm", "series_folder/2.dcm"],
    "images": [
        f"{place}/{n}.{end}" for n in range(240) for place, end in (("photos", "jpg"), ("masks", "png"))
    ],
    "scans": [f"{place}/{n}.nii.gz" for n in range(30) for place in ("ct", "seg")],
    "phased_scans": [f"{n}/{p}.nii.gz" for n in range(10) for p in PHASES]
    + [f"{n}/{p}_points.txt" for n in range(10) for p in ENDS],
    "domain_images": [
        f"clinic_{c}/{n}_{eye}.jpg" for c in "ab" for n in range(9) for eye in ("left", "right")
    ]
    + ["grades.csv"],
    "pool_scans": [
        *(f"{place}/{n}.nii.gz" for n in range(30) for place in ("scans", "masks")),
        *(f"healthy/h{n}.nii.gz" for n in range(20)),
        *(f"others/o{n}/{z}.dcm" for n in range(6) for z in range(3)),
    ],
    "bscans": [f"Subject_{n:02d}.mat" for n in range(1, 11)],
    "outlines": [f"{place}/{n}.png" for n in range(240) for place in ("scans", "outlines")],
    "tissue": [f"slides/{n}.{end}" for n in range(30) for end in ("tif", "xml")],
    "image_pool": [
        *(f"all/{n}.tif" for n in range(60)),
        *(f"{place}/{n}.{end}" for n in range(40) for place, end in (("labelled", "tif"), ("masks", "png"))),
    ],
    "radiographs": ["reports.csv", "regions.csv", *(f"images/{n}.png" for n in range(400))],
    "reports": ["reports.csv"],
    "labelled_images": ["images.npz"],
    "spectra": [f"{site}/{n:02d}_mega.{end}" for site in "ab" for n in range(12) for end in ("sdat", "spar")],
    "classed_scans": [f"{n}/{name}.nii.gz" for n in range(30) for name in ("flair", "t1", "t1c", "t2")]
    + ["genes.csv"],
    "registered_scans": [f"{n}_{what}.nii.gz" for n in range(30) for what in ("tra", "sag", "adc", "seg")],
    "joined": [],
}


def form_of(block):
    (cohort,) = yaml.safe_load(block)["cohorts"].values()
    return cohort.get("form", "volumes")


def filled(block, place):
    """The block as a user would fill it in: every path to a folder becomes `place`."""
    return re.sub(r"(?<=root: )/path/to/\S+", str(place), block)


def files_for(form, place):
    for name in FILES[form]:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    return place


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("readme"))


def test_the_readme_shows_every_form_that_this_test_fills():
    assert sorted(map(form_of, BLOCKS)) == sorted(FILES)


@pytest.mark.parametrize("block", BLOCKS, ids=form_of)
def test_a_block_of_the_readme_is_planned_word_for_word(block, here, tmp_path):
    form, config = form_of(block), filled(block, files_for(form_of(block), tmp_path))
    if form == "joined":
        below = yaml.safe_load(filled(BLOCKS[0], files_for("volumes", tmp_path)))["cohorts"]["mine"]
        config = yaml.safe_dump(merge({"cohorts": {"mine": below, "yours": below}}, yaml.safe_load(config)))
    (tmp_path / "mine.yaml").write_text(config)
    command = [Path(sys.executable).with_name("snakemake"), "-n", "--cores", "1"]
    run = subprocess.run(
        [*command, "--configfile", str(tmp_path / "mine.yaml"), "--config", "scale=demo"],
        cwd=here,
        capture_output=True,
        text=True,
    )
    out = run.stdout + run.stderr
    assert run.returncode == 0, out[-2000:]
    # nothing but one's own data: no stand-in is made, and something is trained
    assert re.search(r"^train +\d", out, re.MULTILINE) and not re.search(r"^simulate +\d", out, re.MULTILINE)


#: of the examples: files below MLMI_REAL_DATA, and below the checkout
REAL = [f"brain_t1_slabs/{what}list{n}.nii.gz" for n in range(1, 31) for what in "is"]
REAL += [f"body_ct/example_ct_sm{end}.nii.gz" for end in ("", "_T300_output")]
REAL += ["clinic/visits.csv", "chest_xray_reports/indiana_reports.csv"]
MRS = "mrs_sdat/{set}/sub-0{n}/ses-01/mrs/sub-0{n}_ses-01_press/sub-0{n}_{name}.{end}"
REAL += [
    MRS.format(set=place, n=n, name=name, end=end)
    for place, name, ends in (
        ("UnEdited", "PRESS_35_act", ("sdat", "spar")),
        ("UnEdited_with_MM_data", "ses-01_PRESS_raw-act_noID", ("SDAT", "SPAR")),
    )
    for n in (1, 2)
    for end in ends
]
REAL += ["chest_xray28/pneumoniamnist.npz"]
REAL += [f"nuclei_he/{place}/TCGA-{n}.png" for n in range(8) for place in ("images", "masks")]
REAL += [f"lung_mri/ProtonImages/{n}H1.nii.gz" for n in range(5)]
REAL += [f"lung_mri/ProtonLobeMasks/{n}Lobes.nii.gz" for n in range(5)]
REAL += [f"lung_mri/ProtonLungMasks/{n}Mask.nii.gz" for n in range(5)]
REAL += [f"fundus_drive/training/images/{n}_training.tif" for n in range(21, 41)]
REAL += [f"fundus_drive/training/1st_manual/{n}_manual1.gif" for n in range(21, 41)]
REAL += [f"fundus_drive/testing/images/{n:02d}_test.tif" for n in range(1, 21)]
REAL += [f"fundus_drive/testing/1st_manual/{n:02d}_manual1.gif" for n in range(1, 21)]
DRIVE, KINDS = "data/fundus_drive", ("benign", "malignant", "normal")
HERE = [f"{DRIVE}/training/images/{n}_training.tif" for n in range(21, 41)]
HERE += [f"{DRIVE}/training/1st_manual/{n}_manual1.gif" for n in range(21, 41)]
HERE += [f"{DRIVE}/testing/images/{n:02d}_test.tif" for n in range(1, 21)]
HERE += [f"{DRIVE}/testing/1st_manual/{n:02d}_manual1.gif" for n in range(1, 21)]
HERE += [f"data/nuclei_dsb96/{place}/{n}.png" for n in range(670) for place in ("images", "masks/0")]
HERE += ["data/nuclei_dsb96/kinds.csv", "data/nuclei_dsb96/lights.csv"]
HERE += [
    f"data/chase_db1/Image_{n:02d}{e}{end}"
    for n in range(1, 15)
    for e in "LR"
    for end in (".jpg", "_1stHO.png")
]
HERE += [
    f"data/busi/{kind}/{kind} ({n}){end}.png"
    for kind in KINDS
    for n in range(1, 241)
    for end in ("", "_mask")
]
HERE += [f"data/busi/benign/benign ({n})_mask_1.png" for n in (4, 25)]
HERE += [f"data/histology/{place}/TCGA-{n}.png" for n in range(30) for place in ("images", "masks")]
HERE += [
    f"data/heads/{n:02d}_{visit}{end}.nii.gz"
    for n in range(1, 10)
    for visit in ("first", "second")
    for end in ("_T1w", "_seg")
]
HERE += [f"data/prostate/{n}/{what}.nii.gz" for n in range(50) for what in ("t2", "adc", "gland", "lesions")]
#: those that can be planned in one run: no two change one paper alike
TOGETHER = {
    "fundus": [
        "fundus_vessels",
        "fundus_vessels_fet",
        "fundus_vessels_mcnv",
        "fundus_bundles",
        "fundus_sites",
        "brain_slabs",
        "body_ct",
        "sklearn_tables",
        "lung_lobes",
        "single_nuclei",
        "lung_outlines",
        "lung_gland",
        "lung_clicks",
        "brain_spectra",
    ],
    "nuclei": [
        *(
            "nuclei",
            "nuclei_fet",
            "brain_slabs_nio",
            "brain_slabs_implicit",
            "brain_slabs_sr",
            "brain_slabs_slices",
            "brain_slabs_mddpm",
            "nuclei_centres",
            "nuclei_domains",
            "nuclei_hidden",
            "sklearn_tables",
        )
    ],
    "eyes": ["retina_eyes"],
    "ultrasound": ["breast_ultrasound"],
    "histology": ["histology_tiles", "nuclei_density", "nuclei_points", "body_clicks"],
    "clinic": ["clinic_table", "nuclei_points_dsb", "chest_reports", "chest_thumbnails"],
    "heads": ["whole_heads", "prostate_own"],
}


def test_every_example_with_data_is_among_those_that_are_planned():
    named = {name for names in TOGETHER.values() for name in names}
    others = {file.stem for file in (ROOT / "config/examples").glob("*.yaml")} - named
    assert all(name.startswith("slurm_") for name in others), others


@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_the_examples_are_planned(names, here, tmp_path):
    for place, files in ((tmp_path, REAL), (here, HERE)):
        for name in files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).touch()
    files = [f"config/examples/{name}.yaml" for name in names]
    papers = list(dict.fromkeys(p for f in files for p in yaml.safe_load((ROOT / f).read_text())["papers"]))
    command = [Path(sys.executable).with_name("snakemake"), "-n", "--cores", "1", "--configfile", *files]
    run = subprocess.run(
        [*command, "--config", f"papers=[{','.join(papers)}]", "results=results"],
        cwd=here,
        capture_output=True,
        text=True,
        env={**os.environ, "MLMI_REAL_DATA": str(tmp_path)},
    )
    out = run.stdout + run.stderr
    assert run.returncode == 0, out[-2000:]
    assert not re.search(r"make the raw data of the cohort (?!breast_cancer|diabetes)", out)
