"""The encoder: the library's vision Transformer, features of patches, and attention (Sects. 2.2, 2.4)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ViTConfig, ViTForMaskedImageModeling, ViTModel

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.ocm_vit.cases import CHANNELS
from mlmi2023.papers.ocm_vit.encoder_options import Vit
from mlmi2023.training.loop.weights import read_weights

WEIGHTS = "put DINO's weights there, or remove the key 'pretrained' to start from random weights"


def sizes_of(given: Mapping[str, Any], bare: bool = False) -> Vit:
    """Return a method's key ``net``, checked; ``bare``: without the file of published weights."""
    found = options(Vit, dict(given), "config", "net")
    return Vit(**{**vars(found), "pretrained": None}) if bare else found


def config_of(net: Vit, size: Sequence[int]) -> ViTConfig:
    """Return the library's configuration of an encoder for images of a size.

    Raises:
        InputError: images are not square, or patches do not fill them.
    """
    if size[0] != size[1] or size[0] % net.patch:
        raise InputError(
            f"images have {size[0]} x {size[1]} pixels; encoders want squares that patches of {net.patch} "
            "fill: set task.encoder_size"
        )
    return ViTConfig(
        hidden_size=net.width,
        num_hidden_layers=net.layers,
        num_attention_heads=net.heads,
        intermediate_size=net.mlp,
        layer_norm_eps=1e-6,
        image_size=int(size[0]),
        patch_size=net.patch,
        encoder_stride=net.patch,
        num_channels=CHANNELS,
    )


def encoder(net: Vit, size: Sequence[int]) -> ViTModel:
    """Return an encoder with random weights, or those of ``net.pretrained``."""
    made = ViTModel(config_of(net, size), add_pooling_layer=False, use_mask_token=True)
    begin(made, net)
    return made


def masked_model(net: Vit, size: Sequence[int]) -> ViTForMaskedImageModeling:
    """Return an encoder with a linear head that draws pixels (SimMIM): ``vit`` and ``decoder``."""
    made = ViTForMaskedImageModeling(config_of(net, size))
    begin(made.vit, net)
    return made


def begin(vit: ViTModel, net: Vit) -> None:
    """Fill an encoder with the published weights that ``net`` names, if any."""
    if net.pretrained is not None:
        load_pretrained(vit, vars(net.pretrained), from_dino, WEIGHTS)


def load_encoder(vit: ViTModel, weights: Path) -> None:
    """Fill an encoder with that of a training of this paper: what lies below ``vit`` there.

    Raises:
        InputError: it has none, or one of another size.
    """
    state = {name.removeprefix("vit."): value for name, value in read_weights(weights).items()}
    wanted = vit.state_dict()
    for name, value in wanted.items():
        if name not in state or state[name].shape != value.shape:
            raise InputError(
                f"{weights}: holds no encoder of these sizes ({name}); give both methods one key 'net'"
            )
    vit.load_state_dict({name: state[name] for name in wanted})


def grid_of(image: Tensor, vit: Any) -> tuple[int, int]:
    """Return rows and columns of an encoder's patches in images (B, C, H, W)."""
    patch = int(vit.config.patch_size)
    return image.shape[2] // patch, image.shape[3] // patch


def patch_features(vit: ViTModel, image: Tensor, hidden: Tensor | None = None) -> Tensor:
    """Return the last features of the patches, (B, D, h, w).

    Args:
        vit: the encoder.
        image: (B, 3, H, W).
        hidden: (B, h * w) bool, patches whose place the mask token takes.
    """
    found = vit(image, bool_masked_pos=hidden, interpolate_pos_encoding=True).last_hidden_state
    return found[:, 1:].transpose(1, 2).unflatten(2, grid_of(image, vit))  # type: ignore[no-any-return]


def image_features(vit: ViTModel, image: Tensor) -> Tensor:
    """Return the last feature of the class token, (B, D)."""
    return vit(image, interpolate_pos_encoding=True).last_hidden_state[:, 0]  # type: ignore[no-any-return]


def cls_attention(vit: ViTModel, image: Tensor) -> Tensor:
    """Return how much the class token looks at each patch in the last block, (B, heads, h, w).

    Only the row of that token is made, from the queries and keys of the block: all rows of all blocks, which
    the library would return, are gigabytes for an image of 384 x 384.
    """
    seen: list[Tensor] = []
    block: Any = vit.layers[-1]
    hook = block.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        vit(image, interpolate_pos_encoding=True)
    finally:
        hook.remove()
    own, x = block.attention, block.layernorm_before(seen[0])
    query = own.q_proj(x[:, :1]).unflatten(-1, (own.num_attention_heads, -1)).transpose(1, 2)
    key = own.k_proj(x).unflatten(-1, (own.num_attention_heads, -1)).transpose(1, 2)
    chance = (query @ key.transpose(2, 3) * own.scaling).float().softmax(-1)
    return chance[:, :, 0, 1:].unflatten(2, grid_of(image, vit))  # type: ignore[no-any-return]


def from_dino(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return DINO's published weights under the library's names, its position codes at another grid.

    The mask token, which DINO has not, stays 0.
    """
    names = {"cls_token": "embeddings.cls_token", "pos_embed": "embeddings.position_embeddings"}
    inner = {
        "norm1": "layernorm_before", "norm2": "layernorm_after", "attn.proj": "attention.o_proj",
        "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2",
    }  # fmt: skip
    made = {}
    for name, value in state.items():
        name = name.removeprefix("backbone.")
        if name.startswith("blocks."):
            _, number, rest = name.split(".", 2)
            part, kind = rest.rsplit(".", 1)
            if part == "attn.qkv":
                for letter, third in zip("qkv", value.chunk(3)):
                    made[f"layers.{number}.attention.{letter}_proj.{kind}"] = third
            elif part in inner:
                made[f"layers.{number}.{inner[part]}.{kind}"] = value
        elif name.startswith("patch_embed.proj."):
            made[f"embeddings.patch_embeddings.projection.{name.rsplit('.', 1)[1]}"] = value
        elif name.startswith("norm."):
            made[f"layernorm.{name.rsplit('.', 1)[1]}"] = value
        elif name in names:
            made[names[name]] = value
    made["embeddings.mask_token"] = torch.zeros_like(wanted["embeddings.mask_token"])
    place = "embeddings.position_embeddings"
    if place in made and made[place].shape != wanted[place].shape:
        made[place] = _regridded(made[place], wanted[place].shape[1] - 1)
    return made


def _regridded(codes: Tensor, count: int) -> Tensor:
    """Return position codes (1, 1 + n, D) at another square grid of ``count`` patches, bicubic."""
    first, rest = codes[:, :1], codes[:, 1:]
    old, new = int(rest.shape[1] ** 0.5), int(count**0.5)
    square = rest.transpose(1, 2).unflatten(2, (old, old))
    square = F.interpolate(square, size=[new, new], mode="bicubic", align_corners=False)
    return torch.cat([first, square.flatten(2).transpose(1, 2)], dim=1)


class Probe(nn.Module):
    """An encoder with a head that segments (Sect. 2.5): logits of a patch's pixels from its feature.

    Args:
        vit: the encoder.
        head: ``linear`` or ``two``.
        inner: channels between two convolutions.
        frozen: the encoder stays as it is.
    """

    def __init__(self, vit: ViTModel, head: str = "linear", inner: int = 256, frozen: bool = False) -> None:
        super().__init__()
        self.vit, self.frozen = vit.requires_grad_(not frozen), frozen
        config: Any = vit.config
        width, patch = int(config.hidden_size), int(config.patch_size)
        before: list[nn.Module] = []
        if head == "two":
            before = [nn.Conv2d(width, inner, 3, padding=1), nn.BatchNorm2d(inner), nn.ReLU()]
            last = nn.Conv2d(inner, patch * patch, 3, padding=1)
        else:
            last = nn.Conv2d(width, patch * patch, 1)
        self.head = nn.Sequential(*before, last, nn.PixelShuffle(patch))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, 1, H, W) of images (B, 3, H, W)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = patch_features(self.vit, image)
        return self.head(features)  # type: ignore[no-any-return]
