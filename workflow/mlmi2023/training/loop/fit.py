"""Train a plan to its end, from scratch or from where a killed run stopped."""

import csv
import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch.utils.data import DataLoader

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, content_hash, file_hash, tree_hash, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.provenance import provenance
from mlmi2023.training.data.seeded import EpochSampler, SeededSamples
from mlmi2023.training.loop.callbacks import Progress, SeedEachEpoch, StopOnNaN
from mlmi2023.training.loop.checkpoints import AtomicCheckpoints, load_checkpoint, resumable
from mlmi2023.training.loop.device import describe, lay_out, make_deterministic, peak_memory_mb, pick_device
from mlmi2023.training.loop.plan import Plan, Schedule
from mlmi2023.training.loop.status import TRAIN_LOSS, judge, mean_over_repeats
from mlmi2023.training.loop.weights import save_weights

#: Means of the training loss in the curve of a training that is not validated, at least, in a repeat.
LOSS_POINTS = 20


def _precision(schedule: Schedule, device: torch.device) -> Any:
    if device.type == "cpu":
        return "32-true"
    modes = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    if str(schedule.precision) not in modes:
        raise InputError(f"config key train.precision is {schedule.precision!r}; choose 32, bf16 or 16")
    return modes[str(schedule.precision)]


def _trainer(
    schedule: Schedule, repeats: int, device: torch.device, run_dir: Path, seed: int, progress: Progress
) -> tuple[pl.Trainer, Any]:
    keep = ModelCheckpoint(
        dirpath=run_dir,
        filename="best",
        monitor=schedule.monitor or None,
        mode=schedule.mode,
        save_top_k=1,
        save_last=True,
        enable_version_counter=False,
        save_on_train_epoch_end=True,
    )
    trainer = pl.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=1,
        precision=_precision(schedule, device),
        # epochs, not steps: Lightning resumes a run of so many steps by repeating the end of its last epoch
        max_epochs=schedule.steps // schedule.epoch_steps * repeats,
        check_val_every_n_epoch=1,
        gradient_clip_val=schedule.clip or None,
        # the order matters: the curve must be complete before the checkpoint is written
        callbacks=[SeedEachEpoch(seed), StopOnNaN(), progress, keep],
        # one process, in a Slurm job too: there Lightning would requeue a killed run by itself
        plugins=[AtomicCheckpoints(), LightningEnvironment()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        # the value before the first step, under a random state of its own; a resumed run has it in its curve
        num_sanity_val_steps=0 if (run_dir / "last.ckpt").exists() else -1,
        deterministic=device.type == "cpu",
        default_root_dir=run_dir,
        use_distributed_sampler=False,
    )
    return trainer, keep


def fit(job: Job, plan: Plan, run_dir: Path, out: Path, data_hash: str = "") -> dict[str, Any]:
    """Train and write ``weights.safetensors``, ``train.json`` and ``curve.csv`` into ``out``.

    Rolling checkpoints lie in a folder of ``run_dir`` that is named by a hash of the job and its data: a
    run that was killed goes on from the last full epoch
    and, on CPU, ends with the same bytes as an undisturbed run. The final weights are those of the best
    validated epoch, or the last ones where the schedule names no ``monitor``. The checkpoints are removed
    once all outputs are written. Whether the network has learned is said under ``learned``
    (:mod:`mlmi2023.training.loop.status`).

    Args:
        job: what is trained.
        plan: the paper's module and samples.
        run_dir: folder for checkpoints of unfinished runs.
        out: folder of the outputs; made if absent.
        data_hash: content hash of the data, for the record.

    Returns:
        the content of ``train.json``.

    Raises:
        InputError: the loss is not finite, the GPU's memory is too small, a config value is wrong.
    """
    schedule = Schedule.from_config(job.train)
    if schedule.monitor and (plan.val is None or not len(plan.val)):  # type: ignore[arg-type]
        raise InputError(
            f"config key train.monitor is {schedule.monitor!r} but dataset '{job.dataset}' has no validation "
            "split; give it one, or set monitor to '' to keep the last weights"
        )
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    lay_out(plan.module, device)
    before = [file_hash(job.previous)] if job.previous else []
    before += [tree_hash(used.predictions) for used in job.used.values()]
    run_dir = run_dir / content_hash([job.key(), data_hash, before])
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{run_dir}: cannot write checkpoints here ({error.strerror}); free space or fix permissions"
        ) from error
    last = run_dir / "last.ckpt"
    epochs = schedule.steps // schedule.epoch_steps * plan.repeats
    done = resumable(last, plan.module.state_dict(), epochs)
    sampler = EpochSampler(schedule.epoch_steps * schedule.batch, done)
    samples = SeededSamples(plan.train, job.seed)
    # loaders with a generator of their own leave the global random state to the network
    own = torch.Generator().manual_seed(job.seed)
    loader = DataLoader(samples, schedule.batch, sampler=sampler, num_workers=schedule.workers, generator=own)
    val = DataLoader(plan.val, batch_size=1, generator=own) if plan.val is not None else None
    measure = plan.learned_by(schedule)
    every = max(1, schedule.steps // LOSS_POINTS) if measure.name == TRAIN_LOSS else 0
    progress = Progress(schedule.steps, every)
    trainer, keep = _trainer(schedule, plan.repeats, device, run_dir, job.seed, progress)
    if last.exists():
        step = done * schedule.epoch_steps
        print(
            f"resume from the checkpoint {last} at step {step} of {schedule.steps * plan.repeats}", flush=True
        )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    record = provenance(job.threads, describe(device))
    try:
        trainer.fit(
            plan.module, loader, val, ckpt_path=str(last) if last.exists() else None, weights_only=True
        )
    except torch.cuda.OutOfMemoryError as error:
        need = torch.cuda.max_memory_allocated(device) / 2**30
        raise InputError(
            f"{job.paper} {job.method}: GPU memory ran out at {need:.1f} GiB; lower train.batch or the "
            "cohort's grid, or turn on checkpointing in the method's options"
        ) from error
    if trainer.interrupted:
        raise InputError("training was interrupted; run again to go on from the last checkpoint")
    if schedule.monitor:
        plan.module.load_state_dict(load_checkpoint(Path(keep.best_model_path))["state_dict"])
    net = plan.module.net
    digest = save_weights(net, out / "weights.safetensors")  # type: ignore[arg-type]
    status = judge(mean_over_repeats(progress.curve, schedule.steps), measure, schedule.steps)
    print(f"learned: {status.status}, by {status.measure}", flush=True)
    rate = progress.timed_steps / max(progress.seconds, 1e-9)
    report = {
        **job.about(),
        "steps": schedule.steps * plan.repeats,
        "seconds": round(progress.seconds, 2),
        "steps_per_second": round(rate, 4),
        "samples_per_second": round(rate * schedule.batch, 4),
        "peak_memory_mb": round(peak_memory_mb(device), 1),
        "device": describe(device),
        "parameters": plan.parameters or sum(p.numel() for p in net.parameters()),  # type: ignore[union-attr, misc]
        "weights_hash": digest,
        "selected_by": schedule.monitor or plan.selected_by,
        "learned": status.about(),
        "data_hash": data_hash,
        "provenance": record,
    }
    _write_curve(progress.curve, out / "curve.csv")
    write_json(out / "train.json", report)
    shutil.rmtree(run_dir, ignore_errors=True)
    return report


def _write_curve(curve: list[dict[str, float]], path: Path) -> None:
    names = sorted({name for row in curve for name in row} - {"step"})
    with atomic(path) as part, open(part, "w", newline="") as stream:
        writer = csv.DictWriter(stream, ["step", *names])
        writer.writeheader()
        writer.writerows(curve)
