"""The trainer: resumed equals uninterrupted, bit for bit; bad losses and settings end with one line."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from mlmi2023.core.errors import InputError
from mlmi2023.training.loop.plan import Schedule

RUN = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    import torch, lightning.pytorch as pl
    from mlmi2023.core.jobs import Job
    from mlmi2023.training.loop.fit import fit
    from mlmi2023.training.loop.plan import Plan

    out, runs, pause, workers, scale = Path(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:6])
    validate, repeats = map(int, sys.argv[6:8])

    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return 7

        def __getitem__(self, i):
            noise = torch.randn(4)  # augmentation: depends on the random state
            x = torch.arange(4.0) * (i + 1) / 7 + 0.1 * noise
            return x, x.sum(0, keepdim=True)

    class Module(pl.LightningModule):
        def __init__(self):
            super().__init__()
            layers = torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
            self.net = torch.nn.Sequential(*layers)

        def training_step(self, batch, i):
            time.sleep(pause)
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1]) * scale

        def validation_step(self, batch, i):
            self.log("val_error", torch.nn.functional.l1_loss(self.net(batch[0]), batch[1]))

        def configure_optimizers(self):
            optimiser = torch.optim.AdamW(self.parameters(), lr=1e-2, amsgrad=True)
            decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: 1 - s / 60)
            return {"optimizer": optimiser, "lr_scheduler": {"scheduler": decay, "interval": "step"}}

    monitor = dict(monitor="val_error", mode="min") if validate else dict(monitor="")
    train = dict(steps=60, epoch_steps=10, batch=2, workers=int(workers), **monitor)
    job = Job("p", "d", "m", 3, Path("data"), train=train, device="cpu")
    pl.seed_everything(3, verbose=False)
    fit(job, Plan(Module(), Data(), Data() if validate else None, repeats=repeats), runs, out)
    """
)


def start(tmp_path, name, pause=0.0, workers=0, scale=1.0, validate=1, repeats=1):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    args = [sys.executable, str(script), str(tmp_path / name), str(tmp_path / "runs" / name)]
    return subprocess.Popen(
        [*args, str(pause), str(workers), str(scale), str(validate), str(repeats)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def result(tmp_path, name):
    return json.loads((tmp_path / name / "train.json").read_text())


@pytest.mark.parametrize(
    "how", [{"workers": 0}, {"workers": 1}, {"validate": 0, "repeats": 2}], ids=["plain", "worker", "repeats"]
)
def test_killed_training_resumes_to_the_same_bytes(tmp_path, how):
    whole = start(tmp_path, "whole", **how)
    output, _ = whole.communicate(timeout=180)
    assert whole.returncode == 0, output
    killed = start(tmp_path, "killed", pause=0.05, **how)
    runs = tmp_path / "runs" / "killed"
    deadline = time.time() + 120
    while time.time() < deadline and not list(runs.rglob("last.ckpt")):
        time.sleep(0.05)
    time.sleep(0.7)  # into a later epoch
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    again = start(tmp_path, "killed", **how)
    output, _ = again.communicate(timeout=180)
    assert again.returncode == 0, output
    assert "resume from the checkpoint" in output
    assert result(tmp_path, "whole")["weights_hash"] == result(tmp_path, "killed")["weights_hash"]
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "killed")]
    assert curves[0] == curves[1]
    assert [line.split(",")[0] for line in curves[0].splitlines()[:2]] == ["step", "0"]
    learned = result(tmp_path, "whole")["learned"]
    assert learned == result(tmp_path, "killed")["learned"]
    assert learned["measure"] == ("val_error" if how.get("validate", 1) else "train_loss")
    assert learned["status"] in ("settled", "still rising") and learned["before"] > learned["end"] > 0
    assert not list((tmp_path / "runs" / "whole").iterdir()), "checkpoints of a finished run are removed"


def test_a_loss_that_is_not_finite_ends_the_run_with_one_line(tmp_path):
    run = start(tmp_path, "nan", scale=float("inf"))
    output, _ = run.communicate(timeout=120)
    assert run.returncode != 0
    assert "lower train.learning_rate" in output
    assert not (tmp_path / "nan" / "weights.safetensors").exists()


def test_schedule_names_the_key_that_is_wrong():
    with pytest.raises(InputError, match=r"train\.steps"):
        Schedule.from_config({"epoch_steps": 3})
    with pytest.raises(InputError, match=r"multiple of epoch_steps"):
        Schedule.from_config({"steps": 10, "epoch_steps": 3})


def test_weights_of_another_network_are_refused(tmp_path):
    import torch

    from mlmi2023.training.loop.weights import load_weights, save_weights, weights_hash

    net = torch.nn.Linear(3, 2)
    digest = save_weights(net, tmp_path / "w.safetensors")
    other = torch.nn.Linear(3, 2)
    assert weights_hash(other.state_dict()) != digest
    load_weights(other, tmp_path / "w.safetensors")
    assert weights_hash(other.state_dict()) == digest
    with pytest.raises(InputError, match="another network"):
        load_weights(torch.nn.Linear(4, 2), tmp_path / "w.safetensors")
    os.truncate(tmp_path / "w.safetensors", 20)
    with pytest.raises(InputError, match="train again"):
        load_weights(net, tmp_path / "w.safetensors")
