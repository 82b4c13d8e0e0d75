"""CT series that guesses would read wrongly: each ends in one line."""

import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from dicom_slices import slice_bytes, tags_of, write_series
from mlmi2023.cohorts.formats.dicom import read_series
from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.ct_stacks import form
from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks

MODALITY, THICKNESS, POSITION, ORIENTATION = (0x8, 0x60), (0x18, 0x50), (0x20, 0x32), (0x20, 0x37)
PIXEL, INTERCEPT, SLOPE, KIND = (0x28, 0x30), (0x28, 0x1052), (0x28, 0x1053), (0x28, 0x4)
ROWS, SAMPLES, BITS, STORED, HIGH, SIGN = ((0x28, e) for e in (0x10, 0x2, 0x100, 0x101, 0x102, 0x103))


def every(tag, value, kind="DS"):
    return {None: {tag: (kind, value)}}


def one(number, tag, value, kind="DS"):
    return {number: {tag: (kind, value)}}


def positions(place):
    return {number: {POSITION: ("DS", place(number))} for number in range(8)}


RGB = {
    SAMPLES: ("US", 3), KIND: ("CS", "RGB"), BITS: ("US", 8), STORED: ("US", 8), HIGH: ("US", 7),
    SIGN: ("US", 0),
}  # fmt: skip
SERIES = {
    "duplicate positions, all": (every(POSITION, "-8\\-8\\0"), "lies where"),
    "one slice copied": (one(3, POSITION, "-8\\-8\\5"), "s3.dcm", "lies where s2.dcm lies"),
    "gantry tilt": (positions(lambda n: f"-8\\{n - 8}\\{2.5 * n:g}"), "gantry tilt"),
    "in-plane shift": (one(4, POSITION, "-6\\-8\\10"), "are shifted, s4.dcm most, by up to 2.00 mm"),
    "mixed spacing": (positions(lambda n: f"-8\\-8\\{2.5 * n + 2 * (n > 4):g}"), "s4.dcm and s5.dcm 4.5 mm"),
    "MR": (every(MODALITY, "MR", "CS"), "the modality is 'MR', not CT"),
    "modality missing": (every(MODALITY, None), "the modality is ''"),
    "MONOCHROME1": (every(KIND, "MONOCHROME1", "CS"), "MONOCHROME1; export it as MONOCHROME2"),
    "RGB": ({None: RGB}, "RGB; export it as MONOCHROME2"),
    "orientation missing": (every(ORIENTATION, None), "no ImageOrientationPatient"),
    "orientation of zeros": (every(ORIENTATION, "0\\0\\0\\0\\0\\0"), "no two directions at right angles"),
    "one slice turned": (one(5, ORIENTATION, "0\\1\\0\\1\\0\\0"), "s5.dcm: ImageOrientationPatient is"),
    "pixels missing": (every(PIXEL, None), "no PixelSpacing"),
    "pixels negative": (every(PIXEL, "-1\\-1"), "PixelSpacing is -1 x -1 mm"),
    "pixels zero": (every(PIXEL, "0\\0"), "PixelSpacing is 0 x 0 mm"),
    "pixels text": (every(PIXEL, "a\\b"), "PixelSpacing is 'a\\b'"),
    "pixels of one slice": (
        one(2, PIXEL, "2\\2"),
        "s2.dcm: PixelSpacing is 2 x 2, that of other slices 1 x 1",
    ),
    "positions missing": (every(POSITION, None), "no ImagePositionPatient"),
    "position of one missing": (one(3, POSITION, None), "s3.dcm: no ImagePositionPatient"),
    "rescale missing": (every(INTERCEPT, None), "no RescaleIntercept", "no Hounsfield units"),
    "rescale of one missing": (one(6, INTERCEPT, None), "s6.dcm: no RescaleIntercept"),
    "slope missing": (every(SLOPE, None), "no RescaleSlope"),
    "slope zero": (every(SLOPE, "0"), "RescaleSlope is 0"),
    "thickness missing": (every(THICKNESS, None), "set read.thickness in mm"),
    "thickness negative": (every(THICKNESS, "-5"), "SliceThickness is -5 mm"),
    "thickness zero": (every(THICKNESS, "0"), "SliceThickness is 0 mm"),
    "thickness varies": (one(0, THICKNESS, "2"), "s0.dcm: SliceThickness is 2, that of other slices 5"),
    "sizes differ": (one(7, ROWS, 8, "US"), "s7.dcm: size is 8 x 16"),
    "a bomb": (
        {n: {ROWS: ("US", 65000), (0x28, 0x11): ("US", 65000)} for n in range(8)},
        "bytes cannot hold",
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_what_a_header_lacks_is_not_guessed(tmp_path, name):
    change, *words = SERIES[name]
    said(lambda: read_series(write_series(tmp_path / "a", change)), str(tmp_path / "a"), *words)


def test_a_good_series_is_read_and_a_given_thickness_counts(tmp_path):
    volume, affine, thickness = read_series(write_series(tmp_path / "a"))
    assert volume.shape == (16, 16, 8) and thickness == 5 and volume.min() >= -124 and volume.max() < 176
    assert np.linalg.norm(affine[:3, :3], axis=0) == pytest.approx([1, 1, 2.5])
    bare = write_series(tmp_path / "bare", every(THICKNESS, None))
    assert read_series(bare, 4.0)[2] == 4.0
    shuffled = write_series(tmp_path / "b")
    for old, new in (("s0", "z"), ("s5", "a")):
        (shuffled / f"{old}.dcm").rename(shuffled / f"{new}.dcm")
    assert np.array_equal(read_series(shuffled)[0], volume), "the order is that of positions"


@pytest.mark.parametrize(
    ("name", "breaks"),
    [
        ("zero bytes", lambda data: b""),
        ("cut in the header", lambda data: data[:300]),
        ("cut in the pixels", lambda data: data[:-200]),
        ("noise", lambda data: bytes(range(256)) * 3),
    ],
)
@pytest.mark.parametrize("slice_", [0, 3])
def test_a_broken_slice_is_named_and_the_stack_does_not_close_over_it(tmp_path, name, breaks, slice_):
    folder = write_series(tmp_path / "a")
    file = folder / f"s{slice_}.dcm"
    file.write_bytes(breaks(file.read_bytes()))
    said(lambda: read_series(folder), "s0.dcm" if slice_ == 0 else "s3.dcm")


def test_one_slice_is_no_volume_and_notes_beside_slices_are_let_be(tmp_path):
    said(lambda: read_series(write_series(tmp_path / "one", slices=1)), "holds one slice")
    folder = write_series(tmp_path / "a")
    (folder / "readme.txt").write_text("from the archive")
    assert read_series(folder)[0].shape == (16, 16, 8)


def test_damaged_slices_are_one_line(tmp_path):
    folder = write_series(tmp_path / "a")
    good = (folder / "s3.dcm").read_bytes()

    def read(data):
        (folder / "s3.dcm").write_bytes(data)
        return read_series(folder)

    # noise in the pixels cannot be known; the header is most of the file
    assert reads_or_says(read, damaged(good, 60)) < 45


def test_keys_of_stacks(tmp_path):
    folder = write_series(tmp_path / "a")

    def pack(**read):
        return lambda: form.pack({"read": {"volumes": {"a": "a"}, **read}}, tmp_path, tmp_path / "out", "c")

    for read, *words in (
        ({"acquisitions": {"b": [[5, 1]]}}, "acquisitions names 'b'"),
        ({"pixel": 0}, "read.pixel' is 0"),
        ({"pixel": -2}, "read.pixel' is -2"),
        ({"pixel": "wide"}, "read.pixel' is 'wide'"),
        ({"pixel": float("nan")}, "read.pixel"),
        ({"pixel": 0.0001}, str(folder), "raise it to 0.25"),
        ({"thickness": float("nan")}, "read.thickness"),
        ({"thickness": -5}, "read.thickness' is -5"),
        ({"acquisitions": [5, 2.5]}, "read.acquisitions"),
        ({"acquisitions": [[5]]}, "read.acquisitions"),
        ({"acquisitions": [[float("nan"), 1]]}, "read.acquisitions"),
        ({"acquisitions": [[-5, 1]]}, "read.acquisitions"),
        ({"acquisitions": [[5, 5]]}, "the second smaller"),
        ({"acquisitions": [[500, 1]], "pixel": 2.5}, str(folder), "read.acquisitions has [500, 1]"),
        ({"volumes": ["a"]}, "read.volumes"),
        ({"volumes": {"../../evil": "a"}}, "read.volumes", "the name of a file"),
        ({"volumes": {"x/y": "a"}}, "read.volumes", "the name of a file"),
    ):
        said(pack(**read), *words)
        assert not (tmp_path / "out").exists()
    pack(thickness=5.0)()
    assert open_stacks(tmp_path / "out").volumes[0].stacks[0].thickness == 5


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("between 0 and 1", lambda hu: (hu + 1000) / 2000, "no Hounsfield units of a body"),
        ("bytes in the wrong order", lambda hu: hu.astype(np.int16).byteswap(), "no Hounsfield units;"),
        ("a slope of 1e9", lambda hu: hu * 1e9, "no Hounsfield units;"),
    ],
)
def test_what_cannot_be_hounsfield_units_is_refused(tmp_path, name, values, says):
    hu = np.random.default_rng(0).normal(-200, 300, (12, 12, 12)).clip(-1000, 1000)
    write_volume(tmp_path / "a.nii.gz", values(hu), np.diag([2.0, 2, 2, 1]))
    config = {"read": {"volumes": {"a": "a.nii.gz"}}}
    said(lambda: form.pack(config, tmp_path, tmp_path / "out", "c"), "a.nii.gz", says)


def test_the_bytes_of_the_tests_are_dicom():
    assert slice_bytes(tags_of(0, 1, 1), np.zeros((16, 16)))[128:132] == b"DICM"
