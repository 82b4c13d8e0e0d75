"""What a step of MagNET's networks costs by how many modalities there are: the trainer's part, and memory.

    packed=results/demo/cohorts/gliomas/packed
    python tests/benchmarks/missing_modalities.py --data $packed --modalities 4

As :mod:`training_step`, with so many modalities in every sample, in the bare loop and in the trainer: with 4
every encoder works in every step. Peak memory is the whole process's, its libraries and scans included, on a
CPU; what one modality more takes is the difference between runs.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from training_step import job_of, ratio, settings_of

from mlmi2023.training.loop.device import peak_memory_mb, pick_device


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", nargs="?", default="magnet")
    parser.add_argument("--data", type=Path, required=True, help="packed cohort of the form scans")
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--modalities", type=int, default=4, help="that are there in every sample")
    args = parser.parse_args(namespace=argparse.Namespace(paper="magnet", dataset="brats2018", stage="main"))
    job = job_of(args, settings_of(args))
    modalities = len(job.task["modalities"])
    shares = [float(number == args.modalities) for number in range(1, 1 + modalities)]
    job = replace(job, task={**job.task, "shares": shares})
    times = ratio(job, args.steps)
    memory = peak_memory_mb(pick_device(job.device))
    print(f"magnet {args.method}, {args.modalities} modalities, on {times}, peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
