"""Loss, shapes to learn from, distillation, redraws and scores, on small tiles."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bad_inputs import said
from mlmi2023.core.jobs import Used
from mlmi2023.losses.segmentation import build_loss
from mlmi2023.papers.sppnet import evaluate
from mlmi2023.papers.sppnet.cases import Nuclei
from mlmi2023.papers.sppnet.module import Distilling
from mlmi2023.papers.sppnet.networks import build
from mlmi2023.papers.sppnet.options import Method, Task
from mlmi2023.papers.sppnet.redraws import redrawn
from mlmi2023.papers.sppnet.shapes import draw_shapes
from mlmi2023.papers.sppnet.source import Source
from mlmi2023.papers.sppnet.train import plan
from sppnet_data import NET, SIZE, TRAIN, VIT, job

ROW = {"row": torch.tensor([0, 1]), "seed": torch.tensor([4, 5])}


def test_the_loss_is_soft_dice_over_the_whole_batch():
    torch.manual_seed(0)
    logits, truth = torch.randn(3, 1, 4, 4), torch.randint(0, 2, (3, 4, 4))
    p = torch.sigmoid(logits[:, 0])
    wanted = 1 - (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
    torch.testing.assert_close(build_loss(TRAIN["loss"])(logits, truth), wanted)


def test_overlap_by_hand():
    found, true = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    found[0], true[0, 1:], true[1, :2] = 1, 1, 1
    # 3 in both, 4 and 5 in each
    assert evaluate.overlap(found, true) == pytest.approx({"dsc": 100 * 7 / 10, "miou": 100 * 4 / 7})
    assert evaluate.overlap(found * 0, true)["dsc"] == pytest.approx(100 / 6)


def test_all_nuclei_are_learned_and_one_shape():
    cases = Nuclei(job())
    seen, mask = cases.source(ROW, False)
    for row in (0, 1):
        assert torch.equal(mask[row], cases.targets(row)[0].long())
    images, numbers = draw_shapes(2, 4 * SIZE)
    alone = Source(images, numbers, Task(kind="segmentation", size=(SIZE, SIZE)), "centre", single=True)
    seen, mask = alone(ROW, False)
    for row, (x, y) in enumerate(seen.points[:, 0].long().tolist()):
        chosen = numbers[row, y, x]
        assert chosen > 0
        wanted = alone.frame.mask(torch.from_numpy(numbers[row] == chosen)[None])[0]
        assert torch.equal(mask[row], wanted)
    again, _ = draw_shapes(2, 4 * SIZE)
    assert (images == again).all() and (draw_shapes(1, 4 * SIZE, part=1)[0] != images[:1]).any()


def test_several_points_of_an_image_each_have_their_mask_and_share_its_embedding():
    images, numbers = draw_shapes(2, 4 * SIZE)
    task = Task(kind="segmentation", size=(SIZE, SIZE))
    source = Source(images, numbers, task, "centre", single=True, each=3)
    seen, mask = source({**ROW, "seed": torch.tensor([5, 6])}, True)
    assert seen.image.shape[0] == 2 and seen.points.shape == (6, 2, 2) and len(mask) == 6
    assert len({tuple(place) for place in seen.points[:3, 0].tolist()}) > 1
    for (x, y), own in zip((seen.points[:, 0] / 4).round().long().tolist(), mask):
        assert own.sum() == 0 or own[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].any()
    net = build({**NET, "block": None}, SIZE).eval()
    with torch.no_grad():
        found = net(seen)
        for number in range(6):
            alone = seen._replace(
                image=seen.image[number // 3][None],
                low=seen.low[number // 3][None],
                points=seen.points[number][None],
                labels=seen.labels[number][None],
            )
            assert torch.allclose(net(alone)[0], found[number], atol=1e-5)
    assert len(source(ROW, False)[1]) == 2, "validation has one point of an image"


def test_an_encoder_follows_its_teacher_and_nothing_else_learns(tmp_path):
    teacher = {**NET, "encoder": VIT, "block": None}
    save_file(build(teacher, SIZE).state_dict(), tmp_path / "w.safetensors")
    keys = {
        "net": {**NET, "block": None},
        "model": "distil",
        "teacher": teacher,
        "start": "sam_base",
        "uses": ["sam_base"],
    }
    used = {"sam_base": Used(tmp_path, tmp_path / "w.safetensors")}
    module = plan(job(keys, used=used)).module
    assert isinstance(module, Distilling)
    loss = module.training_step(ROW, 0)
    seen, _ = module.source(ROW, True)
    wanted = ((module.net.encoder(seen.image) - module.teacher(seen.image)) ** 2).mean()
    torch.testing.assert_close(loss, wanted, rtol=1e-3, atol=1e-5)
    loss.backward()
    assert module.net.encoder.neck[2].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in module.net.decoder.parameters())
    assert all(p.grad is None for p in module.teacher.parameters())
    said(lambda: plan(job(keys)), "start is 'sam_base', which 'uses' lacks")


def test_redraws_are_what_the_network_says_to_each_of_its_points():
    cases = Nuclei(job())
    torch.manual_seed(0)
    net = build(NET, SIZE).eval()
    with torch.inference_mode():
        found = redrawn(net, cases.source, 5, 60, seed=0)
        assert found.shape == (60,) and np.array_equal(found, redrawn(net, cases.source, 5, 60, seed=0))
        rng = np.random.default_rng([202, 0, 5, 55])
        seen, mask = cases.source.seen([5], [rng])
        answer = net(seen)[0, 0] > 0
        both = (answer & (mask[0] > 0)).sum()
        wanted = float((2 * both + 1) / (answer.sum() + mask.sum() + 1))
        assert found[55] == pytest.approx(wanted, abs=0.02)
        # a decoder that does not look at its points says the same to all
        for own in net.prompts.point_embed:
            own.weight.zero_()
        net.prompts.shared_embedding.positional_embedding.zero_()
        assert np.ptp(redrawn(net, cases.source, 5, 60, seed=0)) == 0


def test_controls_and_networks_are_scored(tmp_path):
    for kind, dice in (("background", (0, 5)), ("truth", (75, 100)), ("otsu", (5, 100))):
        own = job({"kind": kind})
        own.method_options.pop("net")
        evaluate.predict(own, None, tmp_path / kind)
        values = list(evaluate.score(own, tmp_path / kind))
        means = [v.value for v in values if v.metric == "dsc"]
        assert len(means) == 2 and dice[0] <= min(means) and max(means) <= dice[1], (kind, means)
    net = build(NET, SIZE)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    own = job({"printed": NET, "redraws": True}, {"redraws": 3, "costs": 1, "printed_size": 32})
    evaluate.predict(own, tmp_path / "weights.safetensors", tmp_path / "net")
    values = {v.metric: v.value for v in evaluate.score(own, tmp_path / "net")}
    weights = sum(p.numel() for p in net.parameters())
    assert values["params"] == values["params_run"] == weights / 1e6
    assert values["flops"] > 3 * values["flops_run"] and values["fps"] > 0
    assert values["redraw_gap"] >= values["redraw_sd"] >= 0 and 0 <= values["redraw_dsc"] <= 100


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ({"net": {"name": "unet"}, "redraws": True}, "has no prompts"),
        ({"net": NET, "model": "distil"}, "needs teacher and start"),
        ({"net": {**NET, "width": 40}}, "width 40 does not divide"),
        ({"net": {**NET, "block": None, "fusion": "concat"}}, "fusion concat needs a block"),
        (
            {"net": {**NET, "encoder": {"name": "tiny_vit", "heads": [2, 3, 5, 10]}}},
            "does not divide by its heads",
        ),
    ],
)
def test_slips_in_methods_are_one_line(method, says):
    from mlmi2023.core.options import options

    said(lambda: options(Method, {"kind": "learned", **method}, "config", "methods.x"), says)


def test_a_cohort_without_nuclei_is_one_line(tmp_path):
    from mlmi2023.cohorts.forms.tissue.form import pack
    from sppnet_data import packed

    raw = packed().parent / "raw"
    read = {"images": "images/{subject}.png"}
    config = {"kind": "folder", "form": "tissue", "read": read, "split": {"train": 3, "val": 2, "test": 2}}
    pack(config, raw, tmp_path / "packed", "plain")
    from dataclasses import replace

    said(lambda: Nuclei(replace(job(), data=tmp_path / "packed")), "knows of no single nuclei", "read.nuclei")
