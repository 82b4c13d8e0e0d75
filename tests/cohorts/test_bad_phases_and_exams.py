"""Phases of a breath and exams that would be read wrongly: each ends in one line."""

import shutil

import numpy as np
import pandas as pd
import pytest

from bad_inputs import said
from mlmi2023.cohorts.formats.volumes import read_volume, write_volume
from mlmi2023.cohorts.forms.exams import form as exams
from mlmi2023.cohorts.forms.phased_scans import form as phases
from mlmi2023.core.merging import merge
from pecon_data import CONFIG as EXAMS
from pecon_data import raw_cohort
from phases_data import CONFIG as PHASES
from phases_data import raw_phases

PATIENTS = merge({**PHASES, "kind": "folder"}, {"read": {**phases.MADE, "phases": ["T00", "T50"]}})
PATIENTS = {**PATIENTS, "folds": None}


@pytest.mark.parametrize(
    ("read", "says"),
    [
        ({"window": [500, -1000]}, "read.window"),
        ({"window": [0, 0]}, "read.window"),
        ({"window": "lung"}, "read.window"),
        ({"spacing": [-1, 1, 1]}, "read.spacing"),
        ({"spacing": [0, 1, 1]}, "read.spacing"),
        ({"shape": ["x", 2, 2]}, "read.shape"),
        ({"offset": "a"}, "read.offset"),
        ({"offset": float("nan")}, "read.offset"),
        ({"landmark_index": "one"}, "read.landmark_index"),
        ({"phases": ["T00", "T50", "T50"]}, "phases names one twice"),
        ({"modality": "a/b"}, "read.modality"),
        ({"raw": {"axes": 5}}, "read.raw.axes"),
        ({"raw": {"axes": "LPI", "byte_order": "middle"}}, "read.raw.byte_order"),
        ({"volumes": {"1": {"size": ["a", 2, 2], "spacing": [1, 1, 1]}}}, "read.volumes.1.size"),
        ({"volumes": {"1": {"size": [2, 2, 2], "spacing": [0, 1, 1]}}}, "read.volumes.1.spacing"),
    ],
)
def test_keys_of_phases(read, says):
    said(lambda: phases.read_key({"kind": "folder", "read": {**PATIENTS["read"], **read}}), says)


@pytest.fixture
def patient(tmp_path):
    """One patient of the stand-in, to be spoilt."""
    shutil.copytree(raw_phases() / "1", tmp_path / "raw/1")
    return tmp_path / "raw/1"


def pack_phases(patient, **read):
    config = merge(PATIENTS, {"read": {"split": "test", **read}})
    return lambda: phases.pack(config, patient.parent, patient.parent / "out", "c")


def test_landmarks_that_are_voxels_or_one_point(patient):
    table = patient / "landmarks_T00.csv"
    rows = pd.read_csv(table)
    rows.iloc[:] = rows.iloc[0].to_numpy()
    rows.to_csv(table, index=False)
    said(pack_phases(patient), "landmarks_T00.csv", "all 80 landmarks are the same")
    image, _ = read_volume(patient / "T00.nii.gz")
    places = np.argwhere(np.ones([n // 4 for n in image.shape]))[:80]
    for phase in ("T00", "T50"):
        pd.DataFrame(places, columns=["x", "y", "z"]).to_csv(patient / f"landmarks_{phase}.csv", index=False)
    # wherever the scan lies, mm inside of it may be whole; which of the two they are is asked
    said(pack_phases(patient), "landmarks_T00.csv", "landmark")


def test_whole_numbers_inside_the_scan_are_asked_about(patient, tmp_path):
    for phase in ("T00", "T50"):
        image, affine = read_volume(patient / f"{phase}.nii.gz")
        affine[:3, 3] = 0
        write_volume(patient / f"{phase}.nii.gz", image, affine)
        maps, _ = read_volume(patient / f"{phase}_lobes.nii.gz")
        write_volume(patient / f"{phase}_lobes.nii.gz", maps.astype(np.uint8), affine)
        middle = np.rint(affine[:3, :3] @ (np.array(image.shape) / 2))
        points = middle + np.arange(12).reshape(4, 3)
        pd.DataFrame(points, columns=["x", "y", "z"]).to_csv(patient / f"landmarks_{phase}.csv", index=False)
    said(pack_phases(patient, truth="none/{subject}"), "landmarks_T00.csv", "set read.landmark_index")
    pack_phases(patient, truth="none/{subject}", landmark_index=None)()


def test_voxels_in_the_other_order_of_bytes(patient):
    image, affine = read_volume(patient / "T00.nii.gz")
    size = {"size": list(image.shape), "spacing": np.abs(np.diag(affine)[:3]).tolist()}
    for phase in ("T00", "T50"):
        data = read_volume(patient / f"{phase}.nii.gz")[0].astype(">i2")
        (patient / f"{phase}.img").write_bytes(data.T.tobytes())
        (patient / f"landmarks_{phase}.csv").unlink()
    read = {**PATIENTS["read"], "scans": "{subject}/{phase}.img", "volumes": {"1": size}, "split": "test"}
    for key in ("labels", "landmarks", "truth"):
        del read[key]

    def pack(**raw):
        config = {**PATIENTS, "read": {**read, "raw": {"axes": "RAS", **raw}}}
        return lambda: phases.pack(config, patient.parent, patient.parent / "out", "c")

    said(pack(), "T00.img", "no Hounsfield units", "byte_order")
    pack(byte_order="big")()


def spoil_scan(change):
    def spoil(root):
        file = sorted(root.glob("*/*.npy"))[0]
        np.save(file, change(np.load(file)))

    return spoil


def copy_of_a_scan(root):
    file = sorted(root.glob("0/*.npy"))[0]
    (root / "7").mkdir(exist_ok=True)
    shutil.copy(file, root / "7")


def infinite_vitals(root):
    table = pd.read_csv(root / "Vitals.csv")
    table[table.columns[-1]] = np.inf
    table.to_csv(root / "Vitals.csv", index=False)


def header_only(root):
    file = root / "Labels.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (infinite_vitals, "Vitals.csv: column '"),
        (copy_of_a_scan, "lies in 0 too; remove one of the two"),
        (spoil_scan(lambda scan: scan.astype(complex)), "values of type complex128"),
        (spoil_scan(lambda scan: scan.astype(str)), "values of type <U"),
        (spoil_scan(lambda scan: 0 * scan + 40), "nearly all values lie between"),
        (spoil_scan(lambda scan: scan[:0]), ": 0 slices of"),
        (spoil_scan(lambda scan: np.where(scan == scan.max(), np.nan, scan)), "NaN or infinite"),
        (spoil_scan(lambda scan: scan.astype(np.int16).byteswap()), "no Hounsfield units"),
        (header_only, "Labels.csv: lists no exam"),
    ],
)
def test_exams_that_cannot_be_read(tmp_path, spoil, says):
    root = tmp_path / "raw"
    shutil.copytree(raw_cohort(), root)
    spoil(root)
    said(lambda: exams.pack({**EXAMS, "kind": "folder"}, root, tmp_path / "out", "c"), says)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "read", [{"hu_offset": float("nan")}, {"hu_offset": "a"}, {"size": 5}, {"sise": [4, 4]}]
)
def test_keys_of_exams(tmp_path, read):
    said(lambda: exams.pack({"read": read}, tmp_path, tmp_path / "out", "c"), next(iter(read)))
