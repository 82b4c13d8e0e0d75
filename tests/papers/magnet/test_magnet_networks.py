"""Networks of magnet: sizes at paper scale, UNETR's own answers, and what happens to missing images."""

import pytest
import torch
from monai.networks.nets import UNETR, EfficientNetBN, resnet50

from bad_inputs import said
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.papers.magnet.classifiers import baseline, tuned
from mlmi2023.papers.magnet.costs import by_number
from mlmi2023.papers.magnet.fusion import Fusion
from mlmi2023.papers.magnet.model import MagNet
from mlmi2023.papers.magnet.networks import agnostic
from mlmi2023.papers.magnet.options import EfficientNet, Hemis, Hved, Magnet, MagnetNet, ResNet50
from mlmi2023.papers.magnet.subsets import all_subsets, masks_of

NAMES = ["FLAIR", "T1", "T1c", "T2"]
SMALL = {"patch": 8, "features": 2, "hidden": 12, "mlp": 16, "heads": 2, "layers": 4}
SIZE = (16, 24, 16)


def count(net):
    return sum(p.numel() for p in net.parameters())


def small(model, **keys):
    torch.manual_seed(0)
    if model == "magnet":
        own = options(Magnet, {"kind": "learned", "model": model, "net": {**SMALL, **keys}}, "test")
    else:
        own = options({"hemis": Hemis, "hved": Hved}[model],
                      {"kind": "learned", "model": model, "widths": [2, 4, 8]}, "test")  # fmt: skip
    return agnostic(own, 4, 4, SIZE).eval()


def test_the_published_network_is_unetrs_with_an_encoder_per_modality():
    with torch.device("meta"):
        whole = UNETR(1, 4, (128, 128, 128))
        made = {s: MagNet(4, 4, (128,) * 3, MagnetNet(sharing=s)) for s in ("all", "vit", "none")}
    fusion = sum(
        c * n + n + 2 * n + n * c + c + 2 * c for c, n in ((16, 4), (32, 4), (64, 4), (128, 8), (768, 48))
    )
    assert count(whole) > 9e7
    assert count(made["all"]) == count(whole) + fusion
    stem = 16**3 * 768 + 768 + 512 * 768 + count(made["vit"].encoders.stems[0].voxels)
    assert count(made["vit"].encoders.stems[0]) == stem
    assert count(made["vit"]) == count(made["all"]) + 3 * stem
    trunk = count(made["all"].encoders.trunks[0])
    assert count(made["none"]) == count(made["vit"]) + 3 * trunk
    assert len(made["vit"].fusions) == 5, "four skips and the bottleneck"


def test_without_fusion_a_single_image_gets_unetrs_own_answer():
    torch.manual_seed(0)
    whole = UNETR(1, 3, (32, 32, 32), 2, 12, 16, 2).eval()
    net = MagNet(1, 3, (32,) * 3, MagnetNet(features=2, hidden=12, mlp=16, heads=2)).eval()
    moved = {"vit.patch_embedding": "encoders.stems.0.tokens", "encoder1": "encoders.stems.0.voxels",
             "vit.blocks": "encoders.trunks.0.blocks", "vit.norm": "encoders.trunks.0.norm",
             "encoder2": "encoders.trunks.0.lifts.0", "encoder3": "encoders.trunks.0.lifts.1",
             "encoder4": "encoders.trunks.0.lifts.2", "decoder5": "decoder.ups.0",
             "decoder4": "decoder.ups.1", "decoder3": "decoder.ups.2", "decoder2": "decoder.ups.3",
             "out": "decoder.out"}  # fmt: skip
    state = {}
    for name, value in whole.state_dict().items():
        old = next(own for own in moved if name.startswith(f"{own}."))
        state[moved[old] + name.removeprefix(old)] = value
    for fusion in net.fusions:
        fusion.weights = lambda summed: torch.ones(summed.shape[:2])
    lost = net.load_state_dict(state, strict=False)
    assert not lost.unexpected_keys and all(key.startswith("fusions.") for key in lost.missing_keys)
    image = torch.randn(2, 1, 32, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(net(image, torch.ones(2, 1, dtype=torch.bool)).logits, whole(image), atol=1e-5)


@pytest.mark.parametrize("model", ["magnet", "hemis", "hved"])
def test_what_is_missing_is_never_looked_at_and_a_zero_image_is_not_missing(model):
    net, images = small(model), torch.randn(2, 4, *SIZE)
    present = torch.tensor([[True, False, True, True], [False, False, True, False]])
    other = images.clone()
    other[~present] = float("nan")
    zeros = images.clone()
    zeros[~present] = 0
    with torch.inference_mode():
        answer = net(images, present).logits
        assert torch.equal(answer, net(other, present).logits), "nor is it multiplied by 0"
        filled = net(zeros, torch.ones_like(present)).logits
        swapped = net(images.flip(1), present.flip(1)).logits
    assert answer.shape == (2, 4, *SIZE) and answer.isfinite().all()
    assert not torch.allclose(answer, filled, atol=1e-4), "a zero image through an encoder is not zero"
    assert not torch.allclose(answer, swapped, atol=1e-4), "encoders know their modality"


@pytest.mark.parametrize(("model", "keys"), [("magnet", {"sharing": "vit"}), ("magnet", {"sharing": "all"}),
                                             ("magnet", {"sharing": "none", "combine": "mean"}),
                                             ("hemis", {}), ("hved", {})])  # fmt: skip
def test_all_subsets_at_once_are_each_by_itself(model, keys):
    net, image = small(model, **keys), torch.randn(4, *SIZE)
    masks = masks_of(all_subsets(NAMES), NAMES)
    assert len(masks) == 15 and masks.any(1).all() and len({tuple(m.tolist()) for m in masks}) == 15
    with torch.inference_mode():
        together = net.subsets(image, masks)
        for mask, logits in zip(masks, together):
            alone = net(image[None], mask[None]).logits[0]
            assert torch.allclose(alone, logits, atol=1e-4)
        some = net.subsets(image, masks[:1])
    assert torch.allclose(some[0], together[0], atol=1e-4), "others need not be there"


def test_shared_encoders_do_not_know_their_modality_and_the_mean_does_not_count():
    net, image = small("magnet", sharing="all"), torch.randn(1, 4, *SIZE)
    everything = torch.ones(1, 4, dtype=torch.bool)
    with torch.inference_mode():
        a, b = net(image, everything).logits, net(image.flip(1), everything).logits
        assert torch.allclose(a, b, atol=1e-4)
        same = image[:, :1].expand(-1, 4, *SIZE)
        one = torch.tensor([[True, False, False, False]])
        summed = net(same, everything).logits, net(same, one).logits
        net = small("magnet", sharing="all", combine="mean")
        mean = net(same, everything).logits, net(same, one).logits
    assert not torch.allclose(*summed, atol=1e-3) and torch.allclose(*mean, atol=1e-4)


def test_fusion_by_hand():
    keys = MagnetNet(ratio=2, least=1)
    fusion = Fusion(2, keys)
    with torch.no_grad():
        fusion.first.weight.copy_(torch.tensor([[1.0, 1.0]]))
        fusion.first.bias.zero_()
        fusion.first_norm.weight.zero_()
        fusion.first_norm.bias.fill_(2.0)  # whatever comes in, 2 comes out
        fusion.second.weight.copy_(torch.tensor([[1.0], [0.0]]))
        fusion.second.bias.zero_()
    level = torch.stack([torch.full((2, 1, 1, 1), v) for v in (1.0, 2.0, 5.0)])
    where = torch.tensor([[0, 0], [0, 2], [1, 1]])
    found = fusion(level, where, 2)[..., 0, 0, 0]
    weights = torch.sigmoid(torch.tensor([1.0, -1.0]))  # (2, 0) less its mean over its deviation
    assert torch.allclose(found, torch.tensor([[3.0, 3.0], [5.0, 5.0]]) * weights, atol=1e-4)


def test_batch_normalisation_cannot_do_with_the_printed_batch_of_one():
    fusion = Fusion(4, MagnetNet(norm="batch")).train()
    where = torch.tensor([[0, 0]])
    said(lambda: fusion(torch.randn(1, 4, 2, 2, 2), where, 1), "net.norm", "train.batch")
    assert fusion(torch.randn(2, 4, 2, 2, 2), torch.tensor([[0, 0], [1, 0]]), 2).shape == (2, 4, 2, 2, 2)


def test_sizes_that_do_not_fit_are_one_line():
    own = options(Magnet, {"kind": "learned", "model": "magnet", "net": SMALL}, "test")
    said(lambda: agnostic(own, 4, 4, (20, 16, 16), "magnet"), "methods.magnet", "20 x 16 x 16")
    hemis = options(Hemis, {"kind": "learned", "model": "hemis"}, "test")
    said(lambda: agnostic(hemis, 4, 4, (12, 16, 16), "u_hemis"), "multiples of 8")
    with pytest.raises(InputError, match="give 4, 8, 16 or 32"):
        options(MagnetNet, {"patch": 12}, "test")
    with pytest.raises(InputError, match="multiple of heads"):
        options(MagnetNet, {"hidden": 50}, "test")


def test_baselines_have_the_published_sizes():
    mask = torch.tensor([False, True, False, False])
    with torch.device("meta"):
        ours = baseline(ResNet50(kind="learned", model="resnet50"), mask, (128,) * 3)
        theirs = resnet50(spatial_dims=3, n_input_channels=1, num_classes=1)
        assert count(ours) == count(theirs)
        ours = baseline(EfficientNet(kind="learned", model="efficientnet"), mask, (128,) * 3)
        theirs = EfficientNetBN("efficientnet-b0", False, spatial_dims=3, in_channels=1, num_classes=1)
        assert count(ours) == count(theirs)


def test_a_baseline_sees_its_setting_alone_and_the_classifier_what_is_there():
    torch.manual_seed(0)
    mask = torch.tensor([True, False, True, False])
    images, other = torch.randn(2, 4, *SIZE), torch.randn(2, 4, *SIZE)
    other[:, mask] = images[:, mask]
    small_resnet = baseline(
        ResNet50(kind="learned", model="resnet50", planes=(2, 2, 2, 2), stride=2), mask, SIZE
    )
    own = options(Magnet, {"kind": "learned", "model": "magnet", "net": SMALL}, "test")
    for net in (small_resnet.eval(), tuned(own, 4, SIZE, None).eval()):
        with torch.inference_mode():
            a, b = (net(x, mask.expand(2, -1)) for x in (images, other))
        assert a.shape == (2,) and torch.equal(a, b)


def test_memory_rises_with_every_modality():
    kept = dict(by_number(small("magnet"), torch.randn(1, 4, *SIZE)))
    steps = [kept[n + 1] - kept[n] for n in (1, 2, 3)]
    assert list(kept) == [1, 2, 3, 4] and min(steps) > 0
    assert max(steps) < 1.1 * min(steps), "an encoder's share each, the decoder's once"
