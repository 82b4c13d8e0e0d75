"""Objects, pasting, pseudo-labels, boundaries and losses against values worked out by hand; the network."""

import math

import pytest
import torch

from domain_mix_data import NET
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.nets import registry
from mlmi2023.papers.domain_mix.losses import StudentLoss, WhereLabelled, boundary_of
from mlmi2023.papers.domain_mix.mixing import object_mask, pasted
from mlmi2023.papers.domain_mix.model import joined
from mlmi2023.papers.domain_mix.options import MitFusion, Threshold
from mlmi2023.papers.domain_mix.pseudo import IGNORED, pseudo_labels, threshold_at

OWN = "mlmi2023.papers.domain_mix.networks"
LABEL = torch.tensor([[[0, 1, 1], [0, 1, 2], [IGNORED, 0, 0]]])


def build(**more):
    torch.manual_seed(0)
    return registry.build({**NET, **more}, 3, 3, (32, 32), OWN)


def test_a_disc_is_cut_out_with_its_cup_and_a_cup_alone():
    disc = object_mask(LABEL, torch.tensor([0.2]), 2, nested=True)
    cup = object_mask(LABEL, torch.tensor([0.7]), 2, nested=True)
    assert disc[0].int().tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]
    assert cup[0].int().tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    rim = object_mask(LABEL, torch.tensor([0.2]), 2, nested=False)
    assert rim[0].int().tolist() == [[0, 1, 1], [0, 1, 0], [0, 0, 0]]


def test_only_objects_that_are_there_are_drawn():
    label = torch.tensor([[[0, 2]], [[0, 0]], [[IGNORED, 0]]])
    for draw in (0.0, 0.5, 0.999):
        mask = object_mask(label, torch.full((3,), draw), 2, nested=False)
        assert mask.int().tolist() == [[[0, 1]], [[0, 0]], [[0, 0]]]
    with_both = torch.tensor([[[1, 2]]]).expand(1000, 1, 2)
    drawn = object_mask(with_both, torch.linspace(0, 0.9999, 1000), 2, nested=False)
    assert drawn.sum((0, 1)).tolist() == [500, 500]


def test_the_object_goes_from_the_first_image_onto_the_second():
    above = torch.full((1, 3, 3, 3), 7.0), LABEL
    below = torch.full((1, 3, 3, 3), -7.0), torch.full((1, 3, 3), 5)
    mask = object_mask(LABEL, torch.tensor([0.2]), 2, nested=True)
    image, label = pasted(mask, above, below)
    for y, x in ((0, 1), (0, 2), (1, 1), (1, 2)):
        assert (image[0, :, y, x] == 7).all() and label[0, y, x] == LABEL[0, y, x]
    assert int((image[0, 0] == -7).sum()) == int((label == 5).sum()) == 5


def test_the_threshold_rises_in_a_straight_line():
    keys = Threshold(start=0.5, end=0.9)
    assert [round(threshold_at(keys, step, 5), 6) for step in range(6)] == [0.5, 0.6, 0.7, 0.8, 0.9, 0.9]
    assert threshold_at(keys, 0, 1) == 0.5
    for wrong in ({"start": 0.4}, {"start": 0.9, "end": 0.8}):
        with pytest.raises(InputError, match=r"give 0\.5 <= start"):
            options(Threshold, wrong, "here")


def test_what_is_not_probable_enough_becomes_background_or_has_no_label():
    chances = torch.tensor([[0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.05, 0.05, 0.9], [0.4, 0.3, 0.3]])
    logits = chances.log().T[None, :, None]
    assert pseudo_labels(logits, 0.5)[0, 0].tolist() == [0, 1, 2, 0]
    assert pseudo_labels(logits, 0.7)[0, 0].tolist() == [0, 0, 2, 0]
    assert pseudo_labels(logits, 0.7, "ignore")[0, 0].tolist() == [0, IGNORED, 2, IGNORED]


def test_boundaries_lie_where_labels_meet_and_not_at_the_border():
    label = torch.zeros(1, 5, 6, dtype=torch.long)
    label[:, :, 3:] = 1
    assert boundary_of(label, 3)[0].tolist() == [[0, 0, 1, 1, 0, 0]] * 5
    assert boundary_of(label, 5)[0].tolist() == [[0, 1, 1, 1, 1, 0]] * 5
    label[:, :, 5] = 2
    assert boundary_of(label, 3)[0, 0].tolist() == [0, 0, 1, 1, 1, 1]
    label[:, 0, 0] = IGNORED
    assert boundary_of(label, 3)[0, :3, :3].tolist() == [
        [IGNORED, IGNORED, 1],
        [IGNORED, IGNORED, 1],
        [0, 0, 1],
    ]


def by_hand(chance, truth):
    """Dice loss of the structures of one image plus cross-entropy; lists of pixels, classes last."""
    classes = range(1, len(chance[0]))
    dice = []
    for k in classes:
        shared = sum(p[k] * (t == k) for p, t in zip(chance, truth))
        both = sum(p[k] for p in chance) + sum(t == k for t in truth)
        dice.append(1 - (2 * shared + 1e-5) / (both + 1e-5))
    return sum(dice) / len(dice) - sum(math.log(p[t]) for p, t in zip(chance, truth)) / len(truth)


def test_the_loss_is_dice_and_cross_entropy_of_labelled_pixels():
    chance = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.3, 0.3, 0.4]]
    logits = torch.tensor(chance).log().T[None].unflatten(2, (2, 2))
    loss = WhereLabelled(None)
    whole = torch.tensor([[[0, 1], [2, 1]]])
    assert float(loss(logits, whole)) == pytest.approx(by_hand(chance, [0, 1, 2, 1]), rel=1e-5)
    part = torch.tensor([[[0, IGNORED], [2, 1]]])
    rest = [chance[k] for k in (0, 2, 3)]
    assert float(loss(logits, part)) == pytest.approx(by_hand(rest, [0, 2, 1]), rel=1e-5)
    assert float(loss(logits, torch.full_like(part, IGNORED))) == 0


def test_the_branch_adds_the_loss_of_the_boundary_by_its_weight():
    torch.manual_seed(0)
    logits, edge = torch.randn(2, 3, 6, 6), torch.randn(2, 1, 6, 6)
    target = torch.zeros(2, 6, 6, dtype=torch.long)
    target[:, 2:5, 2:5] = 1
    alone, plain = StudentLoss(None, 0.0, 3), WhereLabelled(None)
    chance = edge.sigmoid()
    truth = boundary_of(target, 3).float()[:, None]
    cross = -(truth * chance.log() + (1 - truth) * (1 - chance).log()).mean()
    shared, both = (chance * truth).sum((1, 2, 3)), (chance + truth).sum((1, 2, 3))
    expected = cross + (1 - (2 * shared + 1e-5) / (both + 1e-5)).mean()
    assert float(alone((logits, edge), target)) == pytest.approx(float(plain(logits, target)))
    for weight in (1.0, 0.3):
        added = StudentLoss(None, weight, 3)((logits, edge), target) - plain(logits, target)
        assert float(added) == pytest.approx(weight * float(expected), rel=1e-4)
    assert float(StudentLoss(None, 1.0, 3)(logits, target)) == pytest.approx(float(plain(logits, target)))


def test_the_network_has_the_papers_sizes():
    counts = registry.count_weights({"name": "mit_fusion"}, 3, 3, (576, 576), OWN)
    with torch.device("meta"):
        net = registry.build({"name": "mit_fusion"}, 3, 3, (576, 576), OWN)
    encoder = sum(p.numel() for p in net.segmenter.encoder.parameters())
    assert encoder == 13_151_424  # MiT-B1 without its classifier
    dims, width, inside = (64, 128, 320, 512), 256, 1024
    embed = sum(dim * width + width for dim in dims)
    flat = inside * width + 2 * width
    look = flat + 3 * (inside * 9 + 2 * inside + flat)
    fuse, classify = 4 * width * width + 2 * width, width * 3 + 3
    assert sum(p.numel() for p in net.segmenter.decoder.parameters()) == embed + look + fuse + classify
    assert sum(p.numel() for p in net.shape.parameters()) == sum(dims) + 1
    assert counts == encoder + embed + look + fuse + classify + sum(dims) + 1


def test_boundaries_are_drawn_while_training_alone_and_every_weight_is_used():
    net, image = build(), torch.randn(2, 3, 32, 40)
    logits, edge = net(image)
    assert logits.shape == (2, 3, 32, 40) and edge.shape == (2, 1, 32, 40)
    (logits.square().mean() + edge.square().mean()).backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]
    net.eval()
    assert net(image).shape == (2, 3, 32, 40)
    stages = net.segmenter.stages(image)
    assert [tuple(x.shape[1:]) for x in stages] == [(4, 8, 10), (8, 4, 5), (8, 2, 3), (8, 1, 2)]
    assert joined(stages).shape == (2, 28, 8, 10)


def test_published_weights_are_read_from_a_folder(tmp_path):
    first, folder = build(), tmp_path / "mit"
    torch.nn.init.ones_(first.segmenter.encoder.stages[0].patch_embeddings.proj.bias)
    first.segmenter.encoder.save_pretrained(folder)
    found = build(pretrained={"path": str(folder)}).segmenter
    state = first.segmenter.encoder.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in found.encoder.state_dict().items())
    for place, more, said in (
        (tmp_path / "none", {}, "no such folder with config.json"),
        (folder, {"dims": [4, 8, 8, 12]}, "set the method's key 'net' to the sizes"),
    ):
        with pytest.raises(InputError, match=said):
            build(pretrained={"path": str(place)}, **more)
    (folder / "model.safetensors").write_bytes(b"\x08broken")
    with pytest.raises(InputError, match="no weights that can be read"):
        build(pretrained={"path": str(folder)})


def test_heads_divide_channels():
    with pytest.raises(InputError, match="does not divide by its heads"):
        options(MitFusion, {**NET, "heads": [3, 2, 2, 2]}, "here")
