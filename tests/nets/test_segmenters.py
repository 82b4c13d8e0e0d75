"""Segmentation networks by name, 2D and 3D: published sizes, shapes, shifted windows, weights from files."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from monai.networks.nets.swin_unetr import SwinTransformerBlock, compute_mask
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets.blocks.resnet import ResNet
from mlmi2023.nets.blocks.swin import PatchExpanding, SwinBlock
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.nets.registry import build, check, count_weights, network, network_at
from mlmi2023.nets.segmentation.transunet import HybridEncoder, from_vit_release

SMALL_VIT = {"depths": [1, 1, 1], "width": 8, "groups": 4, "hidden": 16, "heads": 2, "layers": 2, "mlp": 32}
SWIN = {"width": 8, "heads": [1, 2, 2, 2], "window": 4}
TINY = {
    "unet": {"dims": (2,), "net": {"features": [4, 8, 8, 16, 16, 4]}},
    "attention_unet": {"dims": (2, 3), "net": {"features": [4, 8, 16]}},
    "monai_unet": {"dims": (2, 3), "net": {"features": [4, 8, 16], "units": 2}},
    "dynunet": {"dims": (2, 3), "net": {"features": [4, 8, 16]}},
    "unetr": {"dims": (2, 3), "net": {"features": 4, "hidden": 48, "mlp": 16, "heads": 4}},
    "transunet": {"dims": (2,), "net": {"decoder": [16, 8, 8, 4], "bottleneck": 16, "encoder": SMALL_VIT}},
    "swin_unet": {"dims": (2,), "net": SWIN},
}


def count(net):
    return sum(p.numel() for p in net.parameters())


# millions: as their papers or those that compare them print; MONAI's two are its own (deviations.yaml)
@pytest.mark.parametrize(
    ("name", "millions"),
    [("transunet", 105.28), ("swin_unet", 27.17), ("unet", 31.11), ("attention_unet", 31.74)],
)
def test_published_sizes(name, millions):
    assert count_weights({"name": name}, 3, 9, (224, 224)) / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize(
    ("name", "dims"), [(name, dims) for name, own in TINY.items() for dims in own["dims"]]
)
def test_logits_have_the_size_of_the_image_and_reach_every_weight(name, dims):
    torch.manual_seed(0)
    size = (64, 32) if dims == 2 else (32, 16, 16)
    net = build({"name": name, **TINY[name]["net"]}, 2, 3, size)
    logits = net(torch.randn(2, 2, *size))
    assert logits.shape == (2, 3, *size)
    logits.square().mean().backward()
    idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # a constant that is added before a normalisation is taken out again; MONAI's ViT has an idle part
    assert not [n for n in idle if not n.endswith("bias") and "cross_attn" not in n]


@pytest.mark.parametrize("shifted", [False, True])
def test_windows_are_those_of_monai(shifted):
    torch.manual_seed(0)
    ours = SwinBlock(8, (8, 12), 2, 4, shifted).eval()
    theirs = SwinTransformerBlock(8, 2, (4, 4), (2, 2) if shifted else (0, 0)).eval()
    names = {"mlp.fc1": "mlp.linear1", "mlp.fc2": "mlp.linear2"}
    state = ours.state_dict()
    for own, other in names.items():
        state = {k.replace(own, other): v for k, v in state.items()}
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected and missing == ["attn.relative_position_index"]
    x = torch.randn(2, 8, 12, 8)
    mask = compute_mask((8, 12), (4, 4), (2, 2), x.device)
    assert torch.allclose(ours(x), theirs(x, mask), atol=1e-5)
    assert count(ours) == count(theirs)


def test_a_small_map_is_one_window_and_others_must_divide():
    assert SwinBlock(4, (4, 8), 1, 4, True).shift == (0, 2)
    with pytest.raises(InputError, match="does not divide into windows"):
        build({"name": "swin_unet", **SWIN, "window": 7}, 1, 2, (64, 64))


@pytest.mark.parametrize(
    ("options", "size", "said"),
    [
        ({"name": "transunnet"}, (64, 64), "did you mean 'transunet'"),
        ({"name": "transunet"}, (16, 16, 16), "net.name is 'transunet'"),
        ({}, (64, 64), "net.name is ''"),
        ({"name": "unet", "feature": [1]}, (64, 64), "net of 'unet'.*feature"),
        ({"name": "unetr"}, (16, 20, 16), "multiples of 16"),
        ({"name": "dynunet", "features": [4, 4, 4]}, (16, 18, 16), "multiples of 4"),
    ],
)
def test_mistakes_in_the_key_net_are_one_line(options, size, said):
    with pytest.raises(InputError, match=said) as caught:
        build(options, 1, 2, size)
    assert "\n" not in str(caught.value)


def test_names_are_checked_without_torch_and_all_shared_networks_are_tested_here():
    code = (
        "import sys; from mlmi2023.nets.registry import check, names\n"
        "print(*names(2)); print(*names(3))\n"
        "check({'name': 'fet'}, 2, 'mlmi2023.papers.fine_grained_wavelet.networks')\n"
        "assert not {'torch', 'monai', 'numpy'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    for dims, known in zip((2, 3), run.stdout.splitlines()):
        assert known.split() == sorted(name for name, row in TINY.items() if dims in row["dims"])


def test_a_name_is_given_once_for_each_number_of_axes():
    network("of_a_test", 2)(nn.Identity)
    network_at("of_a_test", 3, "torch.nn:Identity")
    assert check({"name": "of_a_test"}, 2) == "of_a_test"
    assert isinstance(build({"name": "of_a_test"}, 1, 2, (4, 4, 4)), nn.Identity)
    with pytest.raises(ValueError, match="two networks are called 'of_a_test' for 3 axes"):
        network_at("of_a_test", 3, "torch.nn:Identity")


def test_expanding_puts_neighbours_side_by_side():
    expand = PatchExpanding(4)
    x = torch.zeros(1, 2, 3, 4)
    x[0, 1, 2] = torch.randn(4)
    found = (expand.expand(x).abs() > 0).any(-1)
    assert found.sum() == 1
    moved = (expand(x) - expand(torch.zeros_like(x))).abs().sum(-1)[0] > 1e-6
    assert moved.nonzero().tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]


def test_resnet_scales_and_dilation():
    image = torch.randn(1, 3, 64, 64)
    net = ResNet(3, (1, 2, 1, 1), width=4)
    assert [tuple(f.shape[1:]) for f in net(image)] == [
        (4, 32, 32),
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
        (128, 2, 2),
    ]
    assert ResNet(3, (1, 2, 1, 1), width=4, dilated=1)(image)[-1].shape == (1, 128, 4, 4)
    with torch.device("meta"):
        # ResNet-50 and -101 without their classifiers of 2.049 million weights
        assert count(ResNet(3, (3, 4, 6, 3))) == 25_557_032 - 2_049_000
        assert count(ResNet(3, (3, 4, 23, 3))) == 44_549_160 - 2_049_000


def test_the_resnet_of_transunet_pools_inside_and_its_skips_are_filled_with_zeros():
    torch.manual_seed(0)
    encoder = HybridEncoder(1, (64, 32), **SMALL_VIT)
    image = torch.randn(2, 1, 64, 32)
    stem, first, _ = encoder.cnn(image)[:3]
    assert stem.shape[2:] == (32, 16) and first.shape[2:] == (15, 7)
    inside = encoder.cnn.layer1(torch.nn.functional.max_pool2d(stem, 3, 2, 0))
    features = encoder(image)
    assert [tuple(own.shape[2:]) for own in features] == [(32, 16), (16, 8), (8, 4), (4, 2)]
    assert torch.equal(features[1][:, :, :15, :7], inside)
    assert not features[1][:, :, 15].any() and not features[1][:, :, :, 7].any()
    with torch.device("meta"):
        published = HybridEncoder(3, (224, 224), depths=(3, 4, 9)).cnn(torch.empty(1, 3, 224, 224))
    assert [own.shape[2] for own in published] == [112, 55, 28, 14]
    # torchvision's, of all other networks, pads
    assert ResNet(1, (1, 1), 4)(image)[1].shape[2:] == (16, 8)


def test_swin_unet_joins_what_enters_each_stage_and_drops_a_fifth_of_the_last_paths():
    torch.manual_seed(0)
    net = build({"name": "swin_unet", **SWIN}, 1, 2, (64, 64)).eval()
    joined = []
    for layer in net.join:
        layer.register_forward_hook(lambda _, given, answer: joined.append(given[0]))
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        net(image)
        x, entering = net.encoder.patch_embed(image), []
        for stage in net.encoder.layers:
            entering.append(x)
            x = stage(x)
    assert len(joined) == 3
    # from below, then the skip
    for given, skip in zip(joined, reversed(entering[:3])):
        assert torch.equal(given[..., given.shape[-1] // 2 :], skip)
    rates = [block.drop_path.drop_prob for block in net.encoder.layers[-1].blocks]
    assert rates == pytest.approx([0.2 * 6 / 7, 0.2])


def test_weights_come_from_a_file_by_name(tmp_path):
    torch.manual_seed(0)
    released, ours, grey = ResNet(3, (1, 1), 4), ResNet(3, (1, 1), 4), ResNet(1, (1, 1), 4)
    file = tmp_path / "resnet.pth"
    torch.save({"state_dict": {**released.state_dict(), "fc.weight": torch.zeros(2, 2)}}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    load_pretrained(ours, {"path": str(file), "sha256": digest})
    load_pretrained(grey, {"path": str(file)})
    image = torch.randn(1, 1, 32, 32)
    for net in (released, ours, grey):
        net.eval()
    expected = released(image.expand(-1, 3, -1, -1))[-1]
    assert torch.equal(ours(image.expand(-1, 3, -1, -1))[-1], expected)
    assert torch.allclose(grey(image)[-1], expected, atol=1e-4)
    with pytest.raises(InputError, match="its sha256 is"):
        load_pretrained(ours, {"path": str(file), "sha256": "0" * 64})
    with pytest.raises(InputError, match="set the method's key 'net'"):
        load_pretrained(ResNet(3, (1, 1), 8), {"path": str(file)})
    with pytest.raises(InputError, match="has no weights for layer1"):
        load_pretrained(ResNet(3, (2, 1), 4), {"path": str(file)})
    with pytest.raises(InputError, match="no such file"):
        load_pretrained(ours, {"path": str(tmp_path / "absent.pth")})
    file.write_bytes(b"not weights")
    with pytest.raises(InputError, match="read safely"):
        load_pretrained(ours, {"path": str(file)})


def vit_release(net):
    """The arrays of an npz file that holds a hybrid encoder's weights, with its release's names."""
    state = {name: value.numpy() for name, value in net.state_dict().items()}
    made = {}
    for name, value in state.items():
        part = name.split(".")
        scale = "scale" if part[-1] == "weight" else "bias"
        if part[0] == "cnn" and value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        if name == "position":
            grown = np.concatenate([np.zeros((1, 1, value.shape[2]), np.float32), value], axis=1)
            made["Transformer/posembed_input/pos_embedding"] = grown
        elif part[0] == "embed":
            key = "kernel" if part[1] == "weight" else "bias"
            made[f"embedding/{key}"] = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value
        elif part[0] == "norm":
            made[f"Transformer/encoder_norm/{scale}"] = value
        elif part[0] == "cnn" and part[1] in ("conv1", "bn1"):
            made["conv_root/kernel" if part[1] == "conv1" else f"gn_root/{scale}"] = value
        elif part[0] == "cnn":
            kind = {"downsample.0": "conv_proj", "downsample.1": "gn_proj"}.get(".".join(part[3:5]), part[3])
            end = "kernel" if value.ndim == 4 else scale
            made[f"block{part[1][-1]}/unit{int(part[2]) + 1}/{kind.replace('bn', 'gn')}/{end}"] = value
        else:
            where, rest = f"Transformer/encoderblock_{part[1]}", ".".join(part[2:4])
            head = "MultiHeadDotProductAttention_1"
            flat = value.T if value.ndim == 2 else value
            names = {"norm1": "LayerNorm_0", "norm2": "LayerNorm_2"}
            dense = {"mlp.0": "MlpBlock_3/Dense_0", "mlp.3": "MlpBlock_3/Dense_1"}
            end = "kernel" if value.ndim == 2 else "bias"
            if part[2] in names:
                made[f"{where}/{names[part[2]]}/{scale}"] = value
            elif rest in dense:
                made[f"{where}/{dense[rest]}/{end}"] = flat
            elif rest == "attn.proj":
                made[f"{where}/{head}/out/{end}"] = flat.reshape(2, 8, 16) if flat.ndim == 2 else flat
            else:
                for own, third in zip(("query", "key", "value"), np.split(value, 3)):
                    own_flat = third.T.reshape(16, 2, 8) if third.ndim == 2 else third.reshape(2, 8)
                    made[f"{where}/{head}/{own}/{end}"] = own_flat
    return made


def test_a_hybrid_transformer_loads_from_its_release(tmp_path):
    torch.manual_seed(0)
    released, ours = (HybridEncoder(3, (64, 64), **SMALL_VIT) for _ in range(2))
    np.savez(tmp_path / "vit.npz", **vit_release(released))
    load_pretrained(ours, {"path": str(tmp_path / "vit.npz")}, from_vit_release)
    for (name, a), b in zip(released.state_dict().items(), ours.state_dict().values()):
        assert torch.equal(a, b), name
    wide = HybridEncoder(3, (128, 128), **SMALL_VIT)
    load_pretrained(wide, {"path": str(tmp_path / "vit.npz")}, from_vit_release)
    assert wide.position.shape == (1, 64, 16)
    assert torch.allclose(wide.position.mean(), released.position.mean(), atol=1e-3)
