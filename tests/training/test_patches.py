"""Patches cut on the device, and 3D augmentation."""

import numpy as np
import pytest
import torch

from mlmi2023.cohorts.formats.volumes import write_volume
from mlmi2023.cohorts.forms.scans.form import pack
from mlmi2023.cohorts.forms.scans.reader import open_scans
from mlmi2023.core.errors import InputError
from mlmi2023.training.data.augment3d import Augment3D
from mlmi2023.training.data.patches import DRAWS, DevicePatches, DrawnPatches


@pytest.fixture
def scans(tmp_path):
    rng = np.random.default_rng(0)
    for n, shape in ((1, (9, 8, 12)), (2, (7, 10, 5))):
        labels = np.zeros(shape, np.uint8)
        labels[1:3, 2:4, 1:3] = n
        write_volume(tmp_path / f"i{n}.nii.gz", rng.uniform(1, 99, shape), np.eye(4))
        write_volume(tmp_path / f"l{n}.nii.gz", labels, np.eye(4))
    group = {"image": "i{subject}.nii.gz", "labels": "l{subject}.nii.gz", "split": "train"}
    pack({"kind": "folder", "read": {"window": [0, 100], "groups": [group]}}, tmp_path, tmp_path / "o", "c")
    return open_scans(tmp_path / "o")


def test_patches_are_those_of_the_volumes_with_depth_first(scans):
    source = DevicePatches(scans, [0, 1], (4, 3, 5))
    corner = torch.tensor([[2, 1, 3], [1, 7, 0]])
    image, label = source({"row": torch.tensor([0, 1]), "corner": corner}, True)
    assert image.shape == (2, 1, 4, 3, 5) and label.shape == (2, 4, 3, 5)
    for k, row in enumerate((0, 1)):
        z, y, x = corner[k].tolist()
        box = np.s_[x : x + 5, y : y + 3, z : z + 4]
        for made, true in ((image[k, 0], scans.image(row)), (label[k], scans.labels(row))):
            assert np.array_equal(made.numpy(), true[box].transpose(2, 1, 0).astype(made.numpy().dtype))
    whole, labels = source.whole(1)
    assert whole.shape == (1, 1, 5, 10, 7)
    assert np.array_equal(labels[0].numpy(), scans.labels(1).transpose(2, 1, 0))


def test_a_patch_larger_than_the_scan_is_filled_with_zeros(scans):
    source = DevicePatches(scans, [1], (8, 10, 7))
    image, label = source.cut(torch.tensor([1]), torch.zeros(1, 3, dtype=torch.long))
    assert (image[0, 0, 5:] == 0).all() and (image[0, 0, :5] > 0).all() and (label[0, 5:] == 0).all()


@pytest.mark.parametrize("positive", [0.0, 0.5, 1.0])
def test_the_share_of_patches_on_labels_is_as_asked(scans, positive):
    torch.manual_seed(0)
    drawn = DrawnPatches(scans, [0, 1], (1, 1, 1), positive)
    source = DevicePatches(scans, [0, 1], (1, 1, 1))
    hits = 0
    for k in range(200):
        item = drawn[k % 2]
        hits += int(source.cut(item["row"][None], item["corner"][None])[1].item() > 0)
    assert abs(hits / 200 - positive) < 0.1
    assert item["draw"].shape == (DRAWS,)


def test_corners_stay_inside(scans):
    torch.manual_seed(0)
    drawn, side = DrawnPatches(scans, [0, 1], (4, 6, 6), 0.5), np.array([4, 6, 6])
    for k in range(100):
        item = drawn[k % 2]
        shape = np.array(scans.shapes[k % 2][::-1])
        corner = item["corner"].numpy()
        assert (corner >= 0).all() and (corner + side <= np.maximum(shape, side)).all()


def test_bad_settings_are_one_line(scans):
    with pytest.raises(InputError, match=r"train\.positive"):
        DrawnPatches(scans, [0], (2, 2, 2), 2.0)
    with pytest.raises(InputError, match=r"train\.patch"):
        DrawnPatches(scans, [0], (2, 2), 0.5)
    with pytest.raises(InputError, match="did you mean 'flip'"):
        Augment3D.from_config({"flpi": 0.5})


def draws(**own):
    draw = torch.full((1, DRAWS), 0.5)
    for place, value in own.items():
        draw[0, int(place[1:])] = value
    return draw


def test_image_and_labels_move_together():
    torch.manual_seed(0)
    label = torch.randint(1, 9, (1, 4, 6, 6), dtype=torch.uint8)
    image = label[:, None].float()
    flipped, own = Augment3D(flip=0.5)(image, label, draws(d0=0.1, d1=0.9, d2=0.9))
    assert torch.equal(own, label.flip(1)) and torch.equal(flipped[:, 0], own.float())
    turned, own = Augment3D(turn=1.0)(image, label, draws(d3=0.0, d4=0.4))
    assert torch.equal(own, torch.rot90(label, 2, (2, 3))) and torch.equal(turned[:, 0], own.float())
    same, own = Augment3D()(image, label, draws())
    assert torch.equal(same, image) and torch.equal(own, label)


def test_one_flip_of_all_axes_and_quarter_turns_in_each_plane():
    torch.manual_seed(0)
    label = torch.randint(1, 9, (1, 6, 6, 6), dtype=torch.uint8)
    image = label[:, None].float()
    flip = Augment3D(flip_all=0.5)
    for chance, expected in ((0.1, label.flip(1, 2, 3)), (0.9, label)):
        flipped, own = flip(image, label, draws(d13=chance))
        assert torch.equal(own, expected) and torch.equal(flipped[:, 0], own.float())
    # each plane has draws of its own: whether, and by how many quarters
    planes = {(2, 3): ("d3", "d4"), (1, 2): ("d14", "d15"), (1, 3): ("d16", "d17")}
    never = {whether: 0.9 for whether, _ in planes.values()}
    turn = Augment3D(turn=(0.5, 0.5, 0.5))
    for plane, (whether, how_far) in planes.items():
        for quarters, number in ((1, 0.1), (2, 0.5), (3, 0.9)):
            turned, own = turn(image, label, draws(**{**never, whether: 0.4, how_far: number}))
            assert torch.equal(own, torch.rot90(label, quarters, plane)), (plane, quarters)
            assert torch.equal(turned[:, 0], own.float())
    assert torch.equal(turn(image, label, draws(**never))[1], label)
    with pytest.raises(InputError, match=r"4 x 6 x 6 are not square in every plane"):
        turn(image[:, :, :4], label[:, :4], draws(d14=0.1))


def test_a_patch_is_turned_about_each_of_its_axes():
    # ten voxels from the middle along columns, rows, depth
    places = {"columns": (16, 16, 26), "rows": (16, 26, 16), "depth": (26, 16, 16)}
    for number, still in ((5, "depth"), (18, "rows"), (19, "columns")):
        angles = tuple(90.0 if still == axis else 0.0 for axis in ("depth", "rows", "columns"))
        for along, place in places.items():
            image = torch.zeros(1, 1, 33, 33, 33)
            image[0, 0][place] = 1.0
            moved, own = Augment3D(rotate=angles)(
                image, (image[:, 0] > 0).byte(), draws(**{f"d{number}": 1.0})
            )
            found = tuple(torch.nonzero(moved[0, 0] == moved.max())[0].tolist())
            assert (found == place) == (along == still), (still, along, found)
            assert sorted(abs(c - 16) for c in found) == [0, 0, 10] and own[0][found] == 1


def test_rotation_and_scale_move_a_point_where_they_should():
    image = torch.zeros(1, 1, 5, 33, 33)
    image[0, 0, 2, 16, 26] = 1.0  # ten columns right of the middle
    label = (image[:, 0] > 0).to(torch.uint8)
    for key in ("rotate", "scale"):
        options = {"rotate": 90.0} if key == "rotate" else {"scale": 0.5}
        moved, own = Augment3D(**options)(image, label, draws(d5=1.0, d6=0.5, d7=0.5, d8=1.0))
        place = torch.nonzero(moved[0, 0] == moved.max())[0].tolist()
        assert place[0] == 2
        assert place[1:] in ([[6, 16], [26, 16]] if key == "rotate" else [[16, 31]])
        assert own[0, place[0], place[1], place[2]] == 1


def test_intensity_leaves_the_outside_alone():
    image = torch.tensor([0.0, 1.0, 2.0]).reshape(1, 1, 1, 1, 3)
    changed, _ = Augment3D(gain=0.1, shift=0.2)(image, image[:, 0].to(torch.uint8), draws(d9=1.0, d11=1.0))
    assert torch.allclose(changed.flatten(), torch.tensor([0.0, 1.3, 2.4]))
