"""The paper's detector: torchvision's Faster R-CNN with a findings' head, where torchvision works.

torchvision is no dependency of this package: its builds want a torch of the same kind. Its parts are used one
by one (``backbone``, ``rpn``, ``roi_heads``), so that the vector l_k is at hand.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.cxr_tokens.detector import Learned, Tokens, settled
from mlmi2023.papers.cxr_tokens.network_options import FasterRcnn

#: of ImageNet's colours, which COCO's weights expect
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: proposals whose region and box are kept apart from COCO's
OWN = "roi_heads.box_predictor."
HIDDEN = 1024
DETECTION = "torchvision.models.detection"


def torchvision(part: str = "") -> Any:
    """Return torchvision's detection models, or a part of them such as ``.roi_heads``.

    By name, since no environment of this package has it.

    Raises:
        InputError: torchvision is not there or does not fit torch.
    """
    try:
        return importlib.import_module(f"{DETECTION}{part}")
    except (ImportError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InputError(
            f"net.name is 'faster_rcnn' and torchvision cannot be imported ({first[:99]}); install the build "
            "that fits torch, or choose 'compact'"
        ) from error


class FasterRcnnDetector(nn.Module):
    """``fasterrcnn_resnet50_fpn_v2`` with one dense layer for findings beside its box predictor.

    Args:
        own: its keys.
        regions: R.
        findings: F.
        size: side of images.
        detection: torchvision's detection models; None: imported.

    Raises:
        InputError: torchvision cannot be imported, or the weights do not fit.
    """

    def __init__(
        self, own: FasterRcnn, regions: int, findings: int, size: int, detection: Any = None
    ) -> None:
        super().__init__()
        made = (detection or torchvision()).fasterrcnn_resnet50_fpn_v2(
            weights=None,
            weights_backbone=None,
            num_classes=1 + regions,
            rpn_post_nms_top_n_test=own.proposals,
        )
        self.own, self.regions, self.size, self.hidden = own, regions, size, HIDDEN
        self.backbone, self.rpn, self.roi_heads = made.backbone, made.rpn, made.roi_heads
        self.findings = nn.Linear(HIDDEN, findings)
        if own.pretrained:
            load_pretrained(self, vars(own.pretrained), self._but_own)

    def _but_own(self, state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return COCO's weights with the heads of this network, which has other classes."""
        own = {name: value for name, value in wanted.items() if name.startswith((OWN, "findings."))}
        return {**state, **own}

    def _seen(self, image: Tensor) -> tuple[Any, Any]:
        """Return the list of images that torchvision wants, and their maps."""
        colours = ((image + 1) / 2).expand(-1, 3, -1, -1)
        mean, spread = (torch.tensor(v, device=image.device).view(3, 1, 1) for v in (MEAN, SPREAD))
        seen = (colours - mean) / spread
        listed = torchvision(".image_list").ImageList
        return listed(seen, [(self.size, self.size)] * len(seen)), self.backbone(seen)

    def _looked(self, maps: Any, boxes: list[Tensor]) -> Tensor:
        read = self.roi_heads.box_roi_pool(maps, boxes, [(self.size, self.size)] * len(boxes))
        return self.roi_heads.box_head(read)

    def losses(self, image: Tensor, boxes: Tensor, findings: Tensor) -> Learned:
        """Return the losses of images (B, 1, S, S) with true boxes (B, R, 4) and findings (B, R, F)."""
        images, maps = self._seen(image)
        there = torch.isfinite(boxes).all(-1)
        numbers = [own.nonzero()[:, 0] for own in there]
        targets = [{"boxes": box[own], "labels": own + 1} for box, own in zip(boxes, numbers)]
        proposals, places = self.rpn(images, maps, targets)
        proposals, matched, labels, deltas = self.roi_heads.select_training_samples(proposals, targets)
        vectors = self._looked(maps, proposals)
        logits, codes = self.roi_heads.box_predictor(vectors)
        anatomy, box = torchvision(".roi_heads").fastrcnn_loss(logits, codes, labels, deltas)
        truth = torch.cat(
            [
                found[own][match] if len(own) else found.new_zeros(len(match), found.shape[1])
                for found, own, match in zip(findings, numbers, matched)
            ]
        )
        held = torch.cat(labels) > 0
        return Learned(sum(places.values()), anatomy, box, self.findings(vectors[held]), truth[held])

    def forward(self, image: Tensor) -> Tokens:
        """Return the tokens of images (B, 1, S, S)."""
        images, maps = self._seen(image)
        proposals, _ = self.rpn(images, maps)
        vectors = self._looked(maps, proposals)
        logits, codes = self.roi_heads.box_predictor(vectors)
        counts = [len(own) for own in proposals]
        boxes = self.roi_heads.box_coder.decode(codes, proposals).clamp(0, self.size)
        found = []
        for own, box, logit in zip(vectors.split(counts), boxes.split(counts), logits.split(counts)):
            score, best = logit.softmax(-1)[:, 1:].max(0)
            region = torch.arange(self.regions, device=best.device)
            chosen = own[best]
            found.append((chosen, box[best, region + 1], score, self.findings(chosen)))
        chosen, place, best_score, said = (torch.stack(one) for one in zip(*found))
        return settled(chosen, place, best_score, said, self.own.cut)
