"""SAM's parts from transformers, at any width: prompt encoder, mask decoder, vision transformer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import SamConfig, SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder, SamVisionEncoder

from mlmi2023.papers.sppnet.options import Sppnet, Vit

#: pixels of the image along a side of a token
PATCH = 16


def configuration(net: Sppnet, side: int) -> Any:
    """Return SAM's configuration (``SamConfig``) for images of ``side`` x ``side`` pixels."""
    vit = (
        net.encoder
        if isinstance(net.encoder, Vit)
        else Vit(name="vit", hidden=16 * net.heads, heads=net.heads)
    )
    vision = SamVisionConfig(
        hidden_size=vit.hidden,
        num_hidden_layers=vit.layers,
        num_attention_heads=vit.heads,
        image_size=side,
        window_size=vit.window,
        global_attn_indexes=list(vit.everywhere),
        output_channels=net.width,
        num_pos_feats=net.width // 2,
        # the default leaves an encoder without published weights at zero
        initializer_range=0.02,
    )
    # of SAM's random Fourier features; transformers' default is for loading them alone
    vision.scale = 1
    prompts = SamPromptEncoderConfig(hidden_size=net.width, image_size=side, mask_input_channels=16)
    decoder = SamMaskDecoderConfig(
        hidden_size=net.width, mlp_dim=net.mlp, num_attention_heads=net.heads, iou_head_hidden_dim=net.width
    )
    for own in (vision, prompts, decoder):
        # one that is the same on every machine, run after run
        own._attn_implementation = "eager"
    return SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)


class SamVit(nn.Module):
    """SAM's vision transformer; frozen, it needs no gradients.

    Args:
        net: options of the network.
        side: of the image.
    """

    def __init__(self, net: Sppnet, side: int) -> None:
        super().__init__()
        assert isinstance(net.encoder, Vit)
        self.vision = SamVisionEncoder(configuration(net, side).vision_config)
        self.frozen = net.encoder.frozen
        if self.frozen:
            self.requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """Return the embedding (B, width, side / 16, side / 16)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.vision(image).last_hidden_state


def prompt_encoder(config: Any) -> SamPromptEncoder:
    """Return SAM's prompt encoder; its random Fourier features are no weights that learn."""
    prompts = SamPromptEncoder(config)
    prompts.shared_embedding.positional_embedding.requires_grad_(False)
    return prompts


def mask_decoder(config: Any) -> SamMaskDecoder:
    """Return SAM's mask decoder."""
    return SamMaskDecoder(config.mask_decoder_config)


def wide_positions(prompts: SamPromptEncoder) -> Tensor:
    """Return the positions of an embedding's tokens, (1, width, side / 16, side / 16)."""
    rows, columns = prompts.image_embedding_size
    device = prompts.shared_embedding.positional_embedding.device
    y, x = ((torch.arange(n, device=device) + 0.5) / n for n in (rows, columns))
    grid = torch.stack([x[None].expand(rows, columns), y[:, None].expand(rows, columns)], -1)
    return prompts.shared_embedding(grid).permute(2, 0, 1)[None]


def decoded(
    decoder: Any,
    prompts: Any,
    embedding: Tensor,
    points: Tensor,
    labels: Tensor,
    answer: Callable[[Tensor, Tensor], Tensor],
) -> Tensor:
    """Return what SAM's mask decoder makes of embeddings and points, up to ``answer``.

    The decoder's own forward pass has no place for low-level features; this is the same with one, for the
    first of its masks ("multimask off").

    Args:
        decoder: SAM's.
        prompts: SAM's prompt encoder.
        embedding: (B, width, h, w).
        points: (B, P, 2) x and y in pixels.
        labels: (B, P).
        answer: takes the upscaled map (B, width / 8, 4 h, 4 w) and the hypernetwork's weights (B, width / 8).
    """
    count, width, rows, columns = embedding.shape
    sparse, dense = prompts(points[:, None].float(), labels[:, None], None, None)
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own.expand(count, 1, -1, -1), sparse], dim=2)
    found, image = decoder.transformer(
        point_embeddings=tokens,
        image_embeddings=embedding + dense,
        image_positional_embeddings=wide_positions(prompts).expand(count, -1, -1, -1),
        attention_similarity=None,
    )
    image = image.transpose(2, 3).reshape(count, width, rows, columns)
    upscaled = decoder.activation(decoder.upscale_layer_norm(decoder.upscale_conv1(image)))
    upscaled = decoder.activation(decoder.upscale_conv2(upscaled))
    # after the token of the IoU head comes that of the first mask
    return answer(upscaled, decoder.output_hypernetworks_mlps[0](found[:, 0, 1]))
