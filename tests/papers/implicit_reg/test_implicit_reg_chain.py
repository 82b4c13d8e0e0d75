"""implicit_reg from samples to scores: training, the search among candidates, controls, figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from implicit_reg_data import make_blobs
from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.cohorts.seal import seal
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.nets.registration.builders import build_registration_net, on_meta, parameter_count
from mlmi2023.papers.implicit_reg import evaluate, toy
from mlmi2023.papers.implicit_reg.candidates import Candidates, choose
from mlmi2023.papers.implicit_reg.measures import MEASURES
from mlmi2023.papers.implicit_reg.smoothness import mean_negative_jacobian, std_log_jacobian
from mlmi2023.papers.implicit_reg.train import Registration, plan
from mlmi2023.tasks import chain
from mlmi2023.tasks.registration.measures import Registered
from mlmi2023.tasks.registration.pairs import Pair
from mlmi2023.tasks.registration.score import measured
from mlmi2023.training.loop.weights import load_weights

VXM = {"kind": "voxelmorph", "down": [4, 4], "up": [4, 4], "full": [4]}
TM = {
    "kind": "transmorph",
    "embed": 8,
    "depths": [1, 1],
    "heads": [1, 2],
    "window": [2, 2, 2],
    "head_channels": 4,
}
IMPLICIT = {"kind": "implicit", "operator": "elastic", "sigma": 1.0, "gamma": 2.0}
EXPLICIT = {"kind": "explicit", "energy": "gradient", "alpha": 1.0}
ATLAS = {
    "kind": "atlas_to_patient",
    "moving": "T1w",
    "fixed": "T1w",
    "loss": {"similarity": "lncc", "window": 5, "dice": 0.0},
    "augment": "flips",
    "metrics": ["dice", "std_logj", "neg_j", "tre", "t_iter"],
}
SEARCH = {
    **{**ATLAS, "kind": "inter_patient", "augment": "none", "loss": {"similarity": "mse", "dice": 1.0}},
    "settings": {"best_dice": {}, "smooth": {"max_std_logj": 0.2}},
    "metrics": ["dice", "std_logj", "neg_j", "weights"],
}
TRAIN = {"steps": 4, "epoch_steps": 2, "learning_rate": 0.003}


@pytest.fixture
def data(tmp_path):
    return make_blobs(tmp_path / "packed")


def job_of(data, task=ATLAS, net=VXM, regularisers=(EXPLICIT,), kind="learned", **keys):
    options = {"kind": kind}
    if kind == "learned":
        options |= {"net": net, "regularisers": list(regularisers)}
    common = {"paper": "implicit_reg", "dataset": "ixi", "method": "m", "seed": 0, "device": "cpu"}
    return Job(**{**common, "data": data, "task": task, "method_options": options, "train": TRAIN, **keys})


def run(job, tmp_path, name="run"):
    weights = None
    if job.method_options["kind"] == "learned":
        chain.train(job, tmp_path / "runs", tmp_path / name)
        weights = tmp_path / name / "weights.safetensors"
    evaluate.predict(job, weights, tmp_path / f"{name}-pred")
    return chain.tidy(job, evaluate.score(job, tmp_path / f"{name}-pred"))


def values(rows, metric, label=None, setting=None):
    return [
        r["value"]
        for r in rows
        if r["metric"] == metric
        and (label is None or r["label"] == label)
        and (setting is None or r["setting"] == setting)
    ]


def test_published_sizes_and_shapes(monkeypatch):
    # VoxelMorph-2 and TransMorph as counted by hand in test_defxattn_reg_model
    shape = (160, 224, 192)
    voxelmorph, transmorph = on_meta({"kind": "voxelmorph"}, shape), on_meta({"kind": "transmorph"}, shape)
    assert parameter_count(voxelmorph) == 301_411
    assert round(parameter_count(transmorph) / 1e6, 2) == 46.77


@pytest.mark.parametrize("net", [VXM, TM])
def test_any_image_size_is_padded_and_cut(net):
    torch.manual_seed(0)
    made = build_registration_net(net, (17, 18, 5))
    moving, fixed = torch.rand(2, 1, 1, 17, 18, 5)
    u = made(moving, fixed)
    assert u.shape == (1, 3, 17, 18, 5) and u.dtype == torch.float32
    u.square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().max() > 0 for p in made.parameters())
    with pytest.raises(InputError, match="kind"):
        build_registration_net({"kind": "unet"}, (16, 16, 16))


def test_training_registers_controls_bracket_and_bytes_repeat(data, tmp_path):
    long = {**TRAIN, "steps": 60, "epoch_steps": 20, "learning_rate": 0.01}
    task = {**ATLAS, "augment": "none"}
    rows = run(job_of(data, task, regularisers=[IMPLICIT], train=long), tmp_path)
    floor = run(job_of(data, task, kind="identity"), tmp_path, "floor")
    ceiling = run(job_of(data, task, kind="truth"), tmp_path, "ceiling")
    means = [np.mean(values(r, "dice", "mean")) for r in (floor, rows, ceiling)]
    assert 0 < means[0] < means[2] == 1 and 0 < means[1] < 1
    assert min(values(floor, "tre")) > 0 and values(ceiling, "tre") == [0, 0]
    # the three pairs of each epoch are the same: what falls is the loss of Eq. 3
    curve = (tmp_path / "run/curve.csv").read_text().splitlines()
    place = curve[0].split(",").index("loss")
    losses = [float(line.split(",")[place]) for line in curve[2:]]
    assert len(losses) == 3 and losses[-1] < losses[0] - 0.02
    assert len(values(rows, "t_iter")) == 6 and min(values(rows, "t_iter")) > 0
    assert values(floor, "std_logj") == [0, 0] and not values(ceiling, "std_logj")
    first = json.loads((tmp_path / "run/train.json").read_text())
    again = chain.train(
        job_of(data, task, regularisers=[IMPLICIT], train=long), tmp_path / "b", tmp_path / "again"
    )
    assert again["weights_hash"] == first["weights_hash"]
    assert again["parameters"] == parameter_count(build_registration_net(VXM, (16, 16, 16)))


def test_a_stopped_run_ends_like_an_unbroken_one(data, tmp_path, monkeypatch):
    job = job_of(data, SEARCH, regularisers=[EXPLICIT, IMPLICIT])
    whole = chain.train(job, tmp_path / "a", tmp_path / "whole")
    # what is validated before the first step is in the curve and not among what is kept, though it ties
    torch.manual_seed(job.seed)
    start = plan(job).module.net.nets[0].core.field.weight
    kept = load_file(tmp_path / "whole/weights.safetensors")["nets.0.core.field.weight"]
    assert whole["learned"]["before"] >= whole["learned"]["end"] and not torch.equal(kept, start)
    step = Registration.training_step
    seen = []

    def stop(self, batch, number):
        if len(seen) == 3:
            raise RuntimeError("killed")
        seen.append(number)
        return step(self, batch, number)

    monkeypatch.setattr(Registration, "training_step", stop)
    with pytest.raises(RuntimeError, match="killed"):
        chain.train(job, tmp_path / "b", tmp_path / "broken")
    monkeypatch.setattr(Registration, "training_step", step)
    resumed = chain.train(job, tmp_path / "b", tmp_path / "broken")
    assert resumed["weights_hash"] == whole["weights_hash"]


def test_without_validation_the_last_weights_count_and_nothing_can_be_searched(data, tmp_path):
    about = json.loads((data / "cohort.json").read_text())
    for row in about["subjects"]:
        row["split"] = row["split"].replace("val", "train")
    seal(data, about, "")
    job = job_of(data, regularisers=[IMPLICIT])
    module = plan(job).module
    before = module.net.nets[0].core.field.weight.clone()
    assert torch.equal(before, module.live[0].core.field.weight)
    rows = run(job, tmp_path)
    assert len(values(rows, "dice", "mean")) == 2
    net = Candidates(build_registration_net(VXM, (16, 16, 16)), 1)
    load_weights(net, tmp_path / "run/weights.safetensors")
    assert torch.isnan(net.validation).all() and net.nets[0].core.field.weight.abs().max() > 1e-3
    with pytest.raises(InputError, match="no validation pairs"):
        plan(job_of(data, regularisers=[IMPLICIT, EXPLICIT]))


def test_flips_are_applied_to_both_images_alike(data):
    module = plan(job_of(data)).module
    pairs, _ = module.drawn({"moving": [0, 1], "fixed": [1, 0]})
    assert torch.equal(pairs[0].flip(0), pairs[1])


def test_labels_train_where_asked_and_never_elsewhere(data, monkeypatch):
    u = torch.zeros(1, 3, 16, 16, 16)
    for task, expected in ((ATLAS, False), (SEARCH, True)):
        module = plan(job_of(data, task)).module
        images = module.images_of({"moving": [1], "fixed": [2]})
        maps = module.maps_of({"moving": [1], "fixed": [2]})
        other = maps[0], torch.zeros_like(maps[1])
        losses = [module.objective(u, images, m, lambda field: 0.0 * field.sum()) for m in (maps, other)]
        assert bool(losses[0] != losses[1]) is expected
    assert losses[0] < losses[1]  # overlap is rewarded


def test_search_keeps_both_candidates_and_reports_its_choice(data, tmp_path):
    weak, strong = {**IMPLICIT, "gamma": 1.0}, {**IMPLICIT, "sigma": 50.0, "gamma": 50.0}
    long = {**TRAIN, "steps": 40, "epoch_steps": 20, "learning_rate": 0.01}
    job = job_of(data, SEARCH, regularisers=[weak, strong], train=long)
    rows = run(job, tmp_path)
    made = plan(job)
    module, net = made.module, made.module.net
    load_weights(net, tmp_path / "run/weights.safetensors")
    assert not torch.equal(net.nets[0].core.field.weight, net.nets[1].core.field.weight)
    for kept, noted in zip(net.nets, net.validation):
        found = []
        for pair in made.val.found:
            batch = dict(zip(("moving", "fixed"), torch.tensor(pair).unsqueeze(1)))
            images, maps = module.images_of(batch), module.maps_of(batch)
            with torch.no_grad():
                u = kept(*images)
            found.append((module.objective.quality(u, images, maps), std_log_jacobian(u[0])))
        torch.testing.assert_close(torch.tensor(found).mean(0), noted)
    for setting, limit in (("best_dice", None), ("smooth", 0.2)):
        chosen = choose(net.validation.numpy(), limit)
        gammas = [] if chosen is None else [(weak, strong)[chosen]["gamma"]]
        assert values(rows, "gamma", setting=setting) == gammas
    assert {r["setting"] for r in rows} <= {"best_dice", "smooth"}


def test_choice_by_validation_and_limit():
    found = np.array([[0.7, 0.3], [0.6, 0.1], [0.65, 0.19]])
    assert choose(found, None) == 0
    assert choose(found, 0.2) == 2
    assert choose(found, 0.05) is None
    assert choose(np.array([[np.nan, np.nan]]), None) == 0


def test_candidates_start_alike_and_keep_the_best_epoch():
    net = Candidates(build_registration_net(VXM, (16, 16, 16)), 2)
    assert torch.equal(net.nets[0].core.field.weight, net.nets[1].core.field.weight)
    live = build_registration_net(VXM, (16, 16, 16))
    net.keep(1, live, torch.tensor(0.5), torch.tensor(0.1))
    kept = live.core.field.weight.detach().clone()
    torch.nn.init.ones_(live.core.field.weight)
    net.keep(1, live, torch.tensor(0.4), torch.tensor(0.0))  # worse
    assert torch.equal(net.nets[1].core.field.weight, kept)
    net.keep(1, live, torch.tensor(0.6), torch.tensor(0.2))
    assert net.nets[1].core.field.weight.min() == 1
    assert net.validation[1].tolist() == pytest.approx([0.6, 0.2])


def test_measures_of_known_fields(data):
    x = torch.arange(16.0).view(-1, 1, 1).expand(16, 16, 16)
    u = torch.zeros(3, 16, 16, 16)
    u[0] = torch.where(x < 8, 0.5 * x, 4 - 1.5 * (x - 8))  # determinants 1.5 and then -0.5
    det = [1.5] * 7 + [0.5] + [-0.5] * 6  # voxels 1 to 14; the kink has the mean slope
    assert float(mean_negative_jacobian(u)) == pytest.approx(0.5 * 6 / 14, rel=1e-4)
    assert float(std_log_jacobian(u)) == pytest.approx(np.std(np.log(np.abs(det))), rel=1e-4)
    packed = open_packed(data)
    moved = np.zeros((3, 16, 16, 16), np.float32)

    def found():
        own = Registered(Pair("x", 1, 2), moved, packed, {})
        return {(v.metric, v.label): v.value for v in measured(own, ["dice", "tre"], MEASURES)}

    still = found()
    shift = (packed.landmarks[1] - packed.landmarks[2])[0]
    moved += shift.reshape(3, 1, 1, 1)  # x + u(x) leads from the fixed large blob to the moving one
    better = found()
    assert better["dice", "large"] > still["dice", "large"]
    moved *= -1
    worse = found()
    assert worse["dice", "large"] < still["dice", "large"]


def test_toy_gradients_reach_far_only_when_implicit():
    example = toy.make_toy()
    edges = (example.u.norm(dim=1) + toy.gradient(example, None).norm(dim=1)) > 0
    near = torch.nn.functional.max_pool2d(edges[None].float(), 9, stride=1, padding=4)[0, 0] > 0
    assert 0.1 < near.float().mean() < 0.9
    for title, regulariser in toy.PANELS.items():
        size = toy.gradient(example, regulariser)[0].norm(dim=0)
        reach = float(size[~near].max() / size.max())
        if "implicit" in title:
            assert reach > 0.003, title
        else:
            assert reach == 0, title
    pull = -toy.gradient(example, None)[0]
    assert pull[0].sum() > 0 and pull[1].sum() > 0  # towards where the moving square lies


def test_figures_are_drawn(data, tmp_path):
    jobs, weights, predictions = {}, {}, {}
    for method, net, regulariser in (("vxm_base", VXM, EXPLICIT), ("tm_diff", TM, IMPLICIT)):
        jobs[method] = replace(job_of(data, net=net, regularisers=[regulariser]), method=method)
        run(jobs[method], tmp_path, method)
        weights[method] = tmp_path / method / "weights.safetensors"
        predictions[method] = tmp_path / f"{method}-pred"
    runs = jobs, weights, predictions, {m: m for m in [*jobs, "syn"]}  # names are of all methods
    for figure in ("fig1", "fig2", "fig3", "fig4"):
        chain.draw(figure, *runs, tmp_path / figure)
        assert (tmp_path / f"{figure}.png").stat().st_size > 5000
    with pytest.raises(InputError, match="fig9"):
        chain.draw("fig9", *runs, tmp_path / "fig9")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"task": {**ATLAS, "loss": {"similarity": "ncc"}}}, "similarity"),
        ({"train": {**TRAIN, "monitor": "val_score"}}, "monitor"),
        ({"net": {}}, "net"),
        ({"net": {**VXM, "widths": [3]}}, "widths"),
    ],
)
def test_bad_config_is_one_line(data, change, word):
    with pytest.raises(InputError, match=word) as error:
        plan(job_of(data, **change))
    assert "\n" not in str(error.value)
