"""A compact detector of two stages, whose vectors of boxes also tell findings (Sect. 3.1).

As Faster R-CNN: a ResNet with a feature pyramid proposes boxes; features inside each become the vector l_k,
from which dense layers read the region (or background), a finer box, and in parallel the findings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.boxes import pairwise_iou
from mlmi2023.nets.blocks.feature_pyramid import Head, Trunk, anchors, check_size, fused, proposed, read_at
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.papers.cxr_tokens.boxes import filled
from mlmi2023.papers.cxr_tokens.network_options import Compact

#: overlap from which on an anchor is of a region, under which it is of none, and the same of proposals
OBJECT, NOTHING, MATCHED = 0.7, 0.3, 0.5
#: anchors of the background that a step learns from, of each image
NEGATIVES = 64
#: weight of proposals of the background
BACKGROUND = 0.25
#: how far true boxes are moved, in shares of their sides, when they are shown as proposals
MOVED = 0.1


class Learned(NamedTuple):
    """Losses of a batch, and what the findings' head says of matched proposals.

    Attributes:
        places: of the proposals' stage: objectness and boxes.
        anatomy: cross-entropy of regions.
        box: of finer boxes.
        logits: (K, F) of findings.
        truth: (K, F).
    """

    places: Tensor
    anatomy: Tensor
    box: Tensor
    logits: Tensor
    truth: Tensor


class Tokens(NamedTuple):
    """Of each region the proposal that scores highest.

    Attributes:
        vectors: (B, R, D), zero where a region is missing.
        boxes: (B, R, 4).
        score: (B, R), 0 where it is missing.
        findings: (B, R, F) logits.
    """

    vectors: Tensor
    boxes: Tensor
    score: Tensor
    findings: Tensor


class CompactDetector(nn.Module):
    """The detector.

    Args:
        own: its sizes.
        regions: R.
        findings: F.
        size: side of images, a multiple of 32.
    """

    def __init__(self, own: Compact, regions: int, findings: int, size: int) -> None:
        super().__init__()
        from monai.apps.detection.utils.box_coder import BoxCoder

        check_size((size, size))
        self.own, self.regions, self.size, self.hidden = own, regions, size, own.hidden
        self.code, self.box_code = BoxCoder([1.0] * 4), BoxCoder([10.0, 10.0, 5.0, 5.0])
        self.trunk = Trunk(1, own.depths, own.width, own.pyramid)
        if own.pretrained:
            load_pretrained(self.trunk.encoder, vars(own.pretrained))
        self.shapes = [(side * r**0.5, side / r**0.5) for side in own.sides for r in own.ratios]
        self.propose = Head(own.pyramid, 5 * len(self.shapes), 1)
        self.read = nn.Sequential(
            nn.Linear(own.bins**2 * own.pyramid, own.hidden),
            nn.ReLU(),
            nn.Linear(own.hidden, own.hidden),
            nn.ReLU(),
        )
        self.anatomy = nn.Linear(own.hidden, 1 + regions)
        self.delta = nn.Linear(own.hidden, 4 * regions)
        #: one dense layer; the sigmoid is in the loss
        self.findings = nn.Linear(own.hidden, findings)

    def anchors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the anchor boxes (M, 4) of all levels."""
        return anchors(maps, self.shapes) + 0.5

    def proposed(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return objectness logits (B, M) and box codes (B, M, 4) of all anchors."""
        return proposed(self.propose, maps, len(self.shapes))

    def decoded(self, codes: Tensor, boxes: Tensor) -> Tensor:
        """Return boxes (B, M, 4) of an anchor's codes, kept within the image."""
        found = self.code.decode_single(codes.flatten(0, 1), boxes.expand(*codes.shape).flatten(0, 1))
        return self.inside(found.view(codes.shape))

    def inside(self, boxes: Tensor) -> Tensor:
        """Return boxes that lie in the image and are a pixel wide at least."""
        found = boxes.clamp(0, self.size)
        return torch.cat([found[..., :2], torch.maximum(found[..., 2:], found[..., :2] + 1)], -1)

    def looked(self, maps: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Return the vectors l_k, (B, K, D), of boxes (B, K, 4): features in bins, of all levels' sum."""
        bins = self.own.bins
        ticks = (torch.arange(bins, device=boxes.device) + 0.5) / bins
        share = torch.stack(torch.meshgrid(ticks, ticks, indexing="ij")[::-1], -1).flatten(0, 1)
        at = boxes[..., None, :2] + share * (boxes[..., 2:] - boxes[..., :2])[..., None, :] - 0.5
        read = read_at(torch.stack(fused(maps)).sum(0), at.flatten(1, 2), (self.size, self.size))
        return self.read(read.unflatten(1, (boxes.shape[1], -1)).flatten(2))

    def losses(self, image: Tensor, boxes: Tensor, findings: Tensor) -> Learned:
        """Return the losses of images (B, 1, S, S) with true boxes (B, R, 4) and findings (B, R, F)."""
        maps = self.trunk(image)
        anchors, (objectness, codes) = self.anchors(maps), self.proposed(maps)
        true, there = filled(boxes)
        iou = torch.where(there[..., None], pairwise_iou(true, anchors[None]), -1.0)
        best, region = iou.max(1)
        object_ = best >= OBJECT
        for r in range(self.regions):
            object_ = object_ | (F.one_hot(iou[:, r].argmax(-1), len(anchors)).bool() & there[:, r, None])
        learn = object_ | ((best < NOTHING) & (torch.rand_like(best) < NEGATIVES / len(anchors)))
        places = F.binary_cross_entropy_with_logits(objectness[learn], object_[learn].to(objectness.dtype))
        item, anchor = object_.nonzero(as_tuple=True)
        wanted = self.code.encode_single(true[item, region[item, anchor]], anchors[anchor])
        places = places + F.smooth_l1_loss(codes[item, anchor], wanted, beta=1 / 9)

        kept = self._best(codes.detach(), objectness.detach(), anchors)
        # true boxes, a little moved, so that regions are learned from the first step on
        moved = true + (true[..., 2:] - true[..., :2]).repeat(1, 1, 2) * MOVED * torch.randn_like(true)
        kept = torch.cat([kept, torch.where(there[..., None], self.inside(moved), kept[:, :1])], 1)
        iou = torch.where(there[..., None], pairwise_iou(true, kept), -1.0)
        best, region = iou.max(1)
        holds = best >= MATCHED
        vectors = self.looked(maps, kept)
        weight = torch.where(holds, 1.0, BACKGROUND)
        each = F.cross_entropy(
            self.anatomy(vectors).transpose(1, 2), torch.where(holds, region + 1, 0), reduction="none"
        )
        anatomy = (weight * each).sum() / weight.sum()
        item, number = holds.nonzero(as_tuple=True)
        own, matched = region[item, number], vectors[item, number]
        delta = self.delta(matched).unflatten(-1, (self.regions, 4))[torch.arange(len(own)), own]
        wanted = self.box_code.encode_single(true[item, own], kept[item, number])
        box = F.smooth_l1_loss(delta, wanted, beta=1.0) if len(own) else anatomy * 0
        return Learned(places, anatomy, box, self.findings(matched), findings[item, own])

    def _best(self, codes: Tensor, objectness: Tensor, anchors: Tensor) -> Tensor:
        top = objectness.topk(min(self.own.proposals, len(anchors)), dim=1).indices
        boxes = self.decoded(codes, anchors)
        return boxes.gather(1, top[..., None].expand(-1, -1, 4))

    def forward(self, image: Tensor) -> Tokens:
        """Return the tokens of images (B, 1, S, S)."""
        from monai.data.box_utils import non_max_suppression

        maps = self.trunk(image)
        anchors, (objectness, codes) = self.anchors(maps), self.proposed(maps)
        boxes = self.decoded(codes, anchors)
        order = objectness.topk(min(4 * self.own.proposals, len(anchors)), dim=1).indices
        kept = []
        for own, first, score in zip(boxes, order, objectness):
            few = non_max_suppression(
                own[first].float(), score[first].float(), self.own.overlap, self.own.proposals
            )
            kept.append(own[first][few])
        # the first box stands again where an image has fewer than others
        most = max(map(len, kept))
        few_boxes = torch.stack([torch.cat([own, own[:1].expand(most - len(own), 4)]) for own in kept])
        vectors = self.looked(maps, few_boxes)
        score, best = self.anatomy(vectors).softmax(-1)[..., 1:].max(dim=1)
        batch = torch.arange(len(best), device=best.device)[:, None]
        chosen, place = vectors[batch, best], few_boxes[batch, best]
        own = torch.arange(self.regions, device=best.device)
        delta = self.delta(chosen).unflatten(-1, (self.regions, 4))[:, own, own]
        found = self.box_code.decode_single(delta.flatten(0, 1), place.flatten(0, 1)).view_as(place)
        return settled(chosen, self.inside(found), score, self.findings(chosen), self.own.cut)


def settled(vectors: Tensor, boxes: Tensor, score: Tensor, findings: Tensor, cut: float) -> Tokens:
    """Return tokens with zeros where a region scores under ``cut``."""
    there = score >= cut
    return Tokens(vectors * there[..., None], boxes, score * there, findings)
