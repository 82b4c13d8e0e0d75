"""Stages and what they hand on: the right branch, the right encoder, frozen weights, all on a few patches."""

import numpy as np
import pytest
import torch

from histo_kd_data import JOINT, NET, TARGETS, TASK, cohort, job
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import options
from mlmi2023.papers.histo_kd.building import (
    branch_views,
    build,
    method_of,
    probed_branch,
    probed_view,
    take_over,
)
from mlmi2023.papers.histo_kd.embedding import chance, error_of_the_mean
from mlmi2023.papers.histo_kd.evaluate import layers_of, predict, score
from mlmi2023.papers.histo_kd.model import JointEmbedding, begin
from mlmi2023.papers.histo_kd.options import Task
from mlmi2023.papers.histo_kd.patches import Patches
from mlmi2023.papers.histo_kd.reading import explained
from mlmi2023.papers.histo_kd.train import plan
from mlmi2023.training.loop.weights import save_weights

TRANSLATION = {"kind": "learned", "model": "translation", "net": {"features": [4, 4, 4, 8, 8, 4]}}
COUNTS = {"tissue": 3, "cell": 4}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    return cohort(tmp_path_factory.mktemp("patches"))


def batch(made, count=4):
    items = [made.train[k] for k in range(count)]
    return torch.utils.data.default_collate(items)


def stepped(made):
    """Take an optimiser step; return the loss."""
    optimiser = made.module.configure_optimizers()["optimizer"]
    loss = made.module.training_step(batch(made), 0)
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def test_what_branches_see():
    task = {side: options(Task, {**TASK, "probe": side}, "test") for side in ("sparse", "dense")}
    asym, sym = (method_of({**JOINT, "symmetric": own}) for own in (False, True))
    assert probed_view(task["sparse"]) == "map" and probed_view(task["dense"]) == "image"
    assert branch_views(task["sparse"], asym) == branch_views(task["dense"], asym) == ("map", "image")
    assert branch_views(task["sparse"], sym) == ("map", "map")
    assert branch_views(task["dense"], sym) == ("image", "image")
    assert [probed_branch(task[side], asym) for side in task] == [0, 1]
    assert [probed_branch(task[side], sym) for side in task] == [0, 0]


@pytest.mark.parametrize("shared", [False, True])
def test_the_probe_takes_over_the_encoder_of_its_branch(packed, tmp_path, shared):
    own = method_of({**JOINT, "shared": shared})
    whole = JointEmbedding(own.net, shared)
    save_weights(whole, tmp_path / "weights.safetensors")
    for probe, branch in (("sparse", 0), ("dense", 1)):
        asked = job(
            packed, {**JOINT, "shared": shared}, previous=tmp_path / "weights.safetensors", probe=probe
        )
        net = build(own, COUNTS)
        take_over(net, own, options(Task, asked.task, "test"), asked)
        theirs = whole.encoders[0 if shared else branch].trunk.conv1.weight
        assert torch.equal(net.encoders["own"].trunk.conv1.weight, theirs)
    with pytest.raises(InputError, match="put the stage that trains it before"):
        take_over(net, own, options(Task, TASK, "test"), job(packed, JOINT))
    wider = method_of({**JOINT, "net": {**JOINT["net"], "width": 8}})
    with pytest.raises(InputError, match="weights of another network"):
        take_over(build(wider, COUNTS), own, options(Task, TASK, "test"), asked)


def test_transfer_reads_the_encoder_of_the_other_target(tmp_path, packed):
    supervised = build(method_of({"kind": "learned", "model": "supervised", "net": NET}), COUNTS)
    save_weights(supervised, tmp_path / "weights.safetensors")
    own = method_of({"kind": "learned", "model": "transfer", "net": NET})
    net = build(own, COUNTS)
    asked = job(packed, {}, previous=tmp_path / "weights.safetensors")
    take_over(net, own, options(Task, TASK, "test"), asked)
    assert supervised.reads == {"tissue": "tissue", "cell": "cell"}
    assert net.reads == {"tissue": "cell", "cell": "tissue"}
    x = torch.rand(2, 3, 32, 32)
    theirs = supervised.eval().encoders["cell"](x)
    assert torch.equal(net.eval().features(x)[net.reads["tissue"]], theirs)


def test_an_embedding_learns_and_other_starts_see_the_same_samples(packed):
    made = plan(job(packed, JOINT, "ssl", kind="pairing"))
    before = {name: value.clone() for name, value in made.module.net.named_parameters()}
    stepped(made)
    moved = [
        name for name, value in made.module.net.named_parameters() if not torch.equal(value, before[name])
    ]
    assert any("encoders.0" in name for name in moved) and any("encoders.1" in name for name in moved)
    assert made.learned_by(None).name == "val_read" and chance(6, 6) == 1 / 6
    starts = []
    for restart in (0, 1, 1):
        torch.manual_seed(0)
        begin(0, restart)
        starts.append(torch.rand(3))
    assert torch.equal(starts[1], starts[2]) and not torch.equal(starts[0], starts[1])


def test_what_is_read_is_what_labels_and_features_share():
    rng = np.random.default_rng(0)
    labels = np.eye(3)[np.arange(60) % 3]
    good, bad = labels @ rng.normal(size=(3, 5)), rng.normal(size=(60, 5))
    assert explained(good[:40], labels[:40], good[40:], labels[40:]) > 0.9
    assert explained(bad[:40], labels[:40], bad[40:], labels[40:]) < 0.1
    shifted = np.roll(labels, 1, axis=1)
    assert explained(good[:40], labels[:40], good[40:], shifted[40:]) < 0


def test_an_embedding_is_judged_by_the_branch_that_is_probed(packed):
    for probe, branch in (("sparse", 0), ("dense", 1)):
        module = plan(job(packed, JOINT, "ssl", probe=probe)).module
        reading, number = module.reading
        assert number == branch and reading.view == probed_view(module.patches.task)
        assert set(reading.train) | set(reading.val) <= set(range(18 + 6))
    # tissues can be told from these colours, whatever the weights
    assert 0.5 < reading(module.net.eval().encoder(1), torch.device("cpu")) <= 1
    assert Patches(job(packed, JOINT, kind="pairing", targets=None)).judged_by() == ["tissue"]


def test_a_probe_learns_on_features_that_stay(packed, tmp_path):
    own = method_of(JOINT)
    save_weights(JointEmbedding(own.net, False), tmp_path / "weights.safetensors")
    made = plan(job(packed, JOINT, previous=tmp_path / "weights.safetensors"))
    module, patches = made.module, made.module.patches
    state = {name: value.clone() for name, value in module.net.encoders.state_dict().items()}
    row = batch(made)["row"]
    kept = module.features_own[module.place[row]]
    with torch.no_grad():
        again = module.net.eval().encoders["own"](patches.view("map", row, torch.device("cpu")))
    torch.testing.assert_close(kept, again, atol=1e-5, rtol=1e-4)
    first = stepped(made)
    assert stepped(made) < first
    assert all(torch.equal(value, state[name]) for name, value in module.net.encoders.state_dict().items())
    assert (module.place[torch.from_numpy(patches.rows("test"))] == -1).all()
    assert np.isclose(module.majority(), 1 / 3)


def test_supervised_encoders_do_not_mind_each_other(packed):
    made = plan(job(packed, {"kind": "learned", "model": "supervised", "net": NET}))
    drawn = batch(made)
    logits = made.module.logits(drawn, True)["tissue"]
    alone = torch.nn.functional.cross_entropy(logits, made.module.labels_tissue[drawn["row"]])
    own, other = (list(made.module.net.encoders[target].parameters()) for target in ("tissue", "cell"))
    wanted = torch.autograd.grad(alone, own, retain_graph=True)
    assert all(g is None for g in torch.autograd.grad(alone, other, allow_unused=True))
    both = torch.autograd.grad(made.module.training_step(drawn, 0), own)
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(wanted, both, strict=True))


def test_the_u_net_learns_the_second_stain(packed, tmp_path):
    made = plan(job(packed, TRANSLATION, "translate", kind="pairing", pair=["image", "partner"]))
    first = stepped(made)
    for _ in range(5):
        last = stepped(made)
    assert last < first
    # training and validation patches have the same three values
    values = np.repeat([0, 80, 160], 2) / 255
    assert np.isclose(error_of_the_mean(made.module.patches), ((values - values.mean()) ** 2).mean())
    save_weights(made.module.net, tmp_path / "weights.safetensors")
    probed = plan(job(packed, TRANSLATION, previous=tmp_path / "weights.safetensors", probe="dense"))
    lowest = probed.module.net.encoders["own"]
    assert torch.equal(lowest.levels[0].conv_0.conv.weight, made.module.net.conv_0.conv_0.conv.weight)
    assert lowest(torch.rand(2, 3, 32, 32)).shape == (2, 8)


def test_controls_bracket_and_settings_name_targets(packed, tmp_path):
    for kind, wanted in (("truth", 1.0), ("majority", 1 / 3)):
        asked = job(packed, {"kind": kind})
        predict(asked, None, tmp_path / kind)
        values = list(score(asked, tmp_path / kind))
        assert {value.setting for value in values} == set(TARGETS) and len(values) == 2 * 6
        assert np.isclose(np.mean([value.value for value in values]), wanted)
    pairs = job(packed, {"kind": "majority"}, kind="pairing", targets=None)
    predict(pairs, None, tmp_path / "pairs")
    assert np.isclose([value.value for value in score(pairs, tmp_path / "pairs")], 1 / 6).all()


def test_layers_are_of_spread_batches_and_too_few_patches_are_said(packed):
    asked = job(packed, JOINT, kept={"batches": 1, "size": 4})
    encoder = build(method_of(JOINT), COUNTS).eval().encoders["own"]
    assert layers_of(encoder.trunk, Patches(asked), torch.device("cpu")).shape == (1, 17, 4, 4)
    with pytest.raises(InputError, match="asks for 8 tested patches, 6 are there"):
        layers_of(
            encoder.trunk, Patches(job(packed, JOINT, kept={"batches": 2, "size": 4})), torch.device("cpu")
        )
