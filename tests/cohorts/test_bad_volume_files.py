"""Files of volumes with a header that lies, other units or damaged bytes: one clear line each."""

import gzip
import pickle
import warnings

import nibabel as nib
import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from ct_folder import AFFINE, ALIGNED, CT, GROUP, SHAPE, ct, make, pack, save
from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms.aligned_scans import form as aligned
from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.cohorts.forms.scans.reader import open_scans


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path)


# --- files ------------------------------------------------------------------------------------------


def sheared(lean):
    affine = AFFINE.copy()
    affine[0, 1] = lean
    return affine


def claims(path, shape, kind=np.uint8):
    """A small file whose header promises `shape`."""
    header = nib.Nifti1Header()
    header.set_data_dtype(kind)
    header.set_data_shape(shape)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    data = header.binaryblock + bytes(4 + 5000)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def changed(path, offset, value):
    """Put bytes into the header of a packed NIfTI."""
    data = bytearray(gzip.decompress(path.read_bytes()))
    data[offset : offset + len(value)] = value
    path.write_bytes(gzip.compress(bytes(data)))


def one_odd(value=5000.0):
    image = np.full(SHAPE, 40.0, np.float32)
    image[5, 5, 5] = value
    return image


FILES = {  # what is done to the folder, keys, words of the line
    "claims 1500^3": (
        lambda f: claims(f / "s1.nii.gz", (1500,) * 3),
        {},
        ["s1", "1500 x 1500 x 1500", "3.38 GB"],
    ),
    "labels claim 1500^3": (lambda f: claims(f / "l1.nii.gz", (1500,) * 3), {}, ["l1", "1500 x 1500 x 1500"]),
    "uint8 said, float32 held": (
        lambda f: (save(f / "s1.nii.gz", ct(1)[0]), changed(f / "s1.nii.gz", 70, b"\x02\0\x08\0")),
        {},
        ["s1", "type uint8", "more, unpacked"],
    ),
    "float32 said, uint8 held": (
        lambda f: (
            save(f / "s1.nii.gz", ct(1)[1].astype(np.uint8)),
            changed(f / "s1.nii.gz", 70, b"\x10\0\x20\0"),
        ),
        {},
        ["s1", "cannot be read"],
    ),
    "sheared": (lambda f: both(f, sheared(1.5)), {}, ["s1", "37 degrees", "right angles"]),
    "one slice": (
        lambda f: [save(f / f"{k}1.nii.gz", np.ones((12, 14, 1), np.int16)) for k in "sl"],
        {},
        ["l1", "single slice"],
    ),
    "metres as mm": (
        lambda f: both(f, np.diag([0.002, 0.002, 0.004, 1])),
        {},
        ["1.nii", "0.002 x 0.002", "metres"],
    ),
    "1e6 mm": (lambda f: both(f, np.diag([1e6, 1e6, 1e6, 1])), {}, ["1.nii", "1e+06", "metres"]),
    "slope 1e30": (
        lambda f: save(f / "s1.nii.gz", ct(1)[1], change=lambda h: h.set_slope_inter(1e30, 0)),
        {},
        ["s1", "2e+30", "slope"],
    ),
    "all maps zero": (
        lambda f: [save(f / f"l{n}.nii.gz", np.zeros(SHAPE, np.uint8)) for n in range(3)],
        {},
        ["config of cohort 'mine'", "all 3 label maps are 0", "l0.nii.gz", "read.groups"],
    ),
    "kept label not there": (
        lambda f: None,
        {"labels_kept": [1, 9]},
        ["read.labels_kept' wants 9", "l0.nii.gz"],
    ),
    "blank": (lambda f: save(f / "s1.nii.gz", np.full(SHAPE, -1000.0, np.float32)), {}, ["s1", "blank"]),
    "one odd voxel": (
        lambda f: save(f / "s1.nii.gz", one_odd() - 100),
        {},
        ["s1", "read.window", "nearly one grey"],
    ),
    "one odd voxel, zscore": (
        lambda f: [save(f / f"s{n}.nii.gz", one_odd(1e6)) for n in range(3)],
        {"window": None, "scale": "zscore"},
        ["s0", "read.scale zscore", "nearly one grey"],
    ),
    "flat but one, percentiles": (
        lambda f: [save(f / f"s{n}.nii.gz", one_odd()) for n in range(3)],
        {"window": None, "scale": "percentiles"},
        ["s0", "read.scale percentiles"],
    ),
    "CT without offset": (
        lambda f: save(f / "s1.nii.gz", np.maximum(ct(1)[0] + 1024, 0).astype(np.int16)),
        {},
        ["s1", "nothing is below 0", "read.window begins at -200", "offset"],
    ),
    "CT in 0 to 1": (
        lambda f: save(f / "s1.nii.gz", np.clip((ct(1)[0] + 1000) / 2000, 0, 1)),
        {},
        ["s1", "nothing is below 0", "Hounsfield"],
    ),
    "window of other units": (
        lambda f: [save(f / f"s{n}.nii.gz", np.clip((ct(n)[0] + 1000) / 2000, 0, 1)) for n in range(3)],
        {"window": [0, 400]},
        ["s0", "read.window [0, 400]", "nearly one grey"],
    ),
    "too fine": (lambda f: None, {"spacing": [0.01, 0.01, 0.01]}, ["s0.nii.gz", "voxels with read.spacing"]),
    "more subjects than files": (
        lambda f: None,
        {"groups": [{**GROUP, "split": {"train": 4}}]},
        ["asks for 4 subjects but 3"],
    ),
}


def both(folder, affine):
    hu, labels = ct(1)
    save(folder / "s1.nii.gz", hu, affine)
    save(folder / "l1.nii.gz", labels, affine)


@pytest.mark.parametrize("case", FILES)
def test_files_are_refused_with_one_line(folder, case):
    spoil, keys, words = FILES[case]
    spoil(folder)
    read = {k: v for k, v in {**CT, **keys}.items() if v is not None}
    config = {"kind": "folder", "read": read}
    said(lambda: scans.pack(config, folder, folder / "out", "mine"), *words)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    "case", ["CT without offset", "CT in 0 to 1", "one odd voxel", "all maps zero", "kept label not there"]
)
def test_aligned_scans_are_as_strict(folder, case):
    spoil, keys, words = FILES[case]
    spoil(folder)
    config = {"kind": "folder", "read": {**ALIGNED, **keys}}
    said(lambda: aligned.pack(config, folder, folder / "out", "mine"), *words)
    assert not (folder / "out").exists()


def test_a_bright_pixel_and_a_masked_ct_are_no_reason_to_refuse(folder):
    hu, _ = ct(1)
    hu[0, 0, 0] = 30000
    save(folder / "s1.nii.gz", hu)
    cohort = pack(folder)
    assert np.allclose(cohort.image(1)[3:6, 4:9, 2:8].mean(), 260 / 500, atol=0.02)
    by_rank = {k: v for k, v in CT.items() if k != "window"} | {"scale": "percentiles"}
    scans.pack({"kind": "folder", "read": by_rank}, folder, folder / "ranked", "mine")
    organ = open_scans(folder / "ranked").image(1)[3:6, 4:9, 2:8].astype(float)
    assert 0.9 < organ.mean() < 1


def test_an_unpacked_file_does_not_grow_beyond_its_header(tmp_path):
    """Zeros that would unpack to 50 MB behind a header that promises 2000 voxels."""
    header = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE).to_bytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(header + bytes(5 * 10**7), 1))
    said(lambda: read_labels(path), "a.nii.gz", "more, unpacked")


def test_several_members_of_gzip_are_one_file(tmp_path):
    data = nib.Nifti1Image(ct()[0], AFFINE).to_bytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(
        b"".join(gzip.compress(data[i : i + 1000]) for i in range(0, len(data), 1000)) + bytes(7)
    )
    assert np.array_equal(read_volume(path)[0], ct()[0])


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz", ".mgh", ".pkl"])
def test_damaged_files_are_read_or_said(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    if ending == ".pkl":
        path.write_bytes(pickle.dumps(ct()))
    else:
        (nib.MGHImage if "mg" in ending else nib.Nifti1Image)(ct()[0], AFFINE).to_filename(path)

    def read(content):
        path.write_bytes(content)
        read_volume(path)

    whole = path.read_bytes()
    copies = [*damaged(whole, 150, seed=1)]
    if ending in (".nii", ".mgh"):  # most of what can be wrong is in the header
        copies += [head + whole[352:] for head in damaged(whole[:352], 300, seed=2)]
    if ending == ".mgz":
        plain = gzip.decompress(whole)
        copies += [gzip.compress(head + plain[284:], 1) for head in damaged(plain[:284], 300, seed=2)]
    assert reads_or_says(read, iter(copies)) < len(copies)


def test_two_places_are_said_with_the_one_that_is_used(tmp_path):
    path = save(tmp_path / "a.nii.gz", ct()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_volume(path)
    turned = np.diag([2.0, -2.0, 4.0, 1.0])
    image = nib.load(path)
    image.set_qform(turned, 1)
    image.set_sform(AFFINE, 2)
    image.to_filename(path)
    with pytest.warns(
        UserWarning, match=r"a\.nii\.gz: sform and qform lie up to 52 mm apart; the sform is used"
    ):
        assert np.array_equal(read_volume(path)[1], AFFINE)
