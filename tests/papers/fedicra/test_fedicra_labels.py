"""Weak labels: where they lie, what boxes know, and that rotation brings none in; simulated angiograms."""

import numpy as np
import pytest
import torch

from fedicra_data import job, packed
from mlmi2023.core.errors import InputError
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.options import WeakLabels
from mlmi2023.papers.fedicra.samples import data_of
from mlmi2023.papers.fedicra.weak import weak_label

KEYS = WeakLabels(point=1, line=2, jitter=4.0)


def disc(radius=20, cup=9, size=64, shape=2.0):
    y, x = np.mgrid[:size, :size]
    far = (np.abs(y - 30) ** shape + np.abs(x - 34) ** shape) ** (1 / shape)
    return (far < radius).astype(np.uint8) + (far < cup)


def label(form, mask, seed=0, keys=KEYS):
    return weak_label(mask, 2, form, keys, np.random.default_rng(seed))


@pytest.mark.parametrize("form", ["point", "scribble", "block"])
def test_labels_lie_in_their_class_and_each_class_has_some(form):
    mask = disc()
    for seed in range(5):
        found = label(form, mask, seed)
        assert set(np.unique(found)) == {0, 1, 2, 3}
        assert (found[found > 0] == mask[found > 0] + 1).all()
        assert (found > 0).mean() < 0.3
    assert not np.array_equal(label(form, mask, 0), label(form, mask, 1))
    assert np.array_equal(label(form, mask, 0), label(form, mask, 0))


def test_an_unsteady_hand_leaves_its_class_and_a_full_mask_has_all():
    mask = disc(cup=17)  # a rim of three pixels
    found = [label("noisy_scribble", mask, seed) for seed in range(5)]
    wrong = [float((one[one > 0] != mask[one > 0] + 1).mean()) for one in found]
    assert 0 < np.mean(wrong) < 0.5
    assert np.array_equal(label("full", mask), mask + 1)


@pytest.mark.parametrize("boxes", ["scribble", "block"])
def test_boxes_know_nothing_but_the_box(boxes):
    keys = WeakLabels(boxes=boxes, line=2)
    round_, square = disc(), disc(shape=8.0)
    assert not np.array_equal(round_, square)
    found = label("box", round_, keys=keys)
    assert np.array_equal(found, label("box", square, keys=keys))
    assert set(np.unique(found)) == {0, 1, 2, 3}
    # for what is round the drawn structures are right, and the background is outside of the outer box
    for value in (2, 3):
        assert (round_[found == value] == value - 1).mean() > 0.9
    rows, columns = np.nonzero(round_)
    y, x = np.nonzero(found == 1)
    outside = (y < rows.min()) | (y > rows.max()) | (x < columns.min()) | (x > columns.max())
    assert outside.all()


def test_an_image_without_structures_is_background():
    for form in ("point", "box", "scribble", "block"):
        assert set(np.unique(label(form, np.zeros((32, 32), np.uint8)))) <= {0, 1}


@pytest.fixture(scope="module")
def angiograms(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("angiograms"))


def test_zones_are_darker_than_what_surrounds_them(angiograms):
    cases = SiteImages(job(angiograms))
    for row in cases.rows("train"):
        image, zone = cases.pictures([row])[0, :, :, 0], cases.truth(row) > 0
        assert zone.any() and image[zone].mean() < 0.75 * image[~zone].mean()


def test_sites_have_their_own_images_forms_and_held_out_patients(angiograms):
    cases = SiteImages(job(angiograms))
    assert [len(own["train"]) for own in cases.parts.values()] == [5, 6, 4]
    rows = [row for own in cases.parts.values() for part in own.values() for row in part]
    assert len(rows) == len(set(rows)) == len(cases.cohort)
    for site, form in zip(cases.sites, ("point", "block", "scribble")):
        row = cases.parts[site]["train"][0]
        weak, truth = cases.labels(row), cases.truth(row)
        assert np.array_equal(weak, SiteImages(job(angiograms, seed=3)).labels(row))
        assert (weak[weak > 0] == truth[weak > 0] + 1).all(), form
        assert np.array_equal(cases.labels(row, full=True), truth + 1)


def test_what_rotation_brings_in_has_no_label(angiograms):
    cases = SiteImages(job(angiograms, task={"augment": {"rotate": 45, "border": "zeros"}}))
    data = data_of(cases, cases.parts["siteA"]["train"], full=True)
    draw = torch.rand(1, 12)
    draw[0, 5] = 0.99
    image, turned = data({"row": torch.tensor([0]), "draw": draw})
    assert float(image.max()) <= 1 and (turned == 0).any() and (turned[0, 0, 0] == 0)
    assert set(turned.unique().tolist()) == {0, 1, 2}


def test_mistakes_in_sites_are_one_line(angiograms):
    def sites(**own):
        return {
            "sites": {
                "siteA": {"train": ["siteA_train/*"], "test": ["siteA_test/*"], "label": "point", **own}
            }
        }

    for task, said in (
        (sites(train=["siteX/*"]), r"sites\.siteA\.train: no image fits 'siteX/\*'; names are such as"),
        (sites(test=["siteA_*"]), "is in siteA.train as well"),
        (sites(train=["siteA_train/o00001"]), "cannot both train and say"),
        ({"map": "mask"}, "map is 'mask'"),
        ({"structures": ["OD", "OC"]}, "structures names 2, the map has faz"),
    ):
        with pytest.raises(InputError, match=said):
            SiteImages(job(angiograms, task=task))
