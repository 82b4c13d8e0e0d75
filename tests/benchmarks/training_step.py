"""How much the trainer adds to a step: seconds per step through ``fit`` over those of a bare loop.

    packed=results/demo/cohorts/brain_adults/packed
    python tests/benchmarks/training_step.py defxattn_reg ixi voxelmorph --data $packed

Both train the same network on as many samples with the same optimiser, one after the other, on one device.
The bare loop has the trainer's layout of weights, a fixed batch, and neither logging, sampling, validation
nor checkpoints; it runs before and after the trainer, and its shorter time counts.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.tasks.chain import part
from mlmi2023.training.loop.device import lay_out, make_deterministic, pick_device
from mlmi2023.training.loop.fit import fit

ROOT = Path(__file__).resolve().parents[2]
WARM = 3


def bare(job: Job, steps: int, device: torch.device) -> float:
    """Return seconds per step of a loop with nothing but forward, loss, backward and optimiser.

    Modules that step several optimisers by themselves do so here, too.
    """
    plan = part(job.paper, "train").plan(job)
    module: Any = lay_out(plan.module, device)
    module.log = lambda *args, **kwargs: None
    made = module.configure_optimizers()
    optimisers = [
        own["optimizer"] if isinstance(own, dict) else own
        for own in (made if isinstance(made, list) else [made])
    ]
    by_itself = not module.automatic_optimization
    if by_itself:
        module.optimizers = lambda use_pl_optimizer=True: optimisers
        module.lr_schedulers = lambda: []
        module.manual_backward = lambda loss: loss.backward()
    size = int(job.train.get("batch", 1))
    items = [plan.train[i % len(plan.train)] for i in range(size)]  # type: ignore[arg-type]
    batch = {key: value.to(device) for key, value in torch.utils.data.default_collate(items).items()}
    module.train()
    start = 0.0
    for step in range(WARM + steps):
        if step == WARM:
            start = _now(device)
        mixed = device.type == "cuda" and job.train.get("precision") == "bf16"
        with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
            loss = module.training_step(batch, step)
        if by_itself:
            continue
        optimisers[0].zero_grad()
        loss.backward()
        optimisers[0].step()
    return (_now(device) - start) / steps


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("paper", "dataset", "method"):
        parser.add_argument(name)
    parser.add_argument("--data", type=Path, required=True, help="packed cohort")
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--stage", default="main", help="the first of a method that has several")
    args = parser.parse_args()
    job = job_of(args, settings_of(args))
    print(f"{args.paper} {args.dataset} {args.method} on {ratio(job, args.steps)}")


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the workflow's settings at the scale that is asked for."""
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": args.scale, "papers": [args.paper]})
    return Settings(config, ROOT)


def job_of(args: argparse.Namespace, settings: Settings) -> Job:
    """Return the job of two epochs of ``args.steps``."""
    options = settings.method(args.paper, args.dataset, args.method)
    schedule = settings.schedule(args.paper, args.dataset, args.method, args.stage)
    return Job(
        paper=args.paper,
        dataset=args.dataset,
        method=args.method,
        seed=0,
        data=args.data,
        task=settings.paper(args.paper)["datasets"][args.dataset]["task"],
        method_options={k: v for k, v in options.items() if k not in ("train", "stages")},
        train={**schedule, "steps": 2 * args.steps, "epoch_steps": args.steps},
        threads=args.threads,
        device=args.device,
        stage=args.stage,
    )


def ratio(job: Job, steps: int) -> str:
    """Return the device, seconds per step of both, and their ratio, in words."""
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    alone = bare(job, steps, device)
    with tempfile.TemporaryDirectory() as folder:
        plan = part(job.paper, "train").plan(job)
        report = fit(job, plan, Path(folder) / "runs", Path(folder) / "out")
    alone = min(alone, bare(job, steps, device))
    trained = report["seconds"] / report["steps"]
    both = f"bare loop {alone:.4f} s/step, trainer {trained:.4f} s/step"
    return f"{report['device']}: {both}, ratio {trained / alone:.2f}"


if __name__ == "__main__":
    main()
