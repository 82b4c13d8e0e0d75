"""Labels and keys of the forms of labelled scans: wide labels are kept, mistakes are one clear line."""

import pickle

import numpy as np
import pytest

from bad_inputs import said
from ct_folder import ALIGNED, CT, GROUP, SHAPE, ct, make, pack, save
from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.cohorts.forms.aligned_scans import form as aligned
from mlmi2023.cohorts.forms.aligned_scans.keys import read_key as aligned_key
from mlmi2023.cohorts.forms.scans import form as scans
from mlmi2023.cohorts.forms.scans.keys import read_key
from mlmi2023.preprocessing.batch import step_options
from mlmi2023.tasks.registration.volumes import Volumes as Pairs
from mlmi2023.tasks.segmentation import Slices, Volumes
from segmentation_data import job


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path)


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


def test_a_pickle_holds_image_and_labels(folder):
    for n in range(3):
        hu, labels = ct(n)
        (folder / f"p{n}.pkl").write_bytes(pickle.dumps((hu, labels * (n != 1))))
    pattern = "p{subject}.pkl"
    cohort = pack(folder, groups=[{**GROUP, "image": pattern, "labels": pattern}])
    assert [int(cohort.labels(row).max()) for row in range(3)] == [2, 0, 2]


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
