"""SAM (Kirillov et al. 2023) of transformers, prompted by all clicks and by its last mask."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import SamConfig, SamMaskDecoderConfig, SamModel, SamPromptEncoderConfig, SamVisionConfig

from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.pe_med.clicks import NONE
from mlmi2023.papers.pe_med.interacting import Clicked

#: of ImageNet, of 0 to 1, as SAM's images are normalised
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: SAM's word for a point that is none
PADDING = -10
#: SAM's random Fourier features, which its files may hold under either name
FEATURES = (
    "shared_image_embedding.positional_embedding",
    "prompt_encoder.shared_embedding.positional_embedding",
)


class Sam(nn.Module):
    """SAM; all clicks and the logits of the last mask are its prompt.

    Args:
        side: of the square that images are brought to, pixels; 1024 in the release.
        hidden: channels of a token of its ViT.
        layers: of the ViT.
        heads: of the ViT's attention.
        window: tokens along a side of a window.
        everywhere: layers whose attention is over the whole image.
        width: channels of prompts and of the embedding.
        mlp: inner width of the decoder's transformer.
        multimask: after the first click the best of three masks is the answer, by SAM's own opinion.
        pretrained: a local file with the published weights (``path``, ``sha256``).
    """

    def __init__(
        self,
        side: int = 1024,
        hidden: int = 768,
        layers: int = 12,
        heads: int = 12,
        window: int = 14,
        everywhere: Sequence[int] = (2, 5, 8, 11),
        width: int = 256,
        mlp: int = 2048,
        multimask: bool = True,
        pretrained: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        vision = SamVisionConfig(
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            image_size=side,
            window_size=window,
            global_attn_indexes=list(everywhere),
            output_channels=width,
            num_pos_feats=width // 2,
        )
        # of SAM's random Fourier features; transformers' default is for loading them alone
        vision.scale = 1
        prompts = SamPromptEncoderConfig(hidden_size=width, image_size=side, mask_input_channels=16)
        decoder = SamMaskDecoderConfig(hidden_size=width, mlp_dim=mlp, iou_head_hidden_dim=width)
        whole = SamConfig(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
        for own in (whole, vision, prompts, decoder):
            # one that is the same on every machine, run after run
            own._attn_implementation = "eager"
        self.sam, self.side, self.multimask = SamModel(whole), side, multimask
        for module in self.sam.modules():
            # transformers' spreads of weights fit wide networks: in a narrow one, clicks leave hardly a trace
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()  # type: ignore[operator]
        for name in FEATURES:
            self.sam.get_parameter(name).requires_grad_(False)
        if pretrained:
            load_pretrained(self.sam, pretrained, _with_both)
        for name, values in (("mean", MEAN), ("spread", SPREAD)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, seen: Clicked) -> Tensor:
        """Return the logits (B, 1, H, W) of the object that was clicked at."""
        size = seen.image.shape[2:]
        image = _resized((seen.image + 1) / 2, self.side)
        image = (image - self.get_buffer("mean")) / self.get_buffer("spread")
        scale = torch.tensor([self.side / n for n in size], device=image.device)
        # rows and columns become x and y
        points = ((seen.places + 0.5) * scale - 0.5).flip(-1)
        labels = torch.where(seen.signs == NONE, PADDING, seen.signs)
        first = seen.signs.shape[1] == 1
        found = self.sam(
            pixel_values=image,
            input_points=points[:, None].float(),
            input_labels=labels[:, None],
            input_masks=None if first else _resized(seen.memory, self.side // 4),
            multimask_output=first and self.multimask,
        )
        masks = found.pred_masks[:, 0]
        best = found.iou_scores[:, 0].argmax(1) if masks.shape[1] > 1 else torch.zeros_like(labels[:, 0])
        masks = masks[torch.arange(len(masks), device=masks.device), best][:, None]
        return F.interpolate(masks, size=list(size), mode="bilinear", align_corners=False)


def _resized(x: Tensor, side: int) -> Tensor:
    return F.interpolate(x, size=[side, side], mode="bilinear", align_corners=False)


def _with_both(file: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's weights with the Fourier features under both of their names."""
    there = next((file[name] for name in FEATURES if name in file), None)
    return file if there is None else {**file, **dict.fromkeys(FEATURES, there)}
