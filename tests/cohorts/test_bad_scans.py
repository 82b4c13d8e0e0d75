"""Bad volumes and bad keys of the forms of labelled scans: one clear line each, or rightly taken."""

import gzip
import pickle
import warnings

import nibabel as nib
import numpy as np
import pytest

from bad_inputs import damaged, reads_or_says, said
from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms.aligned_scans import form as aligned
from mlmi2023.cohorts.forms.aligned_scans.keys import read_key as aligned_key
from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.cohorts.forms.scans.keys import read_key
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.preprocessing.batch import step_options
from mlmi2023.tasks.registration.volumes import Volumes as Pairs
from mlmi2023.tasks.segmentation import Slices, Volumes
from segmentation_data import job

SHAPE, AFFINE = (12, 14, 10), np.diag([2.0, 2.0, 4.0, 1.0])
GROUP = {
    "image": "s{subject}.nii.gz",
    "labels": "l{subject}.nii.gz",
    "split": {"train": 1, "val": 1, "test": 1},
}
CT = {"window": [-200, 300], "groups": [GROUP]}
ALIGNED = {**CT, "spacing": [2.0, 2.0, 4.0], "shape": list(SHAPE), "align": False}


def ct(seed=0):
    """Air around a body, in Hounsfield units, and two organs."""
    draw = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.int16)
    labels[3:6, 4:9, 2:8], labels[7:10, 4:9, 2:8] = 1, 2
    body = np.zeros(SHAPE, bool)
    body[2:11, 2:12] = True
    hu = np.where(labels > 0, 60.0 * labels, np.where(body, -80.0, -1000.0)) + draw.normal(0, 10, SHAPE)
    return hu.astype(np.float32), labels


def save(path, array, affine=AFFINE, change=None):
    image = nib.Nifti1Image(array, affine)
    if change:
        change(image.header)
    image.to_filename(path)
    return path


@pytest.fixture
def folder(tmp_path):
    for n in range(3):
        hu, labels = ct(n)
        save(tmp_path / f"s{n}.nii.gz", hu)
        save(tmp_path / f"l{n}.nii.gz", labels)
    return tmp_path


def pack(folder, form=scans, **read):
    base = CT if form is scans else ALIGNED
    form.pack({"kind": "folder", "read": {**base, **read}}, folder, folder / "out", "mine")
    return (open_scans if form is scans else open_packed)(folder / "out")


# --- labels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [scans, aligned])
@pytest.mark.parametrize(
    ("times", "kind"), [(1, np.uint8), (127, np.uint8), (128, np.int16), (1017, np.int16), (20000, np.int32)]
)
def test_labels_keep_their_values_in_the_smallest_type(folder, form, times, kind):
    # one scan alone has the large ones, as a cohort's maps may come in several types
    save(folder / "l1.nii.gz", ct(1)[1].astype(np.int32) * times)
    cohort = pack(folder, form)
    found = [np.asarray(cohort.labels(row) if form is scans else cohort.labels[row]) for row in range(3)]
    assert [np.unique(own).tolist() for own in found] == [[0, 1, 2], [0, times, 2 * times], [0, 1, 2]]
    assert {own.dtype for own in found} == {np.dtype(kind)}
    assert sorted(cohort.label_names) == sorted({1, 2, times, 2 * times})
    assert not list((folder / "out").glob("*.raw"))


@pytest.mark.parametrize("form", [scans, aligned])
def test_kept_labels_may_be_renumbered(folder, form):
    for n in range(3):
        save(folder / f"l{n}.nii.gz", ct(n)[1].astype(np.int32) * 1001)
    cohort = pack(folder, form, labels_kept={1001: 4, 2002: 7})
    labels = np.asarray(cohort.labels(0) if form is scans else cohort.labels[0])
    assert labels.dtype == np.uint8 and np.unique(labels).tolist() == [0, 4, 7]
    if form is scans:
        assert np.array_equal(labels == 7, ct(0)[1] == 2)


def test_wide_labels_are_segmented_by_slices_and_refused_where_values_are_classes(folder):
    for n in range(3):
        save(folder / f"l{n}.nii.gz", ct(n)[1].astype(np.int32) * 1017)
    pack(folder)
    said(lambda: Volumes(job(folder / "out")), "cohort 'mine' has label 2034", "read.labels_kept")
    cases = Slices(job(folder / "out", task={"organs": {"second": 2034}}))
    assert np.array_equal(cases.truth(1), ct(1)[1].transpose(2, 1, 0) == 2)


def test_labels_that_registration_cannot_hold_are_refused(folder):
    for n in range(3):
        save(folder / f"l{n}.nii.gz", ct(n)[1].astype(np.int32) * 17000)
    cohort = pack(folder, aligned)
    said(lambda: Pairs(cohort, "CT", "CT"), "cohort 'mine' has label 34000", "read.labels_kept")
    Pairs(pack(folder, aligned, labels_kept={17000: 1, 34000: 2}), "CT", "CT")


def test_empty_maps_are_cases_in_any_container(folder):
    save(folder / "l1.nii.gz", np.zeros((*SHAPE, 1), np.uint8))
    assert pack(folder).labels(1).max() == 0
    path = folder / "p.pkl"
    path.write_bytes(pickle.dumps((ct()[0], np.zeros(SHAPE, np.int16))))
    labels, place = read_labels(path, empty=True)
    assert not labels.any() and np.array_equal(place, read_volume(path)[1])
    said(lambda: read_labels(path), "p.pkl", "0 everywhere")


# --- keys: refused when the workflow loads ----------------------------------------------------------

CASES = [  # form, keys, words of the line
    ("scans", {"window": [300, -200]}, ["read.window'", "first must be below"]),
    ("scans", {"window": [100, 100]}, ["read.window'", "first must be below"]),
    ("scans", {"window": [float("nan"), 100]}, ["read.window.0'", "finite"]),
    ("scans", {"window": 100}, ["read.window'", "list of 2"]),
    ("scans", {"window": ["low", "high"]}, ["read.window.0'", "number"]),
    ("scans", {"spacing": [-1, 2, 2]}, ["read.spacing.0'", "between 0.01 and 100"]),
    ("scans", {"spacing": [0, 2, 2]}, ["read.spacing.0'", "between"]),
    ("scans", {"spacing": [float("nan"), 2, 2]}, ["read.spacing.0'", "finite"]),
    ("scans", {"spacing": 2}, ["read.spacing'", "list of 3"]),
    ("scans", {"spacing": [2, 2]}, ["read.spacing'", "list of 3"]),
    ("scans", {"spacing": [0.001, 0.001, 4]}, ["read.spacing.0'", "between"]),
    ("scans", {"labels_kept": "1"}, ["read.labels_kept'", "list"]),
    ("scans", {"labels_kept": ["1"]}, ["read.labels_kept.0'", "whole number"]),
    ("scans", {"labels_kept": {1: 0}}, ["read.labels_kept.1'", "at least 1"]),
    ("scans", {"modality": "../../evil"}, ["read.modality'", "letters, digits"]),
    ("scans", {"modality": ""}, ["read.modality'", "letters, digits"]),
    ("scans", {"modality": "labels"}, ["read.modality'", "rename"]),
    ("scans", {"groups": {"image": "a"}}, ["read.groups'", "list"]),
    ("scans", {"groups": [{**GROUP, "split": "trian"}]}, ["read.groups.0.split'", "did you mean 'train'"]),
    ("scans", {"groups": [{**GROUP, "split": {"trian": 2, "test": 1}}]}, ["split.trian'", "mean 'train'"]),
    (
        "scans",
        {"groups": [{**GROUP, "split": {"train": 0.8, "test": 0.2}}]},
        ["split.train'", "whole number"],
    ),
    ("scans", {"groups": [{**GROUP, "split": {"train": "rest", "test": "rest"}}]}, ["rest more than once"]),
    ("scans", {"groups": [{**GROUP, "labels": GROUP["image"]}]}, ["labels is", "name the label maps"]),
    (
        "scans",
        {"groups": [{"labels": "l{subject}", "images": {"../x": "s{subject}"}}]},
        ["images.../x'", "letters, digits"],
    ),
    ("aligned", {"modality": "labels"}, ["read.modality'", "rename"]),
    ("aligned", {"window": [float("nan"), 1]}, ["read.window.0'", "finite"]),
    ("aligned", {"window": [100, 100]}, ["read.window'", "below"]),
    ("aligned", {"shape": ["x", 8, 8]}, ["read.shape.0'", "whole number"]),
    ("aligned", {"shape": [100000, 8, 8]}, ["read.shape.0'", "2048"]),
    ("aligned", {"shape": [2048, 2048, 2048]}, ["read.shape'", "memory"]),
    ("aligned", {"align": "affine"}, ["read.align'", "keys"]),
    ("aligned", {"align": {"iterations": "many"}}, ["read.align.iterations'", "list"]),
    ("aligned", {"labels_kept": []}, ["read.labels_kept'", "empty"]),
]


@pytest.mark.parametrize(("form", "keys", "words"), CASES, ids=[f"{f}-{k}" for f, k, _ in CASES])
def test_keys_are_refused_before_any_file_is_read(form, keys, words):
    check, base = (read_key, CT) if form == "scans" else (aligned_key, ALIGNED)
    said(
        lambda: check({"read": {**base, **keys}}, "config of cohort 'mine'"),
        "config of cohort 'mine'",
        *words,
    )


@pytest.mark.parametrize("split", ["train", "test_b", "dev_in", "eval_out", "all", "eval", "site1", "val-2"])
def test_words_of_ones_own_are_splits(split):
    read_key({"read": {**CT, "groups": [{**GROUP, "split": {split: 1, "train": "rest"}}]}})


STEPS = [
    ("n4", {"iterations": [-5]}, ["n4.iterations.0'", "at least 0"]),
    ("n4", {"iterations": 50}, ["n4.iterations'", "list"]),
    ("n4", {"iterations": "many"}, ["n4.iterations'", "list"]),
    ("n4", {"shrink": 0}, ["n4.shrink'", "at least 1"]),
    ("n4", {"shrink": -1}, ["n4.shrink'", "at least 1"]),
    ("n4", {"tolerance": "small"}, ["n4.tolerance'", "number"]),
    ("grid", {"order": 2}, ["grid.order'", "1 or 3"]),
    ("grid", {"spacing": float("inf")}, ["grid.spacing'", "finite"]),
    ("grid", {"shape": [100000] * 3}, ["grid.shape.0'", "2048"]),
    ("grid", {"shape": [2048] * 3}, ["grid.shape'", "memory"]),
    ("grid", {"outside": "air"}, ["grid.outside'", "number"]),
    ("affine", {"iterations": [10], "shrink": [4, 2]}, ["preprocess.affine'", "one value per level"]),
]


@pytest.mark.parametrize(("step", "keys", "words"), STEPS, ids=[f"{s}-{k}" for s, k, _ in STEPS])
def test_options_of_steps_are_refused(step, keys, words):
    base = {"shape": [8, 8, 8], "spacing": 2.0} if step == "grid" else {}
    said(lambda: step_options(step, {**base, **keys}), "config of the cohort", *words)


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
    """Zeros that would unpack to 300 MB behind a header that promises 2000 voxels."""
    header = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), AFFINE).to_bytes()
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(header + bytes(3 * 10**8), 1))
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
