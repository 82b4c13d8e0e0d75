"""Which images are registered to which, and how training gets at them."""

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.errors import InputError
from mlmi2023.fields.displacement import warp
from mlmi2023.tasks.registration.augment import smooth_field
from mlmi2023.tasks.registration.module import PairTraining
from mlmi2023.tasks.registration.pairs import Pair, held_out_pairs, name_pair, pairs
from mlmi2023.tasks.registration.volumes import Volumes, learning_pairs
from registration_data import SHAPE, make_warped

SPLITS = ["train", "atlas", "test", "test", "train", "test", "test"]
SUBJECTS = list("abcdefg")


def test_pairs_of_both_kinds():
    atlas = {"kind": "atlas_to_patient"}
    assert pairs(SUBJECTS, SPLITS, atlas, "test") == [(1, 2), (1, 3), (1, 5), (1, 6)]
    inter = {"kind": "inter_patient"}
    found = pairs(SUBJECTS, SPLITS, inter, "test")
    assert len(found) == len(set(found)) == 4 * 3
    assert all(m != f and SPLITS[m] == SPLITS[f] == "test" for m, f in found)
    assert pairs(SUBJECTS, SPLITS, inter, "val") == []
    # Learn2Reg names (fixed, moving) = (n, n + 1)
    consecutive = {**inter, "pairing": "consecutive"}
    assert pairs(SUBJECTS, SPLITS, consecutive, "test") == [(3, 2), (5, 3), (6, 5)]
    assert pairs(SUBJECTS, SPLITS, consecutive, "train") == [(0, 4), (4, 0)]


def test_a_limit_chooses_the_same_pairs_every_time():
    task = {"kind": "inter_patient", "max_pairs": 5}
    all_pairs = pairs(SUBJECTS, SPLITS, {"kind": "inter_patient"}, "test")
    found = pairs(SUBJECTS, SPLITS, task, "test")
    assert len(found) == 5
    assert found == [p for p in all_pairs if p in found] == pairs(SUBJECTS, SPLITS, task, "test")
    assert found != pairs(SUBJECTS, SPLITS, {**task, "pair_seed": 1}, "test")
    assert len(pairs(SUBJECTS, SPLITS, {**task, "max_pairs": {"test": 3}}, "test")) == 3
    assert len(pairs(SUBJECTS, SPLITS, {**task, "max_pairs": 1}, "train")) == 2


@pytest.mark.parametrize(
    ("task", "splits", "key"),
    [
        ({"kind": "atlas"}, SPLITS, "task.kind"),
        ({"kind": "inter_patient", "pairing": "all"}, SPLITS, "task.pairing"),
        ({"kind": "atlas_to_patient"}, ["test"] * 7, "atlas"),
        ({"kind": "atlas_to_patient"}, ["atlas"] * 7, "atlas"),
    ],
)
def test_wrong_tasks_are_named(task, splits, key):
    with pytest.raises(InputError, match=key):
        pairs(SUBJECTS, splits, task, "test")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return open_packed(make_warped(tmp_path_factory.mktemp("warped") / "packed")[0])


def test_pairs_are_named_by_their_subjects(packed):
    task = {"kind": "atlas_to_patient"}
    assert held_out_pairs(packed, task) == [Pair("a-to-d", 0, 3), Pair("a-to-e", 0, 4)]
    assert name_pair(packed, 4, 1).case == "e-to-b"
    with pytest.raises(InputError, match="no test pairs"):
        held_out_pairs(packed, {"kind": "inter_patient", "max_pairs": 0})
    train, val = learning_pairs(packed, {"kind": "inter_patient"}, {})
    assert [train[i] for i in range(len(train))] == [{"moving": 1, "fixed": 2}, {"moving": 2, "fixed": 1}]
    assert val is None


def test_images_and_maps_are_those_of_their_rows_and_sides(packed):
    volumes, cpu = Volumes(packed, "T1w", "T2w"), torch.device("cpu")
    moving, fixed = volumes.arrays(Pair("x", 1, 3))
    assert (moving == packed.images("T1w")[1]).all() and (fixed == packed.images("T2w")[3]).all()
    images, maps = (f([1, 2], [3, 4], cpu) for f in (volumes.images, volumes.maps))
    assert images[0].shape == maps[1].shape == (2, 1, *SHAPE)
    assert (images[0][0, 0].numpy() == moving).all() and (images[1][0, 0].numpy() == fixed).all()
    assert (maps[1][1, 0].numpy() == packed.labels[4]).all()
    lungs = Volumes(packed, "T1w", "T1w", roi=True)
    outside = np.asarray(packed.labels[1]) == 0
    image = lungs.arrays(Pair("x", 1, 3))[0]
    assert (image[outside] == 0).all() and (image[~outside] == moving[~outside]).all()
    assert (lungs.images([1], [3], cpu)[0][0, 0].numpy() == image).all()
    with pytest.raises(InputError, match="FLAIR"):
        Volumes(packed, "T1w", "FLAIR")


def training(packed, **task):
    task = {"moving": "T1w", "fixed": "T1w", "loss": {"similarity": "mse", "dice": 1.0}, **task}
    train = {"learning_rate": 0.1, "steps": 4}
    return PairTraining(torch.nn.Conv3d(2, 3, 1), packed, task, train, packed.label_names)


def test_images_and_maps_are_flipped_alike_and_differently_from_step_to_step(packed):
    module, rows = training(packed, augment="flips"), {"moving": [1], "fixed": [2]}
    plain = training(packed)
    images, maps = plain.drawn(rows)
    seen = set()
    torch.manual_seed(0)
    for _ in range(20):
        flipped = module.drawn(rows)
        found = [
            axes
            for axes in [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
            if all(torch.equal(a.flip(axes), b) for a, b in zip((*images, *maps), (*flipped[0], *flipped[1])))
        ]
        assert len(found) == 1
        seen.update(found)
    assert len(seen) > 4
    assert torch.equal(plain.drawn(rows)[0][0], images[0])
    with pytest.raises(InputError, match=r"task\.augment is 'flip'"):
        training(packed, augment="flip")


def test_validation_prefers_the_true_field_to_its_negative_and_to_swapped_axes(tmp_path):
    folder, fields = make_warped(tmp_path / "packed")
    packed = open_packed(folder)
    for supervised in (True, False):
        module = training(packed)
        rows = {"moving": [0], "fixed": [3]}
        images, maps = module.images_of(rows), module.maps_of(rows) if supervised else None
        u = torch.from_numpy(fields[3])[None]
        good, *bad = (module.objective.quality(v, images, maps) for v in (u, -u, u[:, [1, 0, 2]], 0 * u))
        assert good > max(bad)
        losses = [module.objective(v, images, maps, lambda field: 0 * field.sum()) for v in (u, -u)]
        assert losses[0] < losses[1]
    shifted = maps = module.maps_of(rows)
    shifted = maps[0], maps[1].roll(1, dims=2)
    assert module.objective.quality(u, images, shifted) < module.objective.quality(u, images, maps)


def test_the_rate_decays_as_a_polynomial(packed):
    made = training(packed).configure_optimizers()
    rates = [made["lr_scheduler"]["scheduler"].lr_lambdas[0](step) for step in range(5)]
    np.testing.assert_allclose(rates, (1 - np.arange(5) / 4) ** 0.9)
    assert made["optimizer"].defaults["amsgrad"] and made["lr_scheduler"]["interval"] == "step"


def test_the_fixed_image_is_bent_with_its_map_and_the_moving_one_mirrored_with_it(packed):
    rows, plain = {"moving": [1], "fixed": [2]}, training(packed)
    (moving, fixed), (moving_map, fixed_map) = plain.drawn(rows)
    module = training(packed, augment={"warp": 1.5, "cells": 2})
    torch.manual_seed(0)
    (same, bent), (same_map, bent_map) = module.drawn(rows)
    assert torch.equal(same, moving) and torch.equal(same_map, moving_map)
    assert not torch.equal(bent, fixed) and not torch.equal(bent_map, fixed_map)
    torch.manual_seed(0)
    field = smooth_field(fixed.shape, 1.5, 2)
    assert torch.equal(bent, warp(fixed, field)) and torch.equal(bent_map, warp(fixed_map, field, "nearest"))
    assert 0.3 < float(field.std()) < 3 and field[..., 1:].sub(field[..., :-1]).abs().max() < 3
    mirrored = training(packed, augment={"flip": [1, 0, 0]}).drawn(rows)
    assert torch.equal(mirrored[0][0], moving.flip(2)) and torch.equal(mirrored[1][1], fixed_map.flip(2))
    with pytest.raises(InputError, match=r"task\.augment\.wrap.*'warp'"):
        training(packed, augment={"wrap": 1.0})
