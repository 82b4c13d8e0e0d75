"""Train, predict and score without the workflow engine: ``python -m mlmi2023 <paper> --data <packed>``.

For machines that have a GPU and torch but not the rest. It does what the rules ``train`` and ``evaluate``
do, with the same functions and the same paths below ``--out``, one run after the other; what is
there already is left alone, and a training that was killed goes on. The packed cohort
(``results/<scale>/cohorts/<cohort>/packed``) comes from a machine that has everything.
"""

import argparse
import itertools
import sys
from dataclasses import replace
from pathlib import Path

from mlmi2023.core.config import Settings
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job, Used
from mlmi2023.core.merging import merge
from mlmi2023.core.schemas import suggest
from mlmi2023.core.yaml_files import read_config, read_yaml
from mlmi2023.preflight.checks import check_paper
from mlmi2023.tasks.chain import evaluate, train

ROOT = Path(__file__).resolve().parents[2]


class Runner:
    """Does runs of one paper, each after what it needs."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Read the configuration that the arguments ask for."""
        config = read_yaml(ROOT / "config/config.yaml")
        for file in args.configfile:
            config = merge(config, read_config(file))
        config = merge(config, {"scale": args.scale, "papers": [args.paper]})
        self.args, self.settings = args, Settings(config, ROOT, check_paper)
        self.paper = self.settings.paper(args.paper)
        self.seeds: list[int] = args.seeds or self.paper["seeds"]
        for key in ("datasets", "methods"):
            known = list(self.paper[key])
            for name in getattr(args, key) or []:
                if name not in known:
                    raise InputError(f"--{key}: paper '{args.paper}' has no '{name}'{suggest(name, known)}")

    def run(self) -> None:
        """Do every run that the arguments select."""
        args = self.args
        for dataset, setup in self.paper["datasets"].items():
            if args.datasets and dataset not in args.datasets:
                continue
            methods = self.used_first(dataset, setup["methods"])
            for method, seed, fold in itertools.product(
                methods, self.seeds, range(self.paper.get("folds", 1))
            ):
                once = len(self.settings.seeds(args.paper, dataset, method)) == 1
                if (args.methods and method not in args.methods) or (once and seed != self.seeds[0]):
                    continue
                stages = self.settings.stages(args.paper, dataset, method)
                weights = None
                for stage in stages:
                    weights = self.weights(dataset, method, stage, seed, fold)
                job = self.job(dataset, method, seed, fold)
                place = Path(dataset) / method / f"seed-{seed}_fold-{fold}"
                scores = args.out / "scores" / place.with_name(place.name + ".csv")
                if not scores.exists():
                    print(f"== evaluate {place}", flush=True)
                    evaluate(job, weights, args.out / "predictions" / place, scores)

    def job(self, dataset: str, method: str, seed: int, fold: int) -> Job:
        """Return the job of a run as the rule ``evaluate`` has it."""
        args = self.args
        return Job(
            paper=args.paper,
            dataset=dataset,
            method=method,
            seed=seed,
            fold=fold,
            used=self.used(dataset, method, seed, fold),
            data=args.data,
            task=self.paper["datasets"][dataset]["task"],
            method_options=self.settings.options(args.paper, dataset, method),
            threads=args.threads,
            device=args.device,
        )

    def weights(self, dataset: str, method: str, stage: str, seed: int, fold: int) -> Path:
        """Return the weights that a stage ends with; it is trained first if they are not there.

        Raises:
            InputError: it is the stage of another dataset, whose cohort is not the one that was given.
        """
        args, asked = self.args, dataset
        dataset, method, stage = self.settings.trained_as(args.paper, dataset, method, stage)
        place = Path(dataset) / method / f"seed-{seed}_fold-{fold}"
        weights = args.out / "models" / place / stage / "weights.safetensors"
        if (weights.parent / "train.json").exists():
            return weights
        cohorts = [self.paper["datasets"][name]["cohort"] for name in (asked, dataset)]
        if cohorts[0] != cohorts[1]:
            raise InputError(
                f"dataset '{asked}' takes a training of dataset '{dataset}', which stands on cohort "
                f"'{cohorts[1]}'; run that first, with --datasets {dataset} and its --data"
            )
        stages = self.settings.stages(args.paper, dataset, method)
        before = stages[stages.index(stage) - 1] if stage != stages[0] else None
        previous = self.weights(dataset, method, before, seed, fold) if before else None
        schedule = self.settings.schedule(args.paper, dataset, method, stage)
        job = replace(self.job(dataset, method, seed, fold), stage=stage, previous=previous, train=schedule)
        print(f"== train {place} {stage}", flush=True)
        train(job, args.out / ".runs", weights.parent)
        return weights

    def used_first(self, dataset: str, methods: list[str]) -> list[str]:
        """Return the methods in an order in which each comes after those that it uses."""
        order: dict[str, None] = {}
        for method in methods:
            below = self.settings.uses(self.args.paper, dataset, method)
            order |= dict.fromkeys([*self.used_first(dataset, below), method])
        return list(order)

    def used(self, dataset: str, method: str, seed: int, fold: int) -> dict[str, Used]:
        """Return what used methods have left; those that run once have it under the first seed."""
        args, found = self.args, {}
        for name in self.settings.uses(args.paper, dataset, method):
            own = self.seeds[0] if len(self.settings.seeds(args.paper, dataset, name)) == 1 else seed
            predictions = args.out / "predictions" / dataset / name / f"seed-{own}_fold-{fold}"
            if not predictions.exists():
                raise InputError(f"method '{method}' uses '{name}', which has not run; add it to --methods")
            stages = self.settings.stages(args.paper, dataset, name)
            weights = self.weights(dataset, name, stages[-1], own, fold) if stages else None
            found[name] = Used(predictions, weights)
        return found


def run(args: argparse.Namespace) -> None:
    """Do every run of the paper that the arguments select."""
    Runner(args).run()


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
