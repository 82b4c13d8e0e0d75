"""Time and memory of a training step at a paper's size, with random volumes: no data needed.

    python tests/benchmarks/paper_size.py defxattn_reg ixi tm_dca --shape 160 224 192
    python tests/benchmarks/paper_size.py defxattn_reg ixi tm_dca --shape 160 224 192 \\
        --set 'encoder: {offset_kernels: [null, null, null]}'      # the same without deformation
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from mlmi2023.cohorts.seal import seal
from mlmi2023.core.config import Settings
from mlmi2023.core.jobs import Job
from mlmi2023.core.merging import merge
from mlmi2023.core.yaml_files import read_yaml
from mlmi2023.tasks.chain import part
from mlmi2023.training.loop.device import describe, make_deterministic, peak_memory_mb, pick_device

ROOT = Path(__file__).resolve().parents[2]


def random_cohort(folder: Path, shape: list[int], modality: str, labels: int) -> None:
    """Write a packed cohort of four subjects of noise; one of them is the atlas."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    np.save(folder / f"{modality}.npy", rng.random((4, *shape), dtype=np.float32).astype(np.float16))
    np.save(folder / "labels.npy", rng.integers(0, labels + 1, (4, *shape), dtype=np.uint8))
    splits = ["atlas", "train", "train", "test"]
    about: dict[str, Any] = {
        "name": "noise",
        "content_hash": "",
        "subjects": [{"subject": str(row), "split": split} for row, split in enumerate(splits)],
        "modalities": [modality],
        "landmarks": [],
        "shape": shape,
        "spacing": [1.0, 1.0, 1.0],
        "affine": np.eye(4).tolist(),
        "labels": {str(i): f"part {i}" for i in range(1, labels + 1)},
    }
    seal(folder, about, "")


def main() -> None:
    """Print seconds a step and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("paper", "dataset", "method"):
        parser.add_argument(name)
    parser.add_argument("--shape", type=int, nargs=3, required=True)
    parser.add_argument("--labels", type=int, default=35)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--set", default="{}", help="laid on the method's options, as YAML")
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    config = merge(read_yaml(ROOT / "config/config.yaml"), {"scale": "paper", "papers": [args.paper]})
    settings = Settings(config, ROOT)
    options = merge(settings.options(args.paper, args.dataset, args.method), yaml.safe_load(args.set))
    task = settings.paper(args.paper)["datasets"][args.dataset]["task"]
    device = pick_device(args.device)
    make_deterministic(4, device)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "packed"
        random_cohort(data, args.shape, task["fixed"], args.labels)
        job = Job(
            paper=args.paper,
            dataset=args.dataset,
            method=args.method,
            seed=0,
            data=data,
            task=task,
            method_options=options,
            train=settings.schedule(args.paper, args.dataset, args.method),
            threads=4,
            device=args.device,
        )
        plan = part(job.paper, "train").plan(job)
        module: Any = plan.module.to(device)
        module.log = lambda *args, **kwargs: None
        optimiser = module.configure_optimizers()["optimizer"]
        batch = torch.utils.data.default_collate([plan.train[0]])
        start = 0.0
        for step in range(2 + args.steps):
            if step == 2:
                start = _now(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = module.training_step(batch, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        each = (_now(device) - start) / args.steps
    print(
        f"{args.paper} {args.dataset} {args.method} {args.set} at {args.shape} on {describe(device)}: "
        f"{each:.3f} s/step, peak {peak_memory_mb(device):.0f} MB"
    )


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
