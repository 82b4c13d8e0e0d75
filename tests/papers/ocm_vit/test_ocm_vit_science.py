"""Masks, losses, attention, thresholds and measures against values by hand or by others."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.papers.ocm_vit.classical import brighter, by_chan_vese, by_kmeans, by_otsu
from mlmi2023.papers.ocm_vit.clusters import brightest
from mlmi2023.papers.ocm_vit.dino import distillation
from mlmi2023.papers.ocm_vit.encoder_options import Stop, Vit
from mlmi2023.papers.ocm_vit.masking import block_masks, hidden_blocks, masked_l1, on_pixels
from mlmi2023.papers.ocm_vit.measures import dc_repo, hard_scores
from mlmi2023.papers.ocm_vit.picie import agreement, balanced, matched, view_losses
from mlmi2023.papers.ocm_vit.stego import (
    best_loss,
    centred,
    cluster_loss,
    correspondence,
    correspondence_loss,
)
from mlmi2023.papers.ocm_vit.stopping import StopRule
from mlmi2023.papers.ocm_vit.views import CROP, boxes, crops, lit
from mlmi2023.papers.ocm_vit.vit import cls_attention, encoder, masked_model, patch_features
from mlmi2023.papers.ocm_vit.weighting import normalised, otsu, segmented, upsampled, weighted


@pytest.mark.parametrize(
    ("ratio", "patches", "hidden"), [(0.5, 2, 8), (0.1, 1, 7), (0.3, 4, 2), (0.9, 2, 15)]
)
def test_blocks_are_hidden_by_their_share_rounded_up(ratio, patches, hidden):
    blocks = (8 // patches) ** 2
    assert hidden_blocks(blocks, ratio) == hidden
    noise = torch.rand(5, blocks)
    masks = block_masks(noise, (8, 8), ratio, patches)
    assert masks.shape == (5, 64) and (masks.sum(1) == hidden * patches**2).all()
    square = masks.unflatten(1, (8 // patches, patches, 8 // patches, patches))
    assert (square.float().mean((2, 4)) % 1 == 0).all(), "a block is hidden as a whole"
    first = square.permute(0, 1, 3, 2, 4).flatten(1, 2)[0, int(noise[0].argmin())]
    assert first.all(), "the lowest numbers"
    assert len({tuple(row.tolist()) for row in masks}) > 1, "each image has its own"
    with pytest.raises(InputError, match=r"mask\.patches is 3"):
        block_masks(torch.rand(1, 4), (8, 8), 0.5, 3)


def test_the_loss_sees_hidden_pixels_alone():
    torch.manual_seed(0)
    image, found = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    hidden = torch.zeros(2, 4, dtype=torch.bool)
    hidden[0, 1] = hidden[1, 2] = hidden[1, 3] = True
    pixels = on_pixels(hidden, (2, 2), 4)
    assert pixels.shape == (2, 1, 8, 8) and pixels[0, 0, :4, 4:].all() and pixels.sum() == 3 * 16
    by_hand = sum(
        (found[b, :, y, x] - image[b, :, y, x]).abs().sum()
        for b, y, x in (
            (0, slice(0, 4), slice(4, 8)),
            (1, slice(4, 8), slice(0, 4)),
            (1, slice(4, 8), slice(4, 8)),
        )
    ) / (3 * 16 * 3)
    assert float(masked_l1(found, image, pixels)) == pytest.approx(float(by_hand), abs=1e-6)
    other = torch.where(pixels, found, found + 5)
    assert torch.equal(masked_l1(other, image, pixels), masked_l1(found, image, pixels))
    assert masked_l1(torch.where(pixels, image + 0.25, found), image, pixels) == pytest.approx(0.25)


def test_the_loss_is_that_of_the_library():
    torch.manual_seed(1)
    net = masked_model(Vit(name="vit", width=8, layers=1, heads=2, mlp=16, patch=4), (16, 16)).eval()
    image = torch.rand(2, 3, 16, 16)
    hidden = block_masks(torch.rand(2, 4), (4, 4), 0.5, 2)
    found = net.decoder(patch_features(net.vit, image, hidden))
    theirs = net(image, bool_masked_pos=hidden)
    assert torch.allclose(found, theirs.reconstruction, atol=1e-6)
    assert float(masked_l1(found, image, on_pixels(hidden, (4, 4), 4))) == pytest.approx(
        float(theirs.loss), abs=1e-5
    )
    other = torch.where(on_pixels(hidden, (4, 4), 4), torch.rand(2, 3, 16, 16), image)
    assert torch.allclose(
        patch_features(net.vit, other, hidden), patch_features(net.vit, image, hidden), atol=1e-6
    )


def hand_made():
    """One block, one head of width 4; a patch of brightness b is b (1, -1, 0, 0)."""
    vit = encoder(Vit(name="vit", width=4, layers=1, heads=1, mlp=4, patch=2), (4, 4)).eval()
    with torch.no_grad():
        for p in vit.parameters():
            p.zero_()
        block = vit.layers[0]
        block.layernorm_before.weight.fill_(1)
        projection = vit.embeddings.patch_embeddings.projection.weight
        projection[0], projection[1] = 1 / 12, -1 / 12
        block.attention.q_proj.bias[0] = 2
        block.attention.k_proj.weight.copy_(torch.eye(4))
    return vit


def test_attention_of_a_transformer_made_by_hand():
    image = torch.full((1, 3, 4, 4), -0.5)
    image[:, :, 2:, :2] = 0.5
    found = cls_attention(hand_made(), image)
    assert found.shape == (1, 1, 2, 2)
    # behind the norm a bright patch is (s, -s, 0, 0) with s the root of 2, a dark one its negative, the class
    # token 0; the query is (2, 0, 0, 0), the scale one half
    bright, dark = math.exp(math.sqrt(2)), math.exp(-math.sqrt(2))
    total = 1 + bright + 3 * dark
    expected = torch.tensor([[dark, dark], [bright, dark]]) / total
    assert torch.allclose(found[0, 0], expected, atol=1e-3)


def test_attention_is_the_librarys_last():
    torch.manual_seed(2)
    vit = encoder(Vit(name="vit", width=12, layers=3, heads=3, mlp=16, patch=4), (16, 16)).eval()
    image = torch.rand(2, 3, 24, 24)  # position codes are stretched
    found = cls_attention(vit, image)
    vit.set_attn_implementation("eager")
    theirs = vit(image, output_attentions=True, interpolate_pos_encoding=True).attentions[-1]
    assert torch.allclose(found, theirs[:, :, 0, 1:].unflatten(2, (6, 6)), atol=1e-6)


def test_attention_weighs_the_image():
    heads = torch.tensor([[[0.0, 1.0], [0.0, 1.0]], [[0.0, 3.0], [0.0, 3.0]]])
    maps = upsampled(heads[None], (4, 4))
    assert torch.allclose(maps[0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0])), "bilinear, 0 to 1"
    assert (normalised(torch.full((1, 2, 2), 3.0)) == 0).all()
    image = np.full((4, 4), 204, np.uint8)
    look = maps[0].numpy()
    assert np.allclose(weighted(image, look, "product")[0], [0.0, 0.2, 0.6, 0.8])
    assert np.allclose(weighted(image, look, "blend")[0], 0.6 * 0.8 / 2 + 0.4 * look[0] / 2)
    assert np.allclose(weighted(image, look, "attention"), look)
    clutter = np.zeros((8, 8), np.uint8)
    clutter[1:3, 1:3] = clutter[5:7, 5:7] = 200
    found = segmented(clutter, torch.tensor([[[0.0, 0.0], [0.0, 1.0]]]), "product")
    assert found[5:7, 5:7].all() and not found[:4, :4].any(), (
        "what is as bright and not looked at is left out"
    )


def test_otsu_parts_two_levels():
    image = np.full((10, 10), 40, np.uint8)
    image[2:5, 2:5] = 180
    assert np.array_equal(otsu(image), (image == 180).astype(np.uint8))
    assert np.array_equal(by_otsu(image, {}), by_kmeans(image, {"kind": "kmeans"}))
    assert (
        not otsu(np.full((4, 4), 7, np.uint8)).any() and not by_kmeans(np.full((4, 4), 7, np.uint8), {}).any()
    )
    found = by_chan_vese(np.kron(image, np.ones((3, 3), np.uint8)), {"kind": "chan_vese"})
    assert found[9:12, 9:12].all() and found[20:].mean() < 0.1
    side = image == 40
    assert np.array_equal(brighter(image, side), image == 180), "the dark side is turned"
    assert not brighter(image, np.ones((10, 10), bool)).any()


def test_hard_dice_and_jaccard_belong_together():
    rng = np.random.default_rng(0)
    for _ in range(20):
        found, truth = rng.integers(0, 2, (2, 6, 6)).astype(np.uint8)
        scores = hard_scores(found, truth)
        assert (
            scores["ji"] == pytest.approx(scores["dc"] / (2 - scores["dc"])) and scores["ji"] <= scores["dc"]
        )
    found, truth = np.array([[1, 1, 0, 0]], np.uint8), np.array([[1, 0, 0, 1]], np.uint8)
    assert hard_scores(found, truth) == {"dc": 0.5, "ji": pytest.approx(1 / 3)}


def test_the_releases_dice_takes_the_sigmoid_of_masks():
    found, truth = np.array([[1, 1, 0, 0]], np.uint8), np.array([[1, 0, 0, 1]], np.uint8)
    one = 1 / (1 + math.exp(-1))
    assert dc_repo(found, truth) == pytest.approx((2 * (one + 0.5) + 1) / (2 * one + 2 * 0.5 + 2 + 1))
    logits = np.array([[8.0, -8.0, -8.0, 8.0]])
    assert dc_repo(logits, truth) == pytest.approx(1, abs=1e-3), "a sure network has its hard Dice"
    # a small structure, found without a mistake: Jaccard 1, and a Dice far below it
    whole = np.zeros((20, 20), np.uint8)
    whole[:2, :10] = 1
    assert hard_scores(whole, whole)["ji"] == 1 > 0.3 > dc_repo(whole, whole)


def test_pretraining_ends_when_the_loss_has_settled():
    rule = StopRule(Stop(rule="change", change=0.01, epochs=3))
    said = [rule.look(loss) for loss in (1.0, 0.5, 0.495, 0.499, 0.48, 0.475, 0.47, 0.472)]
    assert said == [False] * 7 + [True] and rule.stopped
    rule = StopRule(Stop(change=0.01, epochs=2))
    assert [rule.look(0.5, counts) for counts in (False, False, False, True, True)] == [False] * 4 + [True]
    again = StopRule(Stop(change=0.01, epochs=2))
    again.load_state_dict(rule.state_dict())
    assert again.stopped, "a run that was killed knows"
    best = StopRule(Stop(rule="improvement", change=0.01, epochs=2))
    assert [best.look(loss) for loss in (1.0, 0.9, 0.95, 0.8, 0.83, 0.81)] == [False] * 5 + [True]
    assert not StopRule(None).look(0.0) and not StopRule(None).stopped


def test_crops_lie_in_the_image_and_are_mirrored():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    draw = torch.full((1, CROP), 0.5)
    draw[:, 4:] = 0.9
    assert torch.allclose(crops(image, boxes(draw, (1.0, 1.0), 1.0), (4, 4)), image)
    draw[:, 4] = 0.1
    assert torch.allclose(crops(image, boxes(draw, (1.0, 1.0), 1.0), (4, 4)), image.flip(3))
    draw = torch.rand(200, CROP)
    maps = boxes(draw, (0.25, 0.5), 4 / 3)
    size = maps[:, [0, 1], [0, 1]].abs()
    assert (size + maps[:, :, 2].abs() <= 1 + 1e-6).all()
    assert float(size.prod(1).min()) >= 0.25 - 1e-5 and float(size.prod(1).max()) <= 0.5 + 1e-5
    ratio = size[:, 0] / size[:, 1]
    assert 0.75 - 1e-4 <= float(ratio.min()) < 0.9 and 1.1 < float(ratio.max()) <= 4 / 3 + 1e-4
    dim = lit(torch.full((1, 3, 2, 2), 0.4), torch.tensor([[0.0, 0.5]]), 0.5)
    assert torch.allclose(dim, torch.tensor(0.2)), "brightness"


def test_dino_compares_unlike_crops():
    torch.manual_seed(3)
    student, teacher, centre = (
        [torch.randn(2, 5) for _ in range(3)],
        [torch.randn(2, 5) for _ in range(2)],
        torch.randn(5),
    )
    terms = []
    for k in range(2):
        wanted = ((teacher[k] - centre) / 0.04).softmax(1)
        for n in range(3):
            if n != k:
                terms.append(F.cross_entropy(student[n] / 0.1, wanted))
    found = distillation(student, teacher, centre, (0.1, 0.04))
    assert float(found) == pytest.approx(float(torch.stack(terms).mean()), rel=1e-5)


def test_codes_follow_features():
    first, second = torch.eye(3)[None], torch.eye(3)[None]
    features = correspondence(first, second)
    assert torch.equal(features[0], torch.eye(3))
    assert torch.allclose(centred(features).mean((1, 2)), features.mean((1, 2))), "the mean of all stays"
    shift = 0.3
    like, unlike = torch.eye(3)[None], 1 - torch.eye(3)[None]
    loss = correspondence_loss(features, like, shift)
    assert float(loss) == pytest.approx(-(1 - shift) / 3), "rows have the same mean, so centring does nothing"
    assert loss < 0 < correspondence_loss(features, unlike, shift)
    assert torch.equal(correspondence_loss(features, -like, shift), torch.zeros(())), "codes are cut at 0"
    assert float(best_loss(features, shift)) == pytest.approx(float(loss))
    codes = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).view(1, 2, 1, 2)
    assert float(cluster_loss(codes, torch.eye(2))) == pytest.approx(-1)
    assert float(cluster_loss(codes, torch.tensor([[1.0, 1.0], [-1.0, -1.0]]))) == pytest.approx(
        -math.sqrt(0.5)
    )


def test_clusters_of_views_are_told_alike():
    likeness, labels = torch.randn(1, 2, 2, 2), torch.tensor([[[0, 0], [0, 1]]])
    terms = F.cross_entropy(likeness, labels, reduction="none").flatten()
    expected = (terms[:3].mean() + terms[3]) / 2
    assert float(balanced(likeness, labels)) == pytest.approx(float(expected), rel=1e-5)
    sure = 20 * F.one_hot(labels, 2).permute(0, 3, 1, 2).float()
    assert float(view_losses([[sure, sure], [sure, sure]], [labels, labels])) == pytest.approx(0, abs=1e-6)
    assert float(view_losses([[sure, sure], [sure, sure]], [labels, 1 - labels])) > 5, "views that disagree"
    first, second = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 0, 0])
    assert agreement(first, first, 2) == pytest.approx(1) == pytest.approx(agreement(first, second, 2))
    assert agreement(first, torch.tensor([0, 1, 0, 1]), 2) == pytest.approx(0, abs=1e-9)
    assert agreement(first * 0, first * 0, 2) == 0, "one cluster alone says nothing"
    centres = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.array_equal(matched(centres[::-1], centres), centres)


def test_the_brightest_cluster_is_meant():
    class Cases:
        together = 2

        def seen(self, rows):
            return np.stack([np.array([[10, 200], [20, 220]], np.uint8)] * len(rows))

        def prepare(self, image):
            return image

    for bright in (0, 1):
        above = (
            (lambda x: torch.cat([x, 255 - x], 1)) if bright == 0 else (lambda x: torch.cat([255 - x, x], 1))
        )
        assert brightest(above, torch.device("cpu"), Cases(), [0, 1, 2], 2) == bright
