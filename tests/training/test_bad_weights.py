"""Checkpoints and weights of any broken kind: nothing in them is run, and one line says what to do."""

import os
import shutil
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bad_inputs import said
from mlmi2023.core.files import write_json
from mlmi2023.core.jobs import Job
from mlmi2023.nets.pretrained import load_pretrained
from mlmi2023.training.loop.checkpoints import load_checkpoint, plain
from mlmi2023.training.loop.fit import fit
from mlmi2023.training.loop.plan import Plan, Schedule
from mlmi2023.training.loop.weights import load_weights, save_weights

SCHEDULE = {"steps": 6, "epoch_steps": 2, "monitor": "val_error", "mode": "min"}


class Stopped(Exception):
    """The training was ended from outside."""


class Module(pl.LightningModule):
    def __init__(self, end=None):
        super().__init__()
        self.net, self.end = torch.nn.Linear(2, 1), end

    def training_step(self, batch, number):
        if self.trainer.global_step == self.end:
            raise Stopped
        return self.net(batch).square().mean()

    def validation_step(self, batch, number):
        self.log("val_error", self.net(batch).abs().mean())

    def configure_optimizers(self):
        optimiser = torch.optim.AdamW(self.parameters(), lr=0.1)
        # its state is a Counter, of numbers that NumPy made
        decay = torch.optim.lr_scheduler.MultiStepLR(optimiser, [int(np.int64(3)), 5])
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}


def trained(place: Path, end=None) -> Path:
    """Train into `place/out`, with checkpoints below `place/runs`."""
    samples = list(torch.eye(2))
    pl.seed_everything(0, verbose=False)
    job = Job("p", "d", "m", 0, Path("data"), train=SCHEDULE, device="cpu")
    fit(job, Plan(Module(end), samples, samples), place / "runs", place / "out")
    return place / "out/weights.safetensors"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Results of a training that ended in its third epoch, and a copy of them."""
    place = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Stopped):
        trained(place / "results", end=4)
    shutil.copytree(place / "results", place / "kept")
    return place


@pytest.fixture
def stopped(kept):
    """The same, anew for each test: checkpoints name their folder, so a copy must lie in its place."""
    shutil.rmtree(kept / "results")
    return Path(shutil.copytree(kept / "kept", kept / "results"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights of a training that nobody stopped."""
    return trained(tmp_path_factory.mktemp("whole")).read_bytes()


class Malicious:
    """A pickle of it makes a file as soon as it is read."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def altered(**changes):
    """Return what writes a whole checkpoint with other parts; None takes a part out."""

    def write(path):
        content = {**torch.load(path, weights_only=True), **changes}
        torch.save({key: value for key, value in content.items() if value is not None}, path)

    return write


def saved(content):
    return lambda path: torch.save(content, path)


def written(content):
    return lambda path: path.write_bytes(content)


def as_folder(path):
    path.unlink()
    (path / "inside").mkdir(parents=True)


def without_best(path):
    path.with_name("best.ckpt").unlink()


def moved(path):
    content = torch.load(path, weights_only=True)
    for callback in content["callbacks"].values():
        callback.update({"dirpath": "elsewhere"} if "dirpath" in callback else {})
    torch.save(content, path)


CHECKPOINTS = {
    "zero bytes": (written(b""), "broken checkpoint"),
    "text": (written(b"hello\n"), "broken checkpoint"),
    "cut": (lambda path: os.truncate(path, path.stat().st_size // 2), "broken checkpoint"),
    "folder": (as_folder, "broken checkpoint"),
    "list": (saved([1, 2]), "is [1, 2]"),
    "number": (saved(3), "is 3"),
    "epoch alone": (saved({"epoch": 1}), "it has no global_step"),
    "epoch null": (altered(epoch=None), "it has no epoch"),
    "epoch text": (altered(epoch="three"), "key 'epoch' is 'three'"),
    "epoch -5": (altered(epoch=-5), "after -4 epochs of a training of 3"),
    "epoch too late": (altered(epoch=3), "after 4 epochs of a training of 3"),
    "callbacks a list": (altered(callbacks=[]), "key 'callbacks' is []"),
    "no optimiser": (altered(optimizer_states=None), "it has no optimizer_states"),
    "another network": (altered(state_dict={"net.weight": torch.ones(1, 3)}), "of another network"),
    "best lost": (without_best, "best.ckpt: broken checkpoint"),
    "moved": (moved, "was moved"),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_a_training_begins_anew_where_its_checkpoint_is_broken(case, stopped, whole, capfd):
    change, words = CHECKPOINTS[case]
    change(next(stopped.rglob("last.ckpt")))
    weights = trained(stopped)
    output = capfd.readouterr().out
    assert words in output and "train from the start" in output
    assert weights.read_bytes() == whole


def test_an_unbroken_checkpoint_is_gone_on_from(stopped, whole, capfd):
    assert trained(stopped).read_bytes() == whole
    assert "resume from the checkpoint" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_checkpoint_runs_no_code(name, stopped, whole, tmp_path, capfd):
    file = next(stopped.rglob(name))
    torch.save({**torch.load(file, weights_only=True), "loops": Malicious(tmp_path / "ran")}, file)
    assert trained(stopped).read_bytes() == whole
    assert f"{name}: holds something other than tensors" in capfd.readouterr().out
    assert not (tmp_path / "ran").exists()


def test_the_malicious_pickle_would_run(tmp_path):
    """Else the test above says nothing."""
    torch.save(Malicious(tmp_path / "ran"), tmp_path / "a.ckpt")
    said(lambda: load_checkpoint(tmp_path / "a.ckpt"), "a.ckpt", "was not opened")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "a.ckpt", weights_only=False)
    assert (tmp_path / "ran").exists()


def test_what_is_no_plain_value_is_never_saved():
    assert plain({"a": np.float64(2.5), "b": (np.int32(1),)}) == {"a": 2.5, "b": (1,)}
    assert torch.equal(plain([np.arange(3)])[0], torch.arange(3))
    with pytest.raises(TypeError, match=r"checkpoint\.a\[1\] is a pathlib"):
        plain({"a": [1, Path("x")]})


def net():
    return torch.nn.Linear(3, 2)


def with_report(path):
    write_json(path.with_name("train.json"), {"weights_hash": save_weights(net(), path)})


def changed(path, change):
    with_report(path)
    state = {key: value.clone() for key, value in net().state_dict().items()}
    save_file(change(state), path)


def filled(value):
    return lambda state: {key: torch.full_like(tensor, value) for key, tensor in state.items()}


def alone(change):
    """Weights without a report beside them."""
    return lambda path: save_file(change(dict(net().state_dict())), path)


WEIGHTS = {
    "zero bytes": (written(b""), "cannot be read"),
    "text": (written(b"hello, world"), "cannot be read"),
    "folder": (lambda path: path.mkdir(), "cannot be read"),
    "missing": (lambda path: None, "no such file"),
    "NaN": (alone(filled(float("nan"))), "not finite (bias)"),
    "half precision": (
        alone(lambda state: {k: v.half() for k, v in state.items()}),
        "bias is torch.float16, not torch.float32",
    ),
    "one tensor less": (alone(lambda s: {"bias": s["bias"]}), "weight is in one of them alone"),
    "another shape": (alone(lambda s: {**s, "bias": torch.ones(3)}), "bias is (3,), not (2,)"),
    "not those of the report": (lambda p: changed(p, filled(1.0)), "not the weights that train.json is of"),
    "report null": (
        lambda p: (with_report(p), p.with_name("train.json").write_text("null")),
        "train.json: holds null instead of keys",
    ),
    "report without hash": (
        lambda p: (with_report(p), write_json(p.with_name("train.json"), {})),
        "train.json: lacks weights_hash",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights_that_are_not_those_of_the_training_are_refused(case, tmp_path):
    path = tmp_path / "weights.safetensors"
    WEIGHTS[case][0](path)
    said(lambda: load_weights(net(), path), str(tmp_path), WEIGHTS[case][1], "train again")


def test_weights_that_match_their_report_are_read(tmp_path):
    path = tmp_path / "weights.safetensors"
    with_report(path)
    load_weights(net(), path)


def test_a_training_that_ends_in_nan_leaves_no_weights(tmp_path):
    broken = net()
    broken.bias.data[0] = float("nan")
    said(lambda: save_weights(broken, tmp_path / "w"), "not finite (bias)", "learning_rate")
    assert not list(tmp_path.iterdir())


def npz(path, **arrays):
    with open(path, "wb") as stream:
        np.savez(stream, **arrays)


RELEASES = {
    "safetensors zero bytes": ("w.safetensors", written(b""), "read safely"),
    "safetensors text": ("w.safetensors", written(b"hello, world, hello"), "read safely"),
    "npz of texts": ("w.npz", lambda p: npz(p, bias=np.array(["a"])), "read safely"),
    "npz of objects": ("w.npz", lambda p: npz(p, bias=np.array([{}], object)), "read safely"),
    "text": ("w.pth", written(b"hello\n"), "read safely"),
    "keys are numbers": ("w.pth", saved({1: torch.ones(2)}), "no table of weights by name"),
    "NaN": ("w.pth", saved({"weight": torch.ones(2, 3), "bias": torch.full((2,), torch.nan)}), "not finite"),
}


@pytest.mark.parametrize("case", RELEASES)
def test_released_weights_that_cannot_be_used_are_refused(case, tmp_path):
    name, write, words = RELEASES[case]
    write(tmp_path / name)
    said(lambda: load_pretrained(net(), {"path": str(tmp_path / name)}), name, words, "get the file again")


def test_released_weights_run_no_code(tmp_path):
    torch.save(Malicious(tmp_path / "ran"), tmp_path / "w.pth")
    said(lambda: load_pretrained(net(), {"path": str(tmp_path / "w.pth")}), "w.pth", "read safely")
    assert not (tmp_path / "ran").exists()
    said(lambda: load_pretrained(net(), {}), "'path'", "missing")


SCHEDULES = {
    "batch 0": ({"batch": 0}, "train.batch"),
    "batch text": ({"batch": "8"}, "train.batch"),
    "clip text": ({"clip": "a"}, "train.clip"),
    "steps NaN": ({"steps": float("nan")}, "train.steps"),
    "steps list": ({"steps": [2]}, "train.steps"),
    "steps null": ({"steps": None}, "train.steps"),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_schedule_of_other_types_is_refused(case):
    given, key = SCHEDULES[case]
    said(lambda: Schedule.from_config({"steps": 2, "epoch_steps": 1, **given}), key)
