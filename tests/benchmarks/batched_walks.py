"""How much faster walks are side by side than one at a time (boundary_rl). Run it by hand:

    PYTHONPATH=workflow python tests/benchmarks/batched_walks.py [--images 256] [--size 64] [--patch 16]

The classifier is the demo's, untrained, and actions are drawn by chance; both ways take the same steps.
"""

import argparse
import time

import torch

from mlmi2023.papers.boundary_rl.classifier import Presence, build
from mlmi2023.papers.boundary_rl.drawing_lots import Common
from mlmi2023.papers.boundary_rl.environment import Rules, Walks
from mlmi2023.papers.boundary_rl.options import Walk


def steps_per_second(images, presence, rules, count, steps):
    """Return steps of all environments together, per second."""
    lots = Common(rules.walk.most, rules.side, images.device)
    target = torch.full((len(images), 2), images.shape[1] / 2)
    env = Walks(images, presence, rules, count, lots, target, again=True)
    env.reset(seed=0)
    actions = torch.randint(4, (steps + 2, count))
    for step in actions[:2]:
        env.step(step)
    start = time.perf_counter()
    for step in actions[2:]:
        env.step(step)
    return steps * count / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for key, value in (("images", 256), ("size", 64), ("patch", 16), ("steps", 20)):
        parser.add_argument(f"--{key}", type=int, default=value)
    own = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.randint(256, (own.images, own.size, own.size), dtype=torch.uint8)
    seer = Presence(build({"width": 0.5, "depth": 0.5, "stages": 5}, own.patch).eval(), 0.9)
    rules = Rules(own.patch, Walk(step=2, most=64, episodes=16))
    with torch.inference_mode():
        alone = steps_per_second(images, seer, rules, 1, 4 * own.steps)
        together = steps_per_second(images, seer, rules, own.images, own.steps)
    print(f"one at a time: {alone:.0f} steps/s; {own.images} side by side: {together:.0f} steps/s")
    print(f"{together / alone:.1f} times as fast")


if __name__ == "__main__":
    main()
