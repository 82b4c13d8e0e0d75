"""Learning from images without labels: what each way asks of which network, in 2D, on one layer."""

import pytest
import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.losses.consistency import agreement, entropy
from mlmi2023.losses.segmentation import DeepSupervision, build_loss
from mlmi2023.tasks.segmentation.semi_supervised import MIX, SemiSupervisedSegmentation, WithUnlabelled
from mlmi2023.tasks.semi_options import CrossPseudo, Entropy, Interpolation, MeanTeacher


class Net(nn.Module):
    """A convolution that answers at two sizes while it trains."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)

    def forward(self, x):
        out = self.conv(x)
        return [out, out[..., ::2, ::2]] if self.training else out


class Source(nn.Module):
    """Images of a batch; labels of images without any would break a loss."""

    def forward(self, batch, train):
        return batch["image"], batch.get("label", torch.full((2, 4, 4), 255))


def module(kind, second=None, **keys):
    torch.manual_seed(0)
    names = {
        Entropy: "entropy",
        MeanTeacher: "mean_teacher",
        Interpolation: "interpolation",
        CrossPseudo: "cross_pseudo",
    }
    own = options(kind, {"name": names[kind], "ramp": 0.0, **keys}, "config", "semi")
    net = Net()
    return SemiSupervisedSegmentation(
        net, DeepSupervision(build_loss({})), {"steps": 10}, Source(), own, second=second, classes=1, cases=1
    )


def batch():
    torch.manual_seed(1)
    return {
        "image": torch.randn(2, 1, 4, 4), "label": torch.randint(0, 2, (2, 4, 4)),
        "unlabelled_image": torch.randn(2, 1, 4, 4), MIX: torch.tensor([0.3, 0.9]),
    }  # fmt: skip


def test_the_whole_loss_is_that_of_labels_and_lambda_times_the_other():
    own, given = module(Entropy, weight=0.5), batch()
    plain = own.loss(own.net(given["image"]), given["label"])
    more = entropy(own.net.conv(given["unlabelled_image"]))
    assert torch.allclose(own.training_step(given, 0), plain + 0.5 * more)
    silent = module(Entropy, weight=0.0)
    assert torch.allclose(silent.training_step(given, 0), plain)


def test_the_mixed_answer_of_the_teacher_is_asked_for_mixed_images():
    own, given = module(Interpolation), batch()
    with torch.no_grad():
        own.teacher.conv.weight += 0.7
    image, share = given["unlabelled_image"], given[MIX]
    part = share.view(2, 1, 1, 1)
    mixed = part * image + (1 - part) * image.flip(0)
    chance = own.teacher.conv(image).softmax(1)
    wanted = agreement(own.net.conv(mixed), part * chance + (1 - part) * chance.flip(0))
    assert torch.allclose(own.of_unlabelled(image, share), wanted)


def test_the_teacher_follows_and_is_not_trained():
    own, given = module(MeanTeacher, noise=0.0, ema=0.5), batch()
    assert own.of_unlabelled(given["unlabelled_image"]).item() == pytest.approx(0)  # they are the same yet
    assert not any(p.requires_grad for p in own.teacher.parameters())
    before = own.teacher.conv.weight.clone()
    with torch.no_grad():
        own.net.conv.weight[1] += 1
    assert own.of_unlabelled(given["unlabelled_image"]) > 0.001
    own.on_train_batch_end(None, None, 0)
    moved = (own.teacher.conv.weight - before).flatten()
    assert moved[0] == 0 and 0 < moved[1] < 1
    assert any(name.startswith("teacher.") for name in own.state_dict())  # survives a kill


def test_two_networks_teach_each_other():
    second = Net()
    own, given = module(CrossPseudo, second=second), batch()
    own.training_step(given, 0).backward()
    assert own.net.conv.weight.grad.abs().sum() > 0 and second.conv.weight.grad.abs().sum() > 0
    image = given["unlabelled_image"]
    with torch.no_grad():
        second.conv.weight.zero_()
        second.conv.bias.copy_(torch.tensor([-9.0, 9.0]))
    own.net.zero_grad()
    second.zero_grad()
    own.of_unlabelled(image).backward()
    assert own.net.conv.bias.grad[1] < 0  # the other is sure of class 1: more of it
    for wrong, other in ((Entropy, Net()), (CrossPseudo, None)):
        with pytest.raises(ValueError, match="second network"):
            module(wrong, second=other)


def test_samples_come_in_pairs_and_an_empty_pool_is_said():
    labelled = [{"row": torch.tensor(n)} for n in range(3)]
    others = [{"row": torch.tensor(n)} for n in (7, 8)]
    pairs = WithUnlabelled(labelled, others, alpha=0.2)
    torch.manual_seed(0)
    seen = [pairs[n % 3] for n in range(30)]
    assert len(pairs) == 3 and [int(s["row"]) for s in seen[:3]] == [0, 1, 2]
    assert {int(s["unlabelled_row"]) for s in seen} == {7, 8}
    shares = torch.stack([s[MIX] for s in seen])
    assert (
        (shares >= 0).all() and (shares <= 1).all() and ((shares < 0.1) | (shares > 0.9)).float().mean() > 0.5
    )
    assert MIX not in WithUnlabelled(labelled, others)[0]
    with pytest.raises(InputError, match="without labels"):
        WithUnlabelled(labelled, [])
