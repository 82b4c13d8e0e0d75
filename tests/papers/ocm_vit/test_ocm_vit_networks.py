"""Sizes at the paper's scale, published weights by path, and the printed table's impossible pairs."""

from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional as F

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options, read
from mlmi2023.core.values import Mistake
from mlmi2023.nets import registry
from mlmi2023.papers.ocm_vit.dino import DinoNet
from mlmi2023.papers.ocm_vit.encoder_options import Dino, Stock, Vit
from mlmi2023.papers.ocm_vit.options import Method, Picie
from mlmi2023.papers.ocm_vit.picie import PicieNet
from mlmi2023.papers.ocm_vit.stego import StegoNet
from mlmi2023.papers.ocm_vit.vit import Probe, cls_attention, encoder, masked_model, patch_features

ROOT = Path(__file__).parents[3]
PATCH = 8


def weights(net):
    return sum(p.numel() for p in net.parameters())


def vit_s8(side):
    """Weights of ViT-S/8 for squares of ``side`` pixels, without a mask token."""
    width, block = 384, 4 * (384 * 384 + 384) + 384 * 1536 + 1536 + 1536 * 384 + 384 + 4 * 384
    tokens = (side // PATCH) ** 2 + 1
    return width + tokens * width + 3 * PATCH * PATCH * width + width + 12 * block + 2 * width


def test_networks_have_the_papers_sizes():
    with torch.device("meta"):
        net = masked_model(Vit(name="vit"), (384, 384))
        image = torch.zeros(1, 3, 384, 384)
        assert vit_s8(224) == 21_670_272, "as published"
        assert weights(net.vit) == vit_s8(384) + 384, "and the mask token"
        assert weights(net) - weights(net.vit) == 384 * 192 + 192
        hidden = torch.zeros(1, 48 * 48, dtype=torch.bool)
        assert patch_features(net.vit, image, hidden).shape == (1, 384, 48, 48)
        assert cls_attention(net.vit, image).shape == (1, 6, 48, 48)
        assert net.decoder(torch.zeros(1, 384, 48, 48)).shape == image.shape
        probe = Probe(encoder(Vit(name="vit"), (384, 384)), frozen=True)
        assert sum(p.numel() for p in probe.parameters() if p.requires_grad) == 384 * 64 + 64
        assert probe(torch.zeros(1, 3, 512, 512)).shape == (1, 1, 512, 512)
        two = Probe(encoder(Vit(name="vit"), (64, 64)), "two")
        assert weights(two.head) == 384 * 256 * 9 + 256 + 2 * 256 + 256 * 64 * 9 + 64
        stego = StegoNet(encoder(Vit(name="vit"), (384, 384)), 70, 2)
        assert sum(p.numel() for p in stego.parameters() if p.requires_grad) == (
            384 * 70 + 70 + 384 * 384 + 384 + 384 * 70 + 70 + 2 * 70
        )
        head = DinoNet(
            encoder(Vit(name="vit"), (64, 64)), Dino(kind="learned", model="dino", net=Vit(name="vit"))
        )
        assert head.prototypes.shape == (65536, 256)
    count = registry.count_weights({"name": "unet"}, 3, 1, (512, 512))
    assert abs(count / 31_037_633 - 1) < 0.02, "Ronneberger's, padded, with batch normalisation"


def test_picie_has_the_stems_resolution():
    keys = options(Picie, {"kind": "learned", "model": "picie", "net": {"name": "pyramid"}}, "config")
    with torch.device("meta"):
        net = PicieNet(keys.net, 2)
        assert net.features(torch.zeros(2, 3, 64, 64)).shape == (2, 128, 16, 16)
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 2, 64, 64)
    # ResNet-18 without its classifier, whose first convolution is 3 x 3 here, and the pyramid
    pyramid = sum(width * 128 + 128 for width in (64, 128, 256, 512))
    assert weights(net) == 11_176_512 - 64 * 3 * 49 + 64 * 3 * 9 + pyramid
    net = PicieNet(keys.net, 2)
    unit, centres = F.normalize(torch.randn(1, 128, 2, 2), dim=1), torch.randn(2, 128)
    net.centres[0] = centres
    apart = (unit[:, None] - centres.view(1, 2, 128, 1, 1)).pow(2).sum(2)
    assert torch.allclose(net.likeness(unit, 0), -apart, atol=1e-4)


def released(width=8, layers=2, patch=4, grid=3):
    """Weights under the names and in the shapes of DINO's release, of a small size."""
    torch.manual_seed(0)
    shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + grid * grid, width), "norm.weight": (width,),
              "norm.bias": (width,), "patch_embed.proj.weight": (width, 3, patch, patch),
              "patch_embed.proj.bias": (width,)}  # fmt: skip
    for n in range(layers):
        inner = {"norm1": (), "norm2": (), "attn.qkv": (3 * width, width), "attn.proj": (width, width),
                 "mlp.fc1": (16, width), "mlp.fc2": (width, 16)}  # fmt: skip
        for part, shape in inner.items():
            shapes[f"blocks.{n}.{part}.weight"] = shape or (width,)
            shapes[f"blocks.{n}.{part}.bias"] = shape[:1] or (width,)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def plain_dino(state, image, heads=2, patch=4):
    """The release's forward, written out: the class token's attention in the last block."""

    def norm(y, name):
        return F.layer_norm(y, y.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    def linear(y, name):
        return F.linear(y, state[f"{name}.weight"], state[f"{name}.bias"])

    x = F.conv2d(image, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], patch)
    tokens = [state["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)]
    x = torch.cat(tokens, 1) + state["pos_embed"]
    for n in range(2):
        own = f"blocks.{n}"
        parts = linear(norm(x, f"{own}.norm1"), f"{own}.attn.qkv").unflatten(-1, (3, heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        look = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1)
        x = x + linear((look @ v).transpose(1, 2).flatten(2), f"{own}.attn.proj")
        inner = F.gelu(linear(norm(x, f"{own}.norm2"), f"{own}.mlp.fc1"))
        x = x + linear(inner, f"{own}.mlp.fc2")
    return look[:, :, 0, 1:]


def test_published_weights_of_dino_load_by_path(tmp_path):
    state, image = released(), torch.rand(1, 3, 12, 12)
    torch.save(state, tmp_path / "dino.pth")
    given = {"name": "vit", "width": 8, "layers": 2, "heads": 2, "mlp": 16, "patch": 4,
             "pretrained": {"path": str(tmp_path / "dino.pth")}}  # fmt: skip
    net = encoder(options(Vit, given, "config"), (12, 12)).eval()
    assert torch.allclose(cls_attention(net, image).flatten(2), plain_dino(state, image), atol=1e-5)
    assert (net.embeddings.mask_token == 0).all()
    larger = encoder(options(Vit, given, "config"), (24, 24))
    assert larger.embeddings.position_embeddings.shape == (1, 37, 8)
    assert torch.equal(larger.embeddings.position_embeddings[:, 0], state["pos_embed"][:, 0])
    del state["blocks.1.mlp.fc2.bias"]
    torch.save({"teacher": None, "model": state}, tmp_path / "dino.pth")
    with pytest.raises(InputError, match="no weights for layers"):
        encoder(options(Vit, given, "config"), (12, 12))
    with pytest.raises(InputError, match="put DINO's weights there"):
        encoder(options(Vit, {**given, "pretrained": {"path": str(tmp_path / "none")}}, "config"), (12, 12))


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="width 10 does not divide by 4 heads"):
        options(Vit, {"name": "vit", "width": 10, "heads": 4}, "config", "net")
    with pytest.raises(InputError, match=r"net\.pretrained is missing"):
        options(Stock, {"kind": "stock", "net": {"name": "vit"}}, "config", "methods.dino")
    with pytest.raises(InputError, match="encoders want squares"):
        encoder(Vit(name="vit", patch=8), (20, 24))
    with pytest.raises(Mistake, match="did you mean 'patches'"):
        read(Method, {"kind": "learned", "model": "mim", "net": {"name": "vit"}, "mask": {"patch": 2}})


def test_nine_printed_pairs_are_those_of_no_mask():
    table = yaml.safe_load((ROOT / "resources/papers/ocm_vit.yaml").read_text())["tables"][0]
    printed = {row["method"]: row["values"] for row in table["rows"] if row["values"]}
    assert len(printed) == 19
    # of means of hard masks: J <= D, as for every mask, and D <= 2 J / (1 + J), which is concave in J
    above = {m for m, v in printed.items() if v["ji"] > v["dc"]}
    below = {m for m, v in printed.items() if v["dc"] > 2 * v["ji"] / (1 + v["ji"]) + 1e-4}
    assert above == {"unet_20", "unet_10", "ours_semisup", "ours_unsup", "otsu", "kmeans"}
    assert below == {"stego", "picie", "dino"}
