"""Training pairs: whose slices, how degraded, which way turned; and the loss of Eq. 1."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from mlmi2023.cohorts.forms.ct_stacks.reader import open_stacks
from mlmi2023.core.errors import InputError
from mlmi2023.papers.sr4zct.data import (
    OffAxisPairs,
    build_pairs,
    images_of,
    quarter_turn,
    scaled,
    upscaled,
    volume_of,
)
from mlmi2023.papers.sr4zct.members import members
from mlmi2023.papers.sr4zct.operators import degradation, upscaling
from mlmi2023.papers.sr4zct.train import plan
from sr4zct_data import OTHERS, OWN, TASK, job, packed_cohort

COHORT = open_stacks(packed_cohort())
MIDDLE = torch.full((1, 2), 0.5)


def test_only_the_scan_s_own_slices_are_learned_from():
    found = members(job(), COHORT)
    pairs = build_pairs(job(), COHORT, found)
    assert len(found) == 9  # three volumes are tested, three scans each
    for number, member in enumerate(found):
        slices = scaled(member.stack.array(), TASK).half()
        used = pairs.targets[torch.unique(pairs.entries[number] // 2)]
        assert torch.equal(used, slices), "all slices of the thick scan, and none of the reference"
        assert {int(e) % 2 for e in pairs.entries[number]} == {0, 1}


def test_a_pair_is_degraded_along_one_axis_and_turned_with_its_target():
    options = {**OWN, "settings": [[5, 2]]}
    [member, *_] = members(job(options=options), COHORT)
    pairs = build_pairs(job(options=options), COHORT, [member])
    operator = degradation(OWN["degrade"], 32, 1.0, 5.0, 2.0)
    for draw in (6, 7):
        degraded, target = pairs(torch.tensor([draw]), MIDDLE)
        image = pairs.targets[3].float()
        along_rows = operator(image, 0)
        if draw % 2:
            assert torch.equal(target[0, 0], torch.rot90(image)), "the horizontal pair is turned"
            along_rows = torch.rot90(operator(image, 1))
        else:
            assert torch.equal(target[0, 0], image)
        assert torch.allclose(degraded[0, 0], along_rows, atol=1e-5)
        # rows are blurred, columns are not
        change = (degraded - target)[0, 0]
        assert change.abs().max() > 0.05
        flat = torch.ones(32, 1) * torch.rand(1, 32)
        assert torch.allclose(operator(flat, 0), flat, atol=1e-6)


def test_training_images_look_like_the_through_plane_images():
    """The degraded reference, had one it, is the interpolated scan: same blur, same places of rows."""
    for volume in COHORT.tested()[:2]:
        for stack in volume.stacks:
            reference = scaled(volume.reference(), TASK)
            seen = upscaled(stack, TASK)
            ours = degradation(OWN["degrade"], len(reference), 1.0, stack.thickness, stack.overlap)(
                reference, 0
            )
            inner = slice(6, -6)
            right = float((ours - seen)[inner].square().mean())
            # the scan integrates the continuous phantom and the operator a linear interpolant, so not equal
            assert 0 < right < 2e-4
            wrong = [
                degradation(OWN["degrade"], len(reference), 1.0, stack.thickness + d, stack.overlap + d)
                for d in (-1.5, 1.5)
            ]
            assert all(float((w(reference, 0) - seen)[inner].square().mean()) > right for w in wrong)
            shifted = torch.roll(ours, 1, 0)
            assert float((shifted - seen)[inner].square().mean()) > 5 * right


def test_smore_fits_one_overlap_and_not_another():
    volume = COHORT.tested()[0]
    reference = scaled(volume.reference(), TASK)
    inner = slice(6, -6)

    def error(stride, overlap):
        stack = next(s for s in volume.stacks if (s.thickness, s.overlap) == (5, overlap))
        operator = degradation(
            {"kind": "convolve", "width": 5, "stride": stride}, len(reference), 1.0, 5, overlap
        )
        return float((operator(reference, 0) - upscaled(stack, TASK))[inner].square().mean())

    assert error(3, 2) < error(2, 2)
    nothing = degradation({"kind": "convolve", "width": None, "stride": 2}, 40, 1.0, 5.2, 2)
    assert np.allclose(
        nothing.matrix, degradation({"kind": "convolve", "width": 5, "stride": 2}, 40, 1, 9, 0).matrix
    )
    with pytest.raises(InputError, match=r"degrade\.kind"):
        degradation({"kind": "fourier"}, 40, 1.0, 5, 2)


def test_the_loss_is_that_of_equation_1():
    module = plan(job()).module
    torch.manual_seed(0)
    with torch.no_grad():
        module.net.last.add_(0.1 * torch.randn_like(module.net.last))
    draw, spot = torch.tensor([0, 5]), torch.tensor([[0.5, 0.5], [0.1, 0.9]])
    found = module.losses(draw, spot)
    degraded, target = module.pairs(draw, spot)
    for m in range(len(found)):
        answer = module.net(degraded[m], member=m)
        assert found[m].item() == pytest.approx(float(((answer - target[m]) ** 2).mean()), rel=1e-5)
    module.log = lambda *args, **kwargs: None
    total = module.training_step({"draw": draw, "spot": spot}, 0)
    assert total.item() == pytest.approx(float(found.sum()), rel=1e-6)
    # an untrained network answers with its input: its loss is what the degradation costs
    fresh = plan(job()).module
    scale = fresh.net.scale
    degraded, target = fresh.pairs(draw, spot)
    same = (degraded - scale[:, 0, None, None, None]) / scale[:, 1, None, None, None]
    same = same * scale[:, 3, None, None, None] + scale[:, 2, None, None, None]
    assert torch.allclose(fresh.losses(draw, spot), (same - target).square().mean((1, 2, 3)), rtol=1e-4)


def test_supervised_learning_never_sees_the_test_volume():
    found = members(job(options=OTHERS), COHORT)
    pairs = build_pairs(job(options=OTHERS), COHORT, found)
    assert {m.view for m in found} == {"cor", "sag"}
    for number, member in enumerate(found):
        own = images_of(scaled(member.volume.reference(), TASK), member.view).half()
        entries = torch.unique(pairs.entries[number])
        learned = pairs.targets[entries][:, : own.shape[1], : own.shape[2]]
        apart = (learned.flatten(1)[:, None, ::7] - own.flatten(1)[None, :, ::7]).abs().amax(-1)
        assert (apart > 0).all(), "no image of the test volume among those learned from"
        assert len(learned) == 32 * len(COHORT.others(member.volume))
    one = next(n for n, m in enumerate(found) if m.view == "sag")
    inputs, targets = pairs(torch.tensor([0]), MIDDLE)
    volume = COHORT.others(found[one].volume)[0]
    stack = next(s for s in volume.stacks if s.thickness == found[one].stack.thickness)
    expected = images_of(upscaled(stack, TASK), "sag")[0, 4:36]
    assert torch.allclose(inputs[one, 0], expected, atol=1e-3)
    assert torch.allclose(
        targets[one, 0], images_of(scaled(volume.reference(), TASK), "sag")[0, 4:36], atol=1e-3
    )


def test_supervised_learning_is_watched_on_the_same_pairs_and_the_others_by_their_loss():
    made = plan(job(options=OTHERS))
    first, second = ([made.val[n] for n in range(len(made.val))] for _ in range(2))
    assert [p["draw"] for p in first] == [p["draw"] for p in second] and first[0]["draw"] == 0
    assert first[-1]["draw"] == len(made.module.pairs) - 1
    found = {}
    made.module.log = lambda name, value, **kwargs: found.update({name: float(value)})
    made.module.validation_step(default_collate(first), 0)
    # an untrained network answers with its input
    assert made.measure.name == "watched_loss" and made.measure.floor() > 0
    assert found["watched_loss"] > 0.5 * made.measure.floor()
    own = plan(job())
    assert own.val is None and own.measure.name == "train_loss"


def test_wrong_assumptions_are_all_but_the_right_one():
    options = {**OWN, "settings": [[5, 2.5]], "only_ordinary": True}
    options["assume"] = {"resolution": [-0.5, 0, 0.5], "overlap": [-0.5, 0, 0.5]}
    found = members(job(options=options), COHORT)
    assert len(found) == 2 * 8 and not any(m.right for m in found)
    pairs = build_pairs(job(options=options), COHORT, found)
    assert isinstance(pairs, OffAxisPairs)
    assert len({m.numpy().tobytes() for m in pairs.matrices[:8]}) == 8
    assert found[0].setting("cor") == (
        "assumed_overlap=2;assumed_resolution=4.5;overlap=2.5;resolution=5;view=cor"
    )


def test_images_of_a_view_and_back():
    volume = torch.rand(4, 5, 6)
    assert torch.equal(images_of(volume, "cor")[2], volume[:, 2]) and images_of(volume, "sag").shape == (
        6,
        4,
        5,
    )
    assert torch.equal(images_of(volume, "sag")[2], volume[:, :, 2])
    for view in ("cor", "sag"):
        assert torch.equal(volume_of(images_of(volume, view), view), volume)
    turned = quarter_turn(torch.arange(4.0).view(1, 2, 2))
    assert turned.tolist() == [[[1, 3], [0, 2]]]


def test_the_scan_is_read_where_its_slices_lie():
    stack = COHORT.tested()[0].stacks[2]
    ramp = torch.from_numpy(stack.centres())[:, None, None]
    rows = upscaling(stack)(ramp, 0)[:, 0, 0]
    assert torch.allclose(rows[4:-4], torch.arange(40.0, dtype=torch.float64)[4:-4] + 0.5)


def test_mistakes_are_one_line():
    with pytest.raises(InputError, match="choose self or others"):
        plan(job(options={**OWN, "source": "truth"}))
    with pytest.raises(InputError, match="choose msd, saint or rplhr"):
        plan(job(options={**OWN, "model": "unet"}))
    with pytest.raises(InputError, match="no volume has a scan"):
        plan(job(options={**OWN, "settings": [[9, 1]]}))
    lonely = dataclasses.replace(COHORT, volumes=COHORT.volumes[1:2])
    with pytest.raises(InputError, match="no volume but v02 has a reference"):
        build_pairs(job(options=OTHERS), lonely, members(job(options=OTHERS), lonely))
