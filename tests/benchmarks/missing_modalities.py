"""How much the trainer adds to a step of networks with a discriminator, and a step's time by modalities.

    packed=results/demo/cohorts/gliomas/packed
    python tests/benchmarks/missing_modalities.py magnet --data $packed

The method's training step, in which network and discriminator are stepped by itself, runs in a bare loop on a
fixed batch, before and after as many steps through ``fit``; the shorter time counts. With ``--modalities 4``
all modalities are there in both, so that every encoder works in every step.
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
from mlmi2023.papers.magnet.train import plan
from mlmi2023.training.loop.device import make_deterministic, pick_device
from mlmi2023.training.loop.fit import fit

ROOT = Path(__file__).resolve().parents[2]
WARM = 3


def bare(job: Job, steps: int, device: torch.device) -> float:
    """Return seconds per step of a loop with nothing but the module's own training step."""
    made = plan(job)
    module: Any = made.module.to(device)
    optimisers = [own["optimizer"] for own in module.configure_optimizers()]
    module.optimizers = lambda: optimisers
    module.lr_schedulers = lambda: []
    module.manual_backward = lambda loss: loss.backward()
    size = int(job.train.get("batch", 1))
    items = [made.train[i % len(made.train)] for i in range(size)]  # type: ignore[arg-type]
    batch = {k: v.to(device) for k, v in torch.utils.data.default_collate(items).items()}
    module.train()
    start = 0.0
    for step in range(WARM + steps):
        if step == WARM:
            start = _now(device)
        module.training_step(batch, step)
    return (_now(device) - start) / steps


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("--data", type=Path, required=True, help="packed cohort of the form scans")
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--modalities", type=int, default=4, help="that are there in every sample")
    args = parser.parse_args()
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": args.scale, "papers": ["magnet"]})
    settings = Settings(config, ROOT)
    dataset = "brats2018"
    options = settings.method("magnet", dataset, args.method)
    task = dict(settings.paper("magnet")["datasets"][dataset]["task"])
    task["shares"] = [float(number == args.modalities) for number in range(1, 1 + len(task["modalities"]))]
    job = Job(
        paper="magnet",
        dataset=dataset,
        method=args.method,
        seed=0,
        data=args.data,
        task=task,
        method_options={k: v for k, v in options.items() if k not in ("train", "stages")},
        train={
            **settings.schedule("magnet", dataset, args.method),
            "steps": 2 * args.steps,
            "epoch_steps": args.steps,
        },
        threads=args.threads,
        device=args.device,
    )
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    alone = bare(job, args.steps, device)
    with tempfile.TemporaryDirectory() as folder:
        report = fit(job, plan(job), Path(folder) / "runs", Path(folder) / "out")
    alone = min(alone, bare(job, args.steps, device))
    trained = report["seconds"] / report["steps"]
    print(f"magnet {args.method}, {args.modalities} modalities, on {report['device']}")
    print(f"bare loop {alone:.4f} s/step, trainer {trained:.4f} s/step, ratio {trained / alone:.2f}")


if __name__ == "__main__":
    main()
