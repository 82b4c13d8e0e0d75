"""Mask R-CNN (He et al. 2017), from its description: boxes proposed, aligned features, a mask inside each.

Codes and overlaps of boxes are MONAI's, which has no mask head.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlmi2023.nets.blocks.boxes import pairwise_iou
from mlmi2023.nets.blocks.feature_pyramid import (
    Trunk,
    anchors,
    cells,
    check_size,
    fused,
    proposed,
    read_at,
)
from mlmi2023.papers.ffpn.shared_head import SharedHead
from mlmi2023.papers.ffpn.truth import Found, Truth

#: bins along a side that the box head and the mask head read
BOX_BINS, MASK_BINS = 7, 14


class MaskRCNN(nn.Module):
    """The network.

    Args:
        channels: of the image.
        classes: K structures.
        size: rows and columns of the image, multiples of 32.
        depths: of the ResNet.
        width: of its stem.
        pyramid: channels of the pyramid.
        head: convolutions of the region proposals' head before the last one.
        sides: of anchor boxes on each level, in strides.
        ratios: height over width of anchor boxes.
        proposals: boxes that are looked into.
        hidden: channels of the box head.
        mask: convolutions of the mask head before it is made larger.
        overlap: of boxes, above which one suppresses the other.
        cut: score under which nothing is found.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        size: Sequence[int] = (416, 416),
        depths: Sequence[int] = (3, 4, 6, 3),
        width: int = 64,
        pyramid: int = 256,
        head: int = 1,
        sides: Sequence[float] = (4.0,),
        ratios: Sequence[float] = (0.5, 1.0, 2.0),
        proposals: int = 100,
        hidden: int = 1024,
        mask: int = 4,
        overlap: float = 0.7,
        cut: float = 0.05,
    ) -> None:
        super().__init__()
        from monai.apps.detection.utils.box_coder import BoxCoder

        check_size(size)
        self.size, self.classes, self.count, self.cut = tuple(size), classes, proposals, cut
        self.overlap = overlap
        self.code, self.box_code = BoxCoder([1.0] * 4), BoxCoder([10.0, 10.0, 5.0, 5.0])
        self.trunk = Trunk(channels, depths, width, pyramid)
        self.shapes = [(side * ratio**0.5, side / ratio**0.5) for side in sides for ratio in ratios]
        self.propose = SharedHead(pyramid, 5 * len(self.shapes), head)
        self.box = nn.Sequential(
            nn.Linear(BOX_BINS**2 * pyramid, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.score, self.delta = nn.Linear(hidden, 1 + classes), nn.Linear(hidden, 4 * classes)
        layers: list[nn.Module] = []
        for _ in range(mask):
            layers += [nn.Conv2d(pyramid, pyramid, 3, padding=1), nn.ReLU()]
        layers += [nn.ConvTranspose2d(pyramid, pyramid, 2, 2), nn.ReLU(), nn.Conv2d(pyramid, classes, 1)]
        self.mask = nn.Sequential(*layers)

    def anchors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the anchor boxes (M, 4) of all levels: left, top, right, bottom."""
        return anchors(maps, self.shapes)

    def proposed(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return objectness logits (B, M) and box codes (B, M, 4) of all anchors."""
        return proposed(self.propose, maps, len(self.shapes))

    def boxes(self, codes: Tensor, anchors: Tensor) -> Tensor:
        """Return boxes (B, M, 4) of codes, kept within the image."""
        found = self.code.decode_single(codes.flatten(0, 1), anchors.expand(*codes.shape).flatten(0, 1))
        return self._inside(found.view(codes.shape))

    def _inside(self, boxes: Tensor) -> Tensor:
        end = torch.tensor([self.size[1], self.size[0]] * 2, device=boxes.device) - 0.5
        found = torch.minimum(boxes.clamp_min(-0.5), end)
        return torch.cat([found[..., :2], torch.maximum(found[..., 2:], found[..., :2] + 1)], -1)

    def aligned(self, maps: Sequence[Tensor], boxes: Tensor, bins: int) -> Tensor:
        """Return features (B, R, C, bins, bins) inside boxes (B, R, 4), of all levels' sum."""
        ticks = (torch.arange(bins, device=boxes.device) + 0.5) / bins
        share = torch.stack(torch.meshgrid(ticks, ticks, indexing="ij")[::-1], -1).flatten(0, 1)
        at = boxes[..., None, :2] + share * (boxes[..., 2:] - boxes[..., :2])[..., None, :]
        read = read_at(torch.stack(fused(maps)).sum(0), at.flatten(1, 2), self.size)
        return read.unflatten(1, (boxes.shape[1], bins, bins)).permute(0, 1, 4, 2, 3)

    def looked(self, maps: Sequence[Tensor], boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, R, 1 + K) and codes (B, R, K, 4) of what boxes hold."""
        inner = self.box(self.aligned(maps, boxes, BOX_BINS).flatten(2))
        return self.score(inner), self.delta(inner).unflatten(-1, (self.classes, 4))

    def losses(self, image: Tensor, truth: Truth) -> Tensor:
        """Return the losses of proposals, of boxes and of masks."""
        maps = self.trunk(image)
        anchors, (objectness, codes) = self.anchors(maps), self.proposed(maps)
        true = torch.cat([truth.points.amin(2), truth.points.amax(2)], -1)
        iou = torch.where(truth.there[..., None], pairwise_iou(true, anchors[None]), -1.0)
        best, structure = iou.max(1)
        object_ = best >= 0.7
        for k in range(self.classes):
            object_ = object_ | (
                F.one_hot(iou[:, k].argmax(-1), len(anchors)).bool() & truth.there[:, k, None]
            )
        learn = object_ | ((best < 0.3) & (torch.rand_like(best) < 64 / len(anchors)))
        loss = F.binary_cross_entropy_with_logits(objectness[learn], object_[learn].to(objectness.dtype))
        item, anchor = object_.nonzero(as_tuple=True)
        wanted = self.code.encode_single(true[item, structure[item, anchor]], anchors[anchor])
        loss = loss + F.smooth_l1_loss(codes[item, anchor], wanted, beta=1 / 9)

        boxes = self.boxes(codes.detach(), anchors)
        top = objectness.detach().topk(min(self.count, len(anchors)), dim=1).indices
        boxes = boxes.gather(1, top[..., None].expand(-1, -1, 4))
        # the truth itself, a little moved, so that boxes are learned from the first step on
        moved = true + (true[..., 2:] - true[..., :2]).repeat(1, 1, 2) * 0.1 * torch.randn_like(true)
        boxes = torch.cat(
            [boxes, torch.where(truth.there[..., None], self._inside(moved), boxes[:, :1])], dim=1
        )
        iou = torch.where(truth.there[..., None], pairwise_iou(true, boxes), -1.0)
        best, structure = iou.max(1)
        holds = best >= 0.5
        logits, deltas = self.looked(maps, boxes)
        weight = torch.where(holds, 1.0, 0.25)
        each = F.cross_entropy(logits.transpose(1, 2), torch.where(holds, structure + 1, 0), reduction="none")
        loss = loss + (weight * each).sum() / weight.sum()
        item, number = holds.nonzero(as_tuple=True)
        if not len(item):
            return loss
        own = structure[item, number]
        wanted = self.box_code.encode_single(true[item, own], boxes[item, number])
        loss = loss + F.smooth_l1_loss(deltas[item, number, own], wanted, beta=1.0)
        # masks are learned inside the last boxes of each image, which are the truth's own
        last = boxes[:, -self.classes :]
        found = self.mask(self.aligned(maps, last, MASK_BINS).flatten(0, 1)).unflatten(0, last.shape[:2])
        target = self._cropped(truth, last, 2 * MASK_BINS)
        own = torch.arange(self.classes, device=image.device)
        return loss + F.binary_cross_entropy_with_logits(found[:, own, own][truth.there], target[truth.there])

    def _cropped(self, truth: Truth, boxes: Tensor, bins: int) -> Tensor:
        """Return each structure's mask inside its box, (B, K, bins, bins)."""
        k = torch.arange(1, 1 + self.classes, device=boxes.device)
        masks = (truth.labels[:, None] == k[:, None, None]).to(boxes.dtype)
        ticks = (torch.arange(bins, device=boxes.device) + 0.5) / bins
        share = torch.stack(torch.meshgrid(ticks, ticks, indexing="ij")[::-1], -1)
        at = boxes[:, :, None, None, :2] + share * (boxes[..., 2:] - boxes[..., :2])[:, :, None, None]
        own = read_at(masks.flatten(0, 1)[:, None], at.flatten(0, 1).flatten(1, 2), self.size)
        return (own.view(*boxes.shape[:2], bins, bins) >= 0.5).to(boxes.dtype)

    def found(self, image: Tensor) -> Found:
        """Return the mask in the box that scores highest for each structure, after suppression."""
        from monai.data.box_utils import non_max_suppression

        maps = self.trunk(image)
        anchors, (objectness, codes) = self.anchors(maps), self.proposed(maps)
        boxes, score = self.boxes(codes, anchors), objectness
        top = score.topk(min(4 * self.count, score.shape[1]), dim=1).indices
        kept = []
        for own, order, value in zip(boxes, top, score):
            few = non_max_suppression(own[order].float(), value[order].float(), self.overlap, self.count)
            kept.append(own[order][few])
        # the best box stands again where an image has fewer than others
        most = max(map(len, kept))
        few_boxes = torch.stack([torch.cat([own, own[:1].expand(most - len(own), 4)]) for own in kept])
        logits, deltas = self.looked(maps, few_boxes)
        score, best = logits.softmax(-1)[..., 1:].max(dim=1)
        batch = torch.arange(len(best), device=best.device)[:, None]
        k = torch.arange(self.classes, device=best.device)
        chosen, code = few_boxes[batch, best], deltas[batch, best, k]
        last = self._inside(
            self.box_code.decode_single(code.flatten(0, 1), chosen.flatten(0, 1)).view_as(chosen)
        )
        inner = self.mask(self.aligned(maps, last, MASK_BINS).flatten(0, 1)).unflatten(0, last.shape[:2])
        masks = self._pasted(inner[:, k, k].sigmoid(), last)
        return Found(torch.where(score >= self.cut, score, 0), masks=masks)

    def _pasted(self, masks: Tensor, boxes: Tensor) -> Tensor:
        """Return masks (B, K, m, m) in boxes (B, K, 4) as chances all over the image, (B, K, H, W)."""
        places = cells(self.size, 1, boxes.device)
        share = (places - boxes[:, :, None, :2]) / (boxes[..., 2:] - boxes[..., :2])[:, :, None]
        grid = (2 * share - 1).flatten(0, 1)[:, None]
        found = F.grid_sample(masks.flatten(0, 1)[:, None], grid, align_corners=False, padding_mode="zeros")
        return found.view(*boxes.shape[:2], *self.size)
