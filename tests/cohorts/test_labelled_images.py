"""MedMNIST's archives and the stand-ins in their layout: from empty trees, small files, damaged files."""

from pathlib import Path

import numpy as np
import pytest

from mlmi2023.cohorts.forms.labelled_images import form
from mlmi2023.cohorts.forms.labelled_images.reader import open_labelled_images
from mlmi2023.cohorts.sources.simulators.thumbnails import cells, lungs
from mlmi2023.cohorts.sources.simulators.thumbnails.cohort import simulate
from mlmi2023.core.errors import InputError
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from unoranic_data import archive

ROOT = Path(__file__).parents[2]
SETS = {"blood": (3, 8), "breast": (1, 2), "derma": (3, 7), "pneumonia": (1, 2), "retina": (3, 5)}


def setup(dataset, **change):
    """Return the configuration of a cohort of MedMNIST, with its layout."""
    own = read_yaml(ROOT / f"config/cohorts/{dataset}_mnist.yaml")["paper"]
    return merge({**own, "layout": read_yaml(ROOT / "resources/datasets/medmnist.yaml")}, change)


@pytest.mark.parametrize("dataset", SETS)
def test_an_empty_tree_is_found(tmp_path, dataset):
    (tmp_path / f"{dataset}mnist.npz").touch()
    assert [file.is_file() for file in form.raw_files(setup(dataset), tmp_path)] == [True]


@pytest.mark.parametrize("dataset", SETS)
def test_archives_in_grey_and_in_colour(tmp_path, dataset):
    channels, classes = SETS[dataset]
    counts = {"train": 9, "val": 8, "test": 10}
    rng, arrays = np.random.default_rng(0), {}
    for split, count in counts.items():
        shape = (count, 28, 28, 3) if channels == 3 else (count, 28, 28)
        arrays[f"{split}_images"] = rng.integers(0, 255, shape).astype(np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % classes)[:, None].astype(np.uint8)
    np.savez_compressed(tmp_path / f"{dataset}mnist.npz", **arrays)
    form.pack(setup(dataset), tmp_path, tmp_path / "packed", dataset)
    own = open_labelled_images(tmp_path / "packed")
    assert own.images.shape == (27, 28, 28, channels) and len(own.classes) == classes
    for split, count in counts.items():
        rows = own.rows(split)
        assert len(rows) == count and (own.labels[rows] == arrays[f"{split}_labels"][:, 0]).all()
        assert (own.images[rows].reshape(arrays[f"{split}_images"].shape) == arrays[f"{split}_images"]).all()
    assert len(list(form.looks(tmp_path / "packed"))) == 27
    form.draw_samples(tmp_path / "packed", tmp_path / "samples.png")
    assert (tmp_path / "samples.png").stat().st_size > 1000


FOLDER = {"kind": "folder", "form": "labelled_images", "read": {"classes": ["left", "middle", "right"]}}


def spoilt(place, **arrays):
    archive(place / "images.npz")
    with np.load(place / "images.npz") as content:
        whole = {**content, **arrays}
    np.savez(place / "images.npz", **{name: array for name, array in whole.items() if array is not None})
    return place


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"val_labels": None}, "has no array 'val_labels'"),
        ({"test_images": np.zeros((9, 28, 28, 3))}, "test_images has the shape .* of float64"),
        ({"test_images": np.zeros((9, 32, 32, 3), np.uint8)}, "differ in size or channels"),
        ({"train_labels": np.zeros((4, 1), np.uint8)}, "a whole number for each of the 24 images"),
        ({"train_labels": np.full((24, 1), 3, np.uint8)}, "'read.classes' names 0 to 2"),
        ({"train_labels": np.zeros((24, 1))}, "train_labels has the shape .* of float64"),
    ],
)
def test_damaged_archives_are_one_line(tmp_path, arrays, line):
    with pytest.raises(InputError, match=line) as found:
        form.pack(FOLDER, spoilt(tmp_path, **arrays), tmp_path / "packed", "own")
    assert "\n" not in str(found.value)


def test_what_is_no_archive_is_said(tmp_path):
    (tmp_path / "images.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"cannot be read as \.npz"):
        form.pack(FOLDER, tmp_path, tmp_path / "packed", "own")
    for read, line in (
        ({"classes": ["a"]}, "two or more"),
        ({"classes": ["a", "a"]}, "a name twice"),
        ({"clases": ["a", "b"]}, "clases"),
    ):
        with pytest.raises(InputError, match=line):
            form.raw_files({**FOLDER, "read": read}, tmp_path)


def standin(name, **change):
    parts = read_yaml(ROOT / f"config/cohorts/thumbnail_{name}.yaml")
    return merge(merge(parts["all"], {"subjects": {"train": 24, "val": 8, "test": 8}}), change)


@pytest.mark.parametrize(("name", "scene", "channels"), [("cells", cells, 3), ("lungs", lungs, 1)])
def test_stand_ins_have_all_classes_and_the_same_bytes(tmp_path, name, scene, channels):
    config = standin(name)
    for place, threads in (("one", 1), ("two", 2)):
        (tmp_path / place).mkdir()
        simulate(config, tmp_path / place, threads)
        form.pack(config, tmp_path / place, tmp_path / f"packed_{place}", name)
    one, two = (open_labelled_images(tmp_path / f"packed_{place}") for place in ("one", "two"))
    assert one.content_hash == two.content_hash and one.images.shape == (40, 28, 28, channels)
    assert len(one.classes) == len(scene.SHAPES)
    assert set(np.bincount(one.labels[one.rows("train")])) == {24 // len(one.classes)}


def test_brightness_says_little_of_the_class(tmp_path):
    for name in ("cells", "lungs"):
        config = standin(name, subjects={"train": 160, "val": 8, "test": 8})
        (tmp_path / name).mkdir()
        simulate(config, tmp_path / name)
        with np.load(tmp_path / name / "images.npz") as content:
            mean = content["train_images"].reshape(160, -1).mean(1)
            labels = content["train_labels"][:, 0]
        within = np.mean([mean[labels == k].var() for k in np.unique(labels)])
        assert within > 0.75 * mean.var()


def test_wrong_options_are_one_line(tmp_path):
    for change, line in (
        ({"scene": "cell"}, "scene"),
        ({"noise": [0.2, 0.1]}, "lower and an upper"),
        ({"size": 8}, "16 to 512"),
        ({"lungs": {"count": [0, 2]}}, "starts below 1"),
        ({"cells": {"neighbours": [0.5, 2]}}, "no whole numbers"),
    ):
        with pytest.raises(InputError, match=line):
            simulate(standin("lungs", options=change), tmp_path)
