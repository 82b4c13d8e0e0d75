"""Edges, GradCAM and masks: what is looked at is blanked, not what is left; colours and chances by hand."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn

from colonoscopy_aug_data import OPTIONS, job, packed
from mlmi2023.cohorts.forms.domain_images.reader import open_domain_images
from mlmi2023.core.errors import InputError
from mlmi2023.papers.colonoscopy_aug.edges import sobel
from mlmi2023.papers.colonoscopy_aug.frames import Drawn, Frames, view_of
from mlmi2023.papers.colonoscopy_aug.keeping import attended, keep_maps
from mlmi2023.papers.colonoscopy_aug.measures import attention_scores, overlap
from mlmi2023.papers.colonoscopy_aug.saliency import FILE, gradcam
from mlmi2023.papers.colonoscopy_aug.source import JITTER, MORE, MaskedFrames, jittered, normalised
from mlmi2023.training.data.augment2d import DRAWS, Augment2D


def test_edges_are_sobels():
    frames = torch.rand(2, 3, 9, 11)
    grey = np.tensordot(frames.numpy(), [0.299, 0.587, 0.114], axes=([1], [0]))
    expected = [np.hypot(*(ndimage.sobel(g, axis, mode="nearest") for axis in (0, 1))) / 8 for g in grey]
    found = sobel(frames)
    assert found.shape == frames.shape and torch.equal(found[:, 0], found[:, 2])
    assert np.allclose(found[:, 0].numpy(), np.stack(expected), atol=1e-5)
    assert sobel(torch.full((1, 3, 5, 5), 0.7)).max() < 1e-5


class Looker(nn.Module):
    """Counts edges: of two channels the first speaks for class 1, the second against it."""

    def __init__(self):
        super().__init__()
        self.layer4 = nn.Conv2d(3, 2, 4, 4, bias=False)
        self.fc = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.layer4.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 3, 4, 4))
            self.fc.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -0.5]]))

    def forward(self, x):
        return self.fc(torch.relu(self.layer4(x)).mean((2, 3)))


def test_gradcam_is_algorithm_1():
    torch.manual_seed(0)
    net, edges = Looker().eval(), torch.rand(3, 3, 16, 16)
    found, classes = gradcam(net, edges)
    assert classes.tolist() == [1, 1, 1]
    maps = net.layer4(edges).detach().requires_grad_()
    score = net.fc(torch.relu(maps).mean((2, 3)))[:, 1].sum()
    weights = torch.autograd.grad(score, maps)[0].mean((2, 3), keepdim=True)
    expected = torch.relu((weights * maps).sum(1)).detach()
    low, high = expected.amin((1, 2), keepdim=True), expected.amax((1, 2), keepdim=True)
    assert torch.allclose(found, (expected - low) / (high - low), atol=1e-5)
    assert (gradcam(net, torch.zeros(1, 3, 16, 16))[0] == 0).all(), "nothing to look at"


def test_it_looks_at_what_is_written_over_a_frame():
    frame = torch.full((1, 3, 32, 32), 0.3)
    frame[..., :8, 24:] = torch.rand(8, 8).round()  # a text in the corner
    look = attended(gradcam(Looker().eval(), sobel(frame))[0], (32, 32))[0]
    assert look[1:6, 26:31].all() and not look[12:].any() and not look[:, :20].any()


def saliency_folder(place, maps):
    place.mkdir()
    np.savez(place / FILE, maps=maps, classes=np.zeros(len(maps), int))
    return {"classifier": place}


def test_masks_blank_overlays_and_keep_tissue(tmp_path):
    cohort = open_domain_images(packed())
    over = np.asarray(cohort.maps["overlays"]) > 0
    used = saliency_folder(tmp_path / "c", over.astype(np.float32))
    found = {}
    for by in ("saliency", "inverted", "random", "overlay"):
        own = job("masked", used, method_options={**OPTIONS["masked"], "mask": {"by": by, "p": 0.5}})
        view = view_of(own, "training")
        rows = list(view.parts.train)
        found[by] = keep_maps(own, view, rows)
    # the classifier that looks at overlays alone
    shown = [row for row in rows if over[row].any()]
    assert shown and (found["saliency"][rows] == ~over[rows]).all()
    assert (found["inverted"][rows] == over[rows]).all()
    assert (found["overlay"] == found["saliency"]).all()
    area = [(m[shown] == 0).sum((1, 2)) for m in (found["random"], found["saliency"])]
    assert (area[0] == area[1]).all()
    assert all((found["random"][row] != found["saliency"][row]).any() for row in shown)
    others = [row for row in range(len(cohort)) if row not in rows]
    assert all((m[others] == 1).all() for m in found.values())
    assert keep_maps(job("unet"), view, rows) is None


def test_what_masks_need_is_said(tmp_path):
    own = job("masked")
    view = view_of(own, "training")
    with pytest.raises(InputError, match="name the one classifier"):
        keep_maps(own, view, [0])
    few = job("masked", saliency_folder(tmp_path / "c", np.zeros((3, 4, 4), np.float32)))
    with pytest.raises(InputError, match="has 3 maps, the cohort 24 frames"):
        keep_maps(few, view, [0])
    by = {**OPTIONS["masked"], "mask": {"by": "overlay", "p": 0.5}}
    bare = job("masked", task={**job().task, "overlays": None}, method_options=by)
    with pytest.raises(InputError, match=r"set task\.overlays"):
        keep_maps(bare, view, [0])


def source(p, per="batch", **more):
    images = np.full((4, 8, 8, 3), 200, np.uint8)
    masks, keep = np.zeros((4, 8, 8), np.uint8), np.ones((4, 8, 8), np.uint8)
    masks[:, :2], keep[:, :, :3] = 1, 0
    kind = {"augment": None, "jitter": {}, "mask": {"by": "saliency", "p": p, "per": per}, **more}
    return MaskedFrames(images, masks, keep, **kind)


def batch(*chances):
    draw = torch.full((len(chances), DRAWS + MORE), 0.5)
    draw[:, -1] = torch.tensor(chances)
    return {"row": torch.arange(len(chances)), "draw": draw}


def test_frames_are_masked_after_normalisation_and_never_in_tests():
    image, target = source(0.5)(batch(0.4), True)
    bright = normalised(torch.full((1, 3, 1, 1), 200 / 255))
    assert (image[..., :3] == 0).all() and torch.allclose(image[..., 3:], bright.expand(1, 3, 8, 5))
    assert target[0, 0, 0] == 1, "labels stay"
    assert torch.allclose(
        bright[0, :, 0, 0],
        (200 / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225]),
    )
    assert (source(0.5)(batch(0.6), True)[0] != 0).all() and (source(1.0)(batch(0.4), False)[0] != 0).all()
    assert (source(1.0, mask=None)(batch(0.0), True)[0] != 0).all()


def test_p_is_drawn_for_a_batch_or_for_each_frame():
    draws = batch(0.4, 0.6, 0.4, 0.6)
    masked = [(source(0.5, per)(draws, True)[0][:, 0, 0, 0] == 0).tolist() for per in ("batch", "sample")]
    assert masked == [[True] * 4, [True, False, True, False]]
    draws = torch.stack([Drawn([0])[0]["draw"] for _ in range(600)])
    assert 0.33 < (draws[:, -1] < 0.4).float().mean() < 0.47


def test_masks_move_with_their_frames():
    flip = Augment2D.from_config({"flip": [1.0, 0.0]})
    _, target, keep = source(1.0, augment=flip).taken(batch(0.0), True)
    assert (keep[0, 0, :, 5:] == 0).all() and (keep[0, 0, :, :5] == 1).all() and target[0, 0].all()
    # SDNet's frames are not masked themselves
    image, _ = source(1.0, symmetric=True)(batch(0.0), True)
    assert torch.allclose(image, torch.tensor(2 * 200 / 255 - 1))


def test_colours_change_by_their_share_alone():
    frames = torch.tensor([0.6, 0.4, 0.2]).view(1, 3, 1, 1).expand(1, 3, 2, 2).contiguous()
    draw = torch.full((1, 5), 0.5)
    draw[0, 0] = 0.0

    def changed(key, u, most=0.2):
        own = draw.clone()
        own[0, 1 + JITTER.index(key)] = u
        return jittered(frames, {"chance": 0.3, key: most}, own)[0, :, 0, 0]

    assert torch.allclose(changed("brightness", 1.0), torch.tensor([0.72, 0.48, 0.24]))
    assert torch.allclose(changed("contrast", 1.0), frames[0, :, 0, 0] * 1.2 - 0.2 * 0.437, atol=1e-3)
    grey = 0.299 * 0.6 + 0.587 * 0.4 + 0.114 * 0.2
    assert torch.allclose(changed("saturation", 0.0, 1.0), torch.full((3,), grey), atol=1e-6)
    third = changed("hue", 1.0, 1 / 3)
    assert torch.allclose(third, torch.tensor([0.2, 0.6, 0.4]), atol=1e-6), "a third of the circle"
    assert torch.equal(jittered(frames, {"chance": 0.3, "brightness": 0.2}, draw + 0.5), frames)


def test_labels_of_the_left_out_centre_are_not_seen():
    from mlmi2023.tasks.domains import HiddenLabelError

    for door, seen in (("training", "val"), ("truth", "test")):
        frames = Frames(job(), door)
        frames.truth(frames.rows(seen)[0])
        hidden = frames.rows("test" if door == "training" else "train")
        with pytest.raises(HiddenLabelError):
            frames.truth(hidden[0])
    with pytest.raises(HiddenLabelError):
        frames = Frames(job(), "testing")
        frames.truth(frames.rows("val")[0])


def test_scores_by_hand():
    truth, found, none = (np.zeros((4, 4), np.uint8) for _ in range(3))
    truth[:2, :2], found[:2, 1:3] = 1, 1
    assert overlap(found, truth) == {"dice": 0.5, "recall": 0.5, "accuracy": 0.75}
    empty = overlap(none, none)
    assert empty["dice"] == empty["accuracy"] == 1 and np.isnan(empty["recall"])
    assert overlap(found, none)["dice"] == 0
    look, polyp, over, view = (np.zeros((4, 4), bool) for _ in range(4))
    look[0], polyp[:, 0], over[0, :2], view[:, :3] = True, True, True, True
    scores = dict(attention_scores(look, polyp, over, view))
    assert scores == {
        "attended": 25,
        "polyp_attended": 25,
        "overlay_precision": 50,
        "overlay_recall": 100,
        "overlay_iou": 50,
        "overlay_share": 12.5,
        "off_tissue": 75,
    }
    assert set(dict(attention_scores(look, polyp, None, None))) == {"attended", "polyp_attended"}
