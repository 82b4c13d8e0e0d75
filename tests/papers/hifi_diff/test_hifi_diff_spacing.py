"""Where rows and thick slices lie, and the samples that are drawn of them."""

import numpy as np
import pytest
import torch

from hifi_diff_data import SHAPE, TASK, anatomy, job
from mlmi2023.core.errors import InputError
from mlmi2023.papers.hifi_diff.between import interpolate, nearest
from mlmi2023.papers.hifi_diff.samples import Blocks, Held, Pairs, padded, spread
from mlmi2023.papers.hifi_diff.spacing import thick_slices
from mlmi2023.papers.hifi_diff.volumes import Volumes

RAMP = torch.arange(60.0)[:, None, None].expand(60, 2, 2)


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("profile", [("box", 1.0), ("box", 0.0), ("fir", 9.0)])
def test_thick_slices_lie_where_rows_say(factor, profile):
    """A volume that rises row by row: whatever is averaged about a place, the mean is the place itself."""
    thick = thick_slices(60, factor, *profile)
    stack = thick.operator(RAMP, 0)
    inner = slice(2, -2)  # where a filter does not reach beyond the ends
    expected = thick.first + factor * torch.arange(thick.count).float()
    assert torch.allclose(stack[inner, 0, 0], expected[inner], atol=1e-4)
    filled = interpolate(stack[None], thick.places()[None])[0]
    rows = slice(3 * factor, -3 * factor)
    assert torch.allclose(filled[rows], RAMP[thick.covered][rows], atol=1e-4)
    assert thick.covered.stop - thick.covered.start == len(filled) == factor * (thick.count - 1)


def test_a_box_is_the_mean_of_its_rows():
    volume = torch.from_numpy(anatomy(1)[0])
    thick = thick_slices(len(volume), 3, "box", 1.0)
    one = thick.operator(volume, 0)[2]
    place = thick.first + 6
    # rows are joined by lines: within 1.5 rows either way the outer ones count by an eighth less
    weights = torch.tensor([0.125, 0.875, 1.0, 0.875, 0.125]) / 3
    assert torch.allclose(one, torch.tensordot(weights, volume[place - 2 : place + 3], 1), atol=1e-5)


def test_offsets_are_relative_to_the_spacing():
    before, offset = thick_slices(30, 4, "box", 1.0).pairs()
    assert before[:9].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert offset[:5].tolist() == [0, 0.25, 0.5, 0.75, 0]
    assert thick_slices(30, 4, "box", 1.0).between()[:5].tolist() == [False, True, True, True, False]


def test_the_nearest_slice_is_the_nearest():
    stack = torch.arange(4.0)[None, :, None, None].expand(1, 4, 2, 2)
    places = torch.tensor([[0.0, 0.5, 0.51, 2.4, 3.0]])
    assert nearest(stack, places)[0, :, 0, 0].tolist() == [0, 0, 1, 2, 3]


def test_volumes_too_short_are_one_line():
    with pytest.raises(InputError, match=r"task\.factors has 7, but 12 rows"):
        thick_slices(12, 7, "box", 1.0)


@pytest.mark.parametrize(("plane", "axis"), [("sagittal", 0), ("coronal", 1), ("axial", 2)])
def test_rows_run_along_the_thick_axis(plane, axis):
    volumes = Volumes(job(task={**TASK, "plane": plane, "factors": [2]}))
    whole = torch.from_numpy(anatomy(4)[0]).movedim(axis, 0)
    index = volumes.indices("test")[0]
    assert volumes.rows == SHAPE[axis] and torch.allclose(volumes.part(index), whole, atol=1e-3)
    assert torch.equal(volumes.part(index, slice(3, 5)), volumes.part(index)[3:5])


def test_labels_become_tissues_in_the_order_of_their_names():
    volumes, true = Volumes(job()), anatomy(0)[1]
    found = volumes.labels(0).numpy()
    assert (found[true == 2] == 1).all() and (found[(true == 1) | (true == 3)] == 2).all()
    assert (found[true == 0] == 0).all() and volumes.tissues == ["wm", "gm"]


def test_a_pair_holds_the_row_at_its_offset():
    volumes, seen = Volumes(job()), set()
    torch.manual_seed(0)
    samples = Pairs(volumes, [2, 3], halvings=2)
    stacks = {r: volumes.stack(1, r) for r in (2, 3)}
    for _ in range(30):
        sample = samples[1]
        assert sample["pair"].shape == (2, 12, 16) and sample["row"].shape == (1, 12, 16)
        found = [
            (r, i)
            for r, stack in stacks.items()
            for i in range(len(stack) - 1)
            if torch.allclose(sample["pair"][..., :14], stack[i : i + 2], atol=1e-5)
        ]
        assert len(found) == 1
        r, i = found[0]
        thick = volumes.thick(r)
        row = thick.first + i * r + round(float(sample["offset"]) * r)
        assert torch.equal(sample["row"][0, :, :14], volumes.part(1)[row])
        seen.add((r, round(float(sample["offset"]) * r)))
    assert seen == {(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)}


def test_a_block_holds_rows_at_their_places():
    volumes = Volumes(job())
    torch.manual_seed(1)
    blocks = Blocks(volumes, [3], slices=3, rows=None, crop=None, apart=True)[0]
    assert list(blocks) == ["3"] and blocks["3"]["places"].tolist() == pytest.approx(np.arange(6) / 3)
    straight = interpolate(blocks["3"]["stack"][None], blocks["3"]["places"][None])[0]
    error = (straight - blocks["3"]["truth"]).abs().mean()
    # rows one further on, or in the other order, fit worse
    assert error < (straight - blocks["3"]["truth"].roll(1, 0)).abs().mean()
    assert error < (straight - blocks["3"]["truth"].flip(0)).abs().mean()
    mixed = Blocks(volumes, [2, 3], slices=3, rows=4, crop=8)[0][""]
    assert mixed["stack"].shape == (3, 8, 8) and mixed["truth"].shape == (4, 8, 8)
    assert (mixed["places"].diff() > 0).all()
    with pytest.raises(InputError, match="do not fit factor 2"):
        Blocks(volumes, [2], slices=3, rows=5, crop=8)


def test_validation_rows_lie_in_no_thick_slice_s_place():
    volumes = Volumes(job())
    held = Held(volumes, [3, 4], 5)
    assert len(held) == 2 and all((one["rows"] % one["factor"] > 0).all() for one in held)
    assert torch.equal(held[1]["truth"], volumes.truth(3, 4)[held[1]["rows"]])
    assert spread(torch.tensor([True, False, True, True, True, True, True]), 3).tolist() == [2, 4, 6]
    assert padded(torch.ones(2, 5, 8), 2).shape == (2, 8, 8)
