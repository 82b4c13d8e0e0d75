"""The paper's detector on a stand-in of torchvision's parts: what is matched, and which token is kept."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import nn

from mlmi2023.papers.cxr_tokens.faster_rcnn import HIDDEN, FasterRcnnDetector
from mlmi2023.papers.cxr_tokens.network_options import FasterRcnn

REGIONS, FINDINGS, SIZE = 3, 2, 32
#: proposals of each image; the first two lie on regions 0 and 2
PROPOSALS = torch.tensor([[2.0, 2, 14, 14], [16, 16, 30, 30], [0, 20, 6, 30]])


class Rpn(nn.Module):
    def forward(self, images, maps, targets=None):
        losses = {"loss_objectness": torch.tensor(0.5), "loss_rpn_box_reg": torch.tensor(0.25)}
        return [PROPOSALS] * len(images.tensors), losses if targets is not None else {}


class RoiHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.box_head = nn.Linear(4, HIDDEN)
        self.box_predictor = Predictor()
        self.box_coder = SimpleNamespace(decode=self.decode)

    def box_roi_pool(self, maps, boxes, shapes):
        assert shapes == [(SIZE, SIZE)] * len(boxes)
        return torch.cat(boxes)

    def decode(self, codes, proposals):
        return codes.unflatten(1, (-1, 4)) + torch.cat(proposals)[:, None]

    def select_training_samples(self, proposals, targets):
        # the first proposal belongs to the first true box, the second to the last, the third to none
        matched = [torch.tensor([0, len(t["boxes"]) - 1, 0]) for t in targets]
        labels = [torch.stack([t["labels"][0], t["labels"][-1], torch.tensor(0)]) for t in targets]
        return proposals, matched, labels, [torch.zeros(3, 4)] * len(targets)


class Predictor(nn.Module):
    def forward(self, vectors):
        scores = torch.full((len(vectors), 1 + REGIONS), -4.0)
        for number in range(len(vectors)):
            scores[number, (1, 3, 0)[number % 3]] = 4.0
        return scores, torch.ones(len(vectors), 4 * (1 + REGIONS))


@pytest.fixture
def detection(monkeypatch):
    """Stand in for torchvision with what the detector uses of it."""

    def build(weights, weights_backbone, num_classes, rpn_post_nms_top_n_test):
        assert weights is weights_backbone is None and num_classes == 1 + REGIONS
        return SimpleNamespace(backbone=nn.Conv2d(3, 2, 1), rpn=Rpn(), roi_heads=RoiHeads())

    modules = {
        name: ModuleType(name)
        for name in (
            "torchvision",
            "torchvision.models",
            "torchvision.models.detection",
            "torchvision.models.detection.image_list",
            "torchvision.models.detection.roi_heads",
        )
    }
    modules["torchvision.models.detection.image_list"].ImageList = lambda tensors, sizes: SimpleNamespace(
        tensors=tensors, image_sizes=sizes
    )
    modules["torchvision.models.detection.roi_heads"].fastrcnn_loss = lambda *given: (
        torch.tensor(2.0),
        torch.tensor(0.75),
    )
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return SimpleNamespace(fasterrcnn_resnet50_fpn_v2=build)


def test_matched_proposals_learn_the_findings_of_their_regions(detection):
    net = FasterRcnnDetector(FasterRcnn(name="faster_rcnn"), REGIONS, FINDINGS, SIZE, detection)
    gone = [float("nan")] * 4
    boxes = torch.tensor(
        [[[2.0, 2, 14, 14], gone, [16, 16, 30, 30]], [gone, [2, 2, 14, 14], [16, 16, 30, 30]]]
    )
    findings = torch.arange(12).view(2, 3, 2)
    learned = net.losses(torch.zeros(2, 1, SIZE, SIZE), boxes, findings)
    assert float(learned.places) == 0.75 and (float(learned.anatomy), float(learned.box)) == (2.0, 0.75)
    # regions 0 and 2 of the first image, 1 and 2 of the second; background has none
    assert learned.truth.tolist() == [[0, 1], [4, 5], [8, 9], [10, 11]]
    assert learned.logits.shape == (4, FINDINGS)


def test_each_region_takes_its_best_proposal(detection):
    net = FasterRcnnDetector(FasterRcnn(name="faster_rcnn"), REGIONS, FINDINGS, SIZE, detection).eval()
    with torch.no_grad():
        found = net(torch.zeros(2, 1, SIZE, SIZE))
        vectors = net.roi_heads.box_head(PROPOSALS)
    assert found.vectors.shape == (2, REGIONS, HIDDEN)
    for region, number in ((0, 0), (2, 1)):
        assert torch.allclose(found.vectors[1, region], vectors[number], atol=1e-4)
    assert found.boxes[0, 2].tolist() == [17, 17, 31, 31], "its own code, of its own region"
    assert found.score[0, 1] == 0 and not found.vectors[0, 1].any(), "nothing scores as region 1"
    assert torch.allclose(found.findings[0, 0], net.findings(vectors[0]), atol=1e-3)
