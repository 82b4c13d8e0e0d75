"""Pools, the teacher, what is seen of the target, and scores, on a few tiny eyes."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from domain_data import blinded, packed
from domain_mix_data import ADAPT, FEW, SOURCE, VIEW, job
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json
from mlmi2023.papers.domain_mix.cases import DomainCases
from mlmi2023.papers.domain_mix.evaluate import predict, score
from mlmi2023.papers.domain_mix.pseudo import IGNORED
from mlmi2023.papers.domain_mix.train import plan
from mlmi2023.tasks import domains
from mlmi2023.tasks.chain import train
from mlmi2023.tasks.domains import HiddenLabelError, training, truth
from mlmi2023.training.loop.fit import fit


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    return packed(tmp_path_factory.mktemp("eyes"), size=32, view=VIEW)


def batch_of(made, count=4):
    return torch.utils.data.default_collate([made.train[k % len(made.train)] for k in range(count)])


def stepped(module, step=0):
    """Return the module, at a step, without a trainer."""
    kind = type("At", (type(module),), {"global_step": property(lambda self: step)})
    module.__class__ = kind
    return module


def test_pools_are_the_methods_own(eyes):
    own = job(eyes, {"learn": ["shots"], "mix": {"from": ["source"], "to": ["shots", "unlabelled"]}})
    made, cases = plan(own), DomainCases(own, truth)
    names = {
        part: {cases.name(row) for row in cases.rows(part)} for part in ("train", "target_labelled", "test")
    }
    images = made.module.source.images
    known = {
        cases.name(row): torch.from_numpy(cases.pictures([row])[0]) for row in range(len(cases.view.names))
    }

    def who(place):
        return {name for name, image in known.items() if torch.equal(image, images[place])}

    torch.manual_seed(0)
    drawn = [made.train[k % len(made.train)] for k in range(40)]
    assert set().union(*(who(item["row"]) for item in drawn)) == names["target_labelled"]
    assert set().union(*(who(item["from"]) for item in drawn)) <= names["train"]
    onto = [who(item["to"]) for item in drawn]
    shots = sum(one <= names["target_labelled"] for one in onto)
    assert 10 < shots < 30  # as often as the other pool, though that is larger
    assert all(one <= names["target_labelled"] | names["test"] for one in onto)


def test_half_of_a_batch_is_mixed_and_the_object_goes_from_from_to_to(eyes):
    made = plan(job(eyes, {"learn": ["source"], "mix": {"from": ["shots"], "to": ["source"]}}))
    module, batch = stepped(made.module), batch_of(made)
    assert module.teacher is None
    image, label = module.batch_of(batch)
    above, below = (module.source.take(batch[key][:2]) for key in ("from", "to"))
    plain = module.source.take(batch["row"][2:])
    assert torch.equal(image[2:], plain[0]) and torch.equal(label[2:], plain[1])
    assert not torch.equal(image[:2], below[0])
    moved = (image[:2] != below[0]).any(1)
    assert moved.any() and (above[1][moved] > 0).all()
    assert torch.equal(image[:2].movedim(1, -1)[moved], above[0].movedim(1, -1)[moved])
    assert torch.equal(label[:2][moved], above[1][moved])
    assert torch.equal(label[:2][~moved & (above[1] == 0)], below[1][~moved & (above[1] == 0)])


def test_without_from_images_stay_as_they_are(eyes):
    made = plan(job(eyes, {"learn": ["shots"], "mix": {"from": [], "to": ["unlabelled"]}}))
    module, batch = stepped(made.module), batch_of(made)
    image, label = module.batch_of(batch)
    assert torch.equal(image[:2], module.source.take(batch["to"][:2])[0])
    # labels are the teacher's
    assert (
        torch.equal(label[:2], module.pseudo(image[:2]))
        and (module.source.take(batch["to"])[1] == IGNORED).all()
    )


def test_who_labels_is_the_teacher_or_the_student(eyes):
    torch.manual_seed(0)
    for labeller in ("teacher", "student"):
        module = stepped(plan(job(eyes, {**ADAPT, "labeller": labeller})).module)
        assert (module.teacher is None) == (labeller == "student")
        image = module.source.take(torch.tensor([0, 1]))[0]
        bias = module.net.segmenter.decoder.classify[1].bias
        with torch.no_grad():
            bias.copy_(torch.tensor([0.0, 50.0, 0.0]))  # the student says 1 everywhere
        assert bool((module.pseudo(image) == 1).all()) == (labeller == "student")
        module.net.train()
        module.pseudo(image)
        assert module.net.segmenter.training


def test_what_norms_have_gathered_does_not_matter_to_labels_and_labelling_gathers_nothing(eyes):
    torch.manual_seed(0)
    module = stepped(plan(job(eyes, ADAPT)).module)
    image = module.source.take(torch.tensor([0, 1]))[0]
    labels = module.pseudo(image)
    norms = [norm for norm in module.teacher.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.running_mean += 3
    before = {name: value.clone() for name, value in module.teacher.state_dict().items()}
    modes = [part.training for part in module.teacher.modules()]
    assert torch.equal(module.pseudo(image), labels)
    assert not torch.equal(module.teacher.eval()(image).argmax(1), labels)
    assert all(torch.equal(before[name], value) for name, value in module.teacher.state_dict().items())
    assert modes == [part.training for part in module.teacher.modules()]
    assert all(norm.track_running_stats for norm in norms)


def test_the_threshold_is_that_of_the_step(eyes):
    made = plan(job(eyes, ADAPT))
    image = made.module.source.take(torch.tensor([0]))[0]
    with torch.no_grad():
        classify = made.module.teacher.decoder.classify[1]
        classify.weight.zero_()
        # a probability of 0.8 for class 2 everywhere: enough at first, too little at the end
        classify.bias.copy_(torch.tensor([0.1, 0.1, 0.8]).log())
    assert (stepped(made.module, 0).pseudo(image) == 2).all()
    assert (stepped(made.module, 3).pseudo(image) == 0).all()


class Killed(Exception):
    pass


def test_the_teacher_survives_a_kill(eyes, tmp_path):
    """A run that is killed after an epoch ends with the student and the teacher of one that is not."""
    own = job(eyes, ADAPT, train={"steps": 6})
    ended = {}
    for name, deaths in (("whole", [None]), ("killed", [3, None])):
        for death in deaths:
            torch.manual_seed(0)
            made = plan(own)
            follow = made.module.on_train_batch_end

            def and_die(outputs, batch, number, made=made, follow=follow, death=death):
                follow(outputs, batch, number)
                if made.module.global_step == death:
                    raise Killed

            made.module.on_train_batch_end = and_die
            if death:
                with pytest.raises(Killed):
                    fit(own, made, tmp_path / name / "runs", tmp_path / name)
            else:
                fit(own, made, tmp_path / name / "runs", tmp_path / name)
        ended[name] = load_file(tmp_path / name / "weights.safetensors"), made.module.teacher.state_dict()
    for one, other in zip(ended["whole"], ended["killed"]):
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    student, teacher = ended["whole"]
    assert any(not torch.equal(value, student[f"segmenter.{key}"]) for key, value in teacher.items())


def weights_of(own, out):
    train(own, out / "runs", out)
    return load_file(out / "weights.safetensors"), read_json(out / "train.json")


@pytest.mark.parametrize(
    ("method", "more"), [(SOURCE, {"monitor": "val_dice", "mode": "max"}), (ADAPT, {}), (FEW, {})]
)
def test_no_mask_of_the_target_but_the_shots_is_read(eyes, tmp_path, method, more):
    """With wrong masks in their place the same weights come out; wrong masks of shots give others."""
    own = job(eyes, method, train=more)
    parts = DomainCases(own, truth).view.parts
    first, report = weights_of(own, tmp_path / "first")
    blind = replace(own, data=blinded(eyes, parts.test, tmp_path / "blind"))
    second, _ = weights_of(blind, tmp_path / "second")
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert report["learned"]["measure"] == "val_dice"
    if method is FEW:
        wrong = replace(own, data=blinded(eyes, parts.target_labelled, tmp_path / "wrong"))
        third, _ = weights_of(wrong, tmp_path / "third")
        assert any(not torch.equal(first[name], third[name]) for name in first)


def test_a_mask_of_the_target_cannot_be_had_by_training(eyes):
    for door in (training, domains.testing):
        cases = DomainCases(job(eyes, ADAPT), door)
        with pytest.raises(HiddenLabelError):
            cases.masks([*cases.rows("target_labelled"), cases.rows("test")[0]])


def test_labels_that_are_not_there_are_no_background(eyes):
    module = plan(job(eyes, ADAPT)).module
    hidden = ~module.source.labelled
    assert hidden.any() and (module.source.masks[hidden] == IGNORED).all()
    assert (module.source.masks[~hidden] <= 2).all()


def test_the_next_step_goes_on_from_the_weights_of_the_last(eyes, tmp_path):
    first, _ = weights_of(job(eyes, SOURCE, train={"monitor": "val_dice", "mode": "max"}), tmp_path)
    made = plan(job(eyes, FEW, previous=tmp_path / "weights.safetensors"))
    state = made.module.net.state_dict()
    assert all(torch.equal(first[name], state[name]) for name in first)
    teacher = made.module.teacher.state_dict()
    assert all(torch.equal(first[f"segmenter.{name}"], value) for name, value in teacher.items())


def test_what_a_step_has_learned_is_counted_from_the_network_before_all_steps(eyes, tmp_path):
    weights_of(job(eyes, SOURCE, train={"monitor": "val_dice", "mode": "max"}), tmp_path / "one")
    curves = {}
    for name, more in (("alone", {}), ("next", {"previous": tmp_path / "one/weights.safetensors"})):
        weights_of(job(eyes, FEW, **more), tmp_path / name)
        with open(tmp_path / name / "curve.csv", newline="") as stream:
            curves[name] = list(csv.DictReader(stream))
    first, second = (curves[name][0] for name in ("alone", "next"))
    assert first["step"] == second["step"] == "0"
    assert (first["val_loss"], first["val_dice"]) == (second["val_loss"], second["val_dice"])
    assert curves["alone"][-1]["val_loss"] != curves["next"][-1]["val_loss"]


def test_decoders_have_a_rate_of_their_own(eyes):
    module = plan(job(eyes, SOURCE)).module
    groups = module.configure_optimizers()["optimizer"].param_groups
    assert [group["initial_lr"] for group in groups] == pytest.approx([0.002, 0.004])
    assert sum(len(g["params"]) for g in groups) == len(list(module.net.parameters()))


def test_shots_are_not_tested_and_a_disc_is_scored_with_its_cup(eyes, tmp_path):
    own = replace(job(eyes), method_options={"kind": "truth"}, train={})
    predict(own, None, tmp_path / "truth")
    cases = DomainCases(own, truth)
    values = list(score(own, tmp_path / "truth"))
    tested = {cases.name(row) for row in cases.rows("test")}
    shots = {cases.name(row) for row in cases.rows("target_labelled")}
    assert {v.case for v in values} == tested and len(shots) == 3 and not shots & tested
    assert {v.label for v in values} == {"disc", "cup", "avg"} and {v.value for v in values} == {100.0}
    # an answer without any cup keeps its discs
    (tmp_path / "cupless").mkdir()
    for row in cases.rows("test"):
        labels = np.minimum(np.array(cases.truth(row)), 1)
        np.savez(tmp_path / "cupless" / f"{cases.name(row)}.npz", labels=labels)
    by = {
        label: {v.value for v in score(own, tmp_path / "cupless") if v.label == label}
        for label in ("disc", "cup", "avg")
    }
    assert by == {"disc": {100.0}, "cup": {0.0}, "avg": {50.0}}


def test_an_oracle_learns_from_half_of_the_target_and_is_tested_on_the_rest(eyes):
    cases = DomainCases(job(eyes, {"learn": ["shots"], "shots": 0.5}), truth)
    people = [
        {cases.view.names[row].rpartition("_")[0] for row in cases.rows(part)}
        for part in ("target_labelled", "test")
    ]
    assert len(people[0]) == len(people[1]) == 5 and not people[0] & people[1]


def test_what_cannot_be_used_is_said_in_one_line(eyes):
    for task, method, said in (
        ({"unlabelled": 0}, ADAPT, "pool 'unlabelled', which is empty"),
        ({"shots": 0}, FEW, "pool 'shots', which is empty"),
        ({"map": "mask"}, ADAPT, "did you mean 'masks'"),
        ({"structures": ["disc"]}, ADAPT, "structures names 1, the map has rim, cup"),
    ):
        with pytest.raises(InputError, match=said):
            plan(job(eyes, method, task=task))


def test_networks_may_see_another_size_than_is_judged(eyes, tmp_path):
    own = job(eyes, SOURCE, task={"size": [40, 40]})
    train(own, tmp_path / "runs", tmp_path)
    predict(own, tmp_path / "weights.safetensors", tmp_path / "found")
    cases = DomainCases(own, domains.testing)
    assert cases.inputs(0).shape == (1, 40, 40, 3)
    found = np.load(tmp_path / "found" / f"{cases.name(cases.rows('test')[0])}.npz")["labels"]
    assert found.shape == (32, 32)
    with pytest.raises(HiddenLabelError):
        cases.truth(cases.rows("test")[0])
