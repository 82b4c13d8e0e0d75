"""Networks at their published sizes, SDNet's parts and losses, each against numbers worked out by hand."""

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from colonoscopy_aug_data import SDNET
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.colonoscopy_aug.classifier import build
from mlmi2023.papers.colonoscopy_aug.sdnet import SDNet
from mlmi2023.papers.colonoscopy_aug.sdnet_training import kl_to_normal, total_loss
from mlmi2023.papers.colonoscopy_aug.unet import BilinearUnet

NETWORKS = "mlmi2023.papers.colonoscopy_aug.networks"


def weights(net):
    return sum(p.numel() for p in net.parameters())


def unet_weights(classes):
    """Two 3x3 convolutions without bias and two normalisations each, as the figure of U-Net counts them."""

    def double(inputs, middle, outputs):
        return 9 * inputs * middle + 9 * middle * outputs + 2 * (middle + outputs)

    down = sum(double(a, b, b) for a, b in ((3, 64), (64, 128), (128, 256), (256, 512), (512, 512)))
    up = sum(double(2 * c, c, d) for c, d in ((512, 256), (256, 128), (128, 64), (64, 64)))
    return down + up + 64 * classes + classes


def test_numbers_of_weights():
    with torch.device("meta"):
        assert weights(BilinearUnet(3, 2, (256, 256))) == unet_weights(2) == 17_263_042
        # torchvision's ResNet-50 without its last layer has 23 508 032
        assert weights(build({}, 5)) == 23_508_032 + 5 * 2048 + 5
        net = SDNet(3, 2, (256, 256))
    anatomy = unet_weights(8) + 512 * 512
    strided = sum(9 * a * b + b + 2 * b for a, b in ((11, 16), (16, 32), (32, 64), (64, 128)))
    code = 128 * 16 * 16 * 32 + 32 + 2 * (32 * 8 + 8)
    decoder = sum(9 * a * b + b for a, b in ((8, 128), (128, 64), (64, 32), (32, 3)))
    styles = sum(9 * 2 * n for n in (128, 64, 32))
    segmentor = sum(9 * a * b + b + 2 * b for a, b in ((8, 64), (64, 64))) + 64 * 2 + 2
    parts = (net.anatomy_encoder, net.modality_encoder, net.decoder, net.segmentor)
    assert [weights(part) for part in parts] == [anatomy, strided + code, decoder + styles, segmentor]


def test_the_paper_scale_has_the_published_networks():
    from pathlib import Path

    from mlmi2023.core.config import at_scale
    from mlmi2023.core.yaml_files import read_yaml
    from mlmi2023.nets.registry import count_weights

    config = at_scale(read_yaml(Path(__file__).parents[3] / "config/papers/colonoscopy_aug.yaml"), "paper")
    methods = config["methods"]
    for name in ("unet", "unet_p40", "unet_random"):
        assert count_weights(methods[name]["net"], 3, 2, (256, 256), NETWORKS) == 17_263_042
    # ResNet-101 without its last layer, and the pyramid, the low features and the head around it
    deeplab = count_weights(methods["deeplab_p60"]["net"], 3, 2, (256, 256), NETWORKS)
    assert deeplab - 42_500_160 == pytest.approx(16.84e6, rel=0.01)
    train = config["train"]
    assert (train["batch"], train["learning_rate"], train["optimiser"]) == (4, 1e-5, "adamw")
    assert train["steps"] == 300 * train["epoch_steps"]
    classifier = methods["classifier"]["train"]
    assert classifier["steps"] == 10 * classifier["epoch_steps"]
    for kind in ("unet", "deeplab", "sdnet"):
        candidates = methods[f"{kind}_aug"]["candidates"]
        assert {name: methods[name]["mask"]["p"] for name in candidates} == candidates
        assert list(candidates.values()) == [0.4, 0.5, 0.6]


def sdnet():
    torch.manual_seed(0)
    return SDNet(3, 2, (32, 32), **{key: value for key, value in SDNET.items() if key != "name"})


def test_the_anatomy_is_one_of_eight_at_each_pixel():
    net, frames = sdnet(), 2 * torch.rand(2, 3, 32, 32) - 1
    for training in (True, False):
        anatomy = net.train(training).anatomy(frames)
        assert anatomy.shape == (2, 8, 32, 32)
        assert torch.allclose(anatomy.sum(1), torch.ones(2, 32, 32)) and set(anatomy.unique().tolist()) == {
            0,
            1,
        }
    assert torch.equal(net.anatomy(frames), net.anatomy(frames)), "nothing is drawn in tests"


def test_a_mask_is_seen_by_the_segmentor_alone():
    net, frames = sdnet().eval(), 2 * torch.rand(1, 3, 32, 32) - 1
    keep = torch.ones(1, 1, 32, 32)
    torch.manual_seed(1)
    whole = net.parts(frames, keep)
    keep[..., :16] = 0
    torch.manual_seed(1)
    masked = net.parts(frames, keep)
    assert torch.equal(whole.frame, masked.frame) and torch.equal(whole.again, masked.again)
    assert torch.equal(whole.logits[..., 20:], masked.logits[..., 20:])
    nothing = net.segmentor(torch.zeros(1, 8, 32, 32))
    assert torch.allclose(masked.logits[..., :12], nothing[..., :12], atol=1e-6)
    assert torch.equal(whole.logits, net(frames)) and whole.frame.abs().max() <= 1


def test_the_loss_is_the_sum_of_its_terms():
    net = sdnet().train()
    frames, target = 2 * torch.rand(2, 3, 32, 32) - 1, torch.randint(0, 2, (2, 32, 32))
    parts = net.parts(frames, torch.ones(2, 1, 32, 32))
    dice = build_loss({"kind": "dice", "smooth": 0.1})
    given = {"dice": 10.0, "reconstruction": 1.0, "kl": 0.01, "code": 1.0}
    p, t = parts.logits.softmax(1)[:, 1], (target == 1).float()
    overlap = (2 * (p * t).sum((1, 2)) + 0.1) / (p.sum((1, 2)) + t.sum((1, 2)) + 0.1)
    spread = (0.5 * parts.log_variance).exp()
    kl = kl_divergence(Normal(parts.mean, spread), Normal(0.0, 1.0)).sum(1).mean()
    expected = (
        10 * (1 - overlap).mean()
        + (parts.frame - frames).abs().mean()
        + 0.01 * kl
        + (parts.again - parts.code).abs().mean()
    )
    found = total_loss(parts, frames, target, dice, given)
    assert float(found) == pytest.approx(float(expected), abs=1e-5)
    assert float(kl_to_normal(parts.mean, parts.log_variance)) == pytest.approx(float(kl), rel=1e-5)
    found.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.segmentor.parameters())
    assert net.anatomy_encoder.head.weight.grad.abs().sum() > 0, "through the one-hot anatomy"


def test_published_weights_of_the_classifier_load_by_path(tmp_path):
    options = {"layers": [1, 1, 1, 1], "widths": [4, 4, 4, 4]}
    release = build(options, 1000)
    with torch.no_grad():
        for p in release.parameters():
            p.normal_()
    torch.save(release.state_dict(), tmp_path / "resnet.pt")
    net = build({**options, "pretrained": {"path": str(tmp_path / "resnet.pt")}}, 5)
    assert torch.equal(net.layer4[0].conv2.weight, release.layer4[0].conv2.weight)
    assert net.fc.weight.shape == (5, 16)
    names = set(build({}, 5).state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.downsample.0.weight",
        "layer3.5.conv3.weight",
    } <= names
    assert "layer1.0.downsample.0.bias" not in names, "torchvision's has none"
    assert isinstance(net, nn.Module)
