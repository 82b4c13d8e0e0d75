"""Train, predict and score without the workflow engine: ``python -m mlmi2023 <paper> --data <packed>``.

For machines that have a GPU and torch but not the rest. It does what the rules ``train`` and ``evaluate``
do, with the same functions and the same paths below ``--out``, one run after the other; what is
there already is left alone, and a training that was killed goes on. The packed cohort
(``results/<scale>/cohorts/<cohort>/packed``) comes from a machine that has everything.
"""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from mlmi2023.core.config import Settings, merge, read_yaml, suggest
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.core.yaml_files import read_config
from mlmi2023.preflight.checks import check_paper
from mlmi2023.tasks.chain import evaluate, train

ROOT = Path(__file__).resolve().parents[2]


def run(args: argparse.Namespace) -> None:
    """Do every run of the paper that the arguments select."""
    config = read_yaml(ROOT / "config/config.yaml")
    for file in args.configfile:
        config = merge(config, read_config(file))
    config = merge(config, {"scale": args.scale, "papers": [args.paper]})
    settings = Settings(config, ROOT, check_paper)
    paper = settings.paper(args.paper)
    _check_names(args, paper)
    seeds = args.seeds or paper["seeds"]
    for dataset, setup in paper["datasets"].items():
        if args.datasets and dataset not in args.datasets:
            continue
        methods = _used_first(settings, args.paper, dataset, setup["methods"])
        for method, seed, fold in itertools.product(methods, seeds, range(paper.get("folds", 1))):
            stages = settings.stages(args.paper, dataset, method)
            once = len(settings.seeds(args.paper, dataset, method)) == 1
            if (args.methods and method not in args.methods) or (once and seed != seeds[0]):
                continue
            options = settings.options(args.paper, dataset, method)
            place = Path(dataset) / method / f"seed-{seed}_fold-{fold}"
            weights: Path | None = None
            for stage in stages or ["main"]:
                job = Job(
                    paper=args.paper,
                    dataset=dataset,
                    method=method,
                    seed=seed,
                    fold=fold,
                    stage=stage,
                    previous=weights,
                    used=_used(args, settings, dataset, method, (seed, seeds[0]), fold),
                    data=args.data,
                    task=setup["task"],
                    method_options=options,
                    train=settings.schedule(args.paper, dataset, method, stage) if stages else {},
                    threads=args.threads,
                    device=args.device,
                )
                if stages:
                    print(f"== train {place} {stage}", flush=True)
                    weights = args.out / "models" / place / stage / "weights.safetensors"
                    if not (weights.parent / "train.json").exists():
                        train(job, args.out / ".runs", weights.parent)
            predictions = args.out / "predictions" / place
            scores = args.out / "scores" / place.with_name(place.name + ".csv")
            if not scores.exists():
                print(f"== evaluate {place}", flush=True)
                evaluate(job, weights, predictions, scores)


def _check_names(args: argparse.Namespace, paper: dict[str, Any]) -> None:
    """Refuse datasets and methods that the paper does not have."""
    known = {"datasets": list(paper["datasets"]), "methods": list(paper["methods"])}
    for key, names in known.items():
        for name in getattr(args, key) or []:
            if name not in names:
                raise InputError(f"--{key}: paper '{args.paper}' has no '{name}'{suggest(name, names)}")


def _used_first(settings: Settings, paper: str, dataset: str, methods: list[str]) -> list[str]:
    """Return the methods in an order in which each comes after those that it uses."""
    order: dict[str, None] = {}
    for method in methods:
        below = settings.uses(paper, dataset, method)
        order |= dict.fromkeys([*_used_first(settings, paper, dataset, below), method])
    return list(order)


def _used(
    args: argparse.Namespace,
    settings: Settings,
    dataset: str,
    method: str,
    seeds: tuple[int, int],
    fold: int,
) -> dict[str, Used]:
    """Return what used methods have left; those that run once have it under the first seed."""
    found = {}
    for name in settings.uses(args.paper, dataset, method):
        own, first = seeds
        seed = first if len(settings.seeds(args.paper, dataset, name)) == 1 else own
        place = Path(dataset) / name / f"seed-{seed}_fold-{fold}"
        if not (args.out / "predictions" / place).exists():
            raise InputError(f"method '{method}' uses '{name}', which has not run; add it to --methods")
        stages = settings.stages(args.paper, dataset, name)
        weights = args.out / "models" / place / stages[-1] / "weights.safetensors" if stages else None
        found[name] = Used(args.out / "predictions" / place, weights)
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mlmi2023", description=__doc__.splitlines()[0])
    parser.add_argument("paper", help="slug of the paper")
    parser.add_argument("--data", type=Path, required=True, help="packed cohort")
    parser.add_argument("--out", type=Path, required=True, help="results go here, e.g. results/bench/<paper>")
    parser.add_argument("--scale", default="bench", choices=["demo", "bench", "paper"])
    parser.add_argument("--configfile", type=Path, nargs="*", default=[], help="laid on config/config.yaml")
    parser.add_argument("--datasets", nargs="*")
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--seeds", type=int, nargs="*")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    try:
        run(parser.parse_args())
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
