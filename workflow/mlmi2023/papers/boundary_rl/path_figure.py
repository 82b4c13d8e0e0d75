"""The agent on its way (beyond the paper): an animation of the walks on a tested image."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.papers.boundary_rl import controller
from mlmi2023.papers.boundary_rl.cases import Glands
from mlmi2023.papers.boundary_rl.classifier import presence_of
from mlmi2023.papers.boundary_rl.drawing_lots import OfImages
from mlmi2023.papers.boundary_rl.environment import Rules, Walks
from mlmi2023.papers.boundary_rl.outline import filled, kept
from mlmi2023.papers.boundary_rl.walking import Policy, learned
from mlmi2023.tasks.runs import Runs, ready

if TYPE_CHECKING:
    from mlmi2023.drawing.animation import Animation

#: pixels of the picture's longer side, at least; pictures at most, without the last one
WIDE, MOST = 256, 240
PATCH, HIT, OUTLINE, TRUTH = (230, 159, 0), (214, 39, 40), (214, 39, 40), (44, 160, 44)


def large(image: np.ndarray, factor: int) -> np.ndarray:
    """Return an image (H, W) in [0, 1] as (factor H, factor W, 3) uint8."""
    grey = (255 * image.clip(0, 1)).round().astype(np.uint8)
    return np.repeat(np.repeat(grey, factor, 0), factor, 1)[..., None].repeat(3, -1)


def boxed(frame: np.ndarray, top: int, left: int, side: int, colour: tuple[int, int, int]) -> None:
    """Draw a square's border, one pixel wide; what lies beyond the frame is cut off."""
    rows = np.clip([top, top + side - 1], 0, frame.shape[0] - 1)
    columns = np.clip([left, left + side - 1], 0, frame.shape[1] - 1)
    frame[rows, columns[0] : columns[1] + 1] = colour
    frame[rows[0] : rows[1] + 1, columns] = colour


def bordered(frame: np.ndarray, mask: np.ndarray, factor: int, colour: tuple[int, int, int]) -> None:
    """Colour the outermost pixels of a mask (H, W) in a frame that is ``factor`` times as large."""
    from scipy import ndimage

    whole = np.repeat(np.repeat(mask > 0, factor, 0), factor, 1)
    frame[whole & ~ndimage.binary_erosion(whole, iterations=2)] = colour


def path(runs: Runs) -> "Animation":
    """Show the first tested image, patch by patch, with noise over hits; at the end outline and truth.

    Raises:
        InputError: the figure does not name the classifier and an agent.
    """
    from mlmi2023.drawing.animation import Animation

    by_model = {job.method_options.get("model"): method for method, job in runs.jobs.items()}
    if not {"classifier", "controller"} <= by_model.keys():
        raise InputError("the figure of the path needs classifier and agent; add them to its 'methods'")
    method, seer = by_model["controller"], by_model["classifier"]
    job, options = runs.jobs[method], runs.jobs[method].method_options.get("net") or {}
    cases, rules = Glands(job), Rules.of(job)
    net, device = ready(job, controller.build(options, rules.side), runs.weights[method])
    fires = presence_of(job, runs.jobs[seer].method_options.get("net") or {}, Path(runs.weights[seer])).to(
        device
    )
    row, (height, width) = cases.rows("test")[0], cases.size
    lots = OfImages(job.seed, rules.walk.most, rules.side, device)
    env = Walks(cases.grey([row]).to(device), fires, rules, 1, lots, where=bool(options.get("where")))
    factor = -(-WIDE // max(height, width))
    frames, hits = _frames(env, learned(net), factor)  # type: ignore[arg-type]
    last = large(cases.images[row, :, :, 0] / 255, factor)
    points = kept(np.array(hits).reshape(-1, 2), rules.walk.outliers, rules.walk.neighbours)
    bordered(last, cases.truth(row), factor, TRUTH)
    bordered(last, filled(points, (height, width)), factor, OUTLINE)
    return Animation([*frames[:: -(-len(frames) // MOST)], last])


@torch.inference_mode()
def _frames(env: Walks, policy: Policy, factor: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return a picture of every step, and where walks have hit."""
    states, _ = env.reset(options={"rows": torch.zeros(1, dtype=torch.long)})
    frames: list[np.ndarray] = []
    hits: list[np.ndarray] = []
    half, side = env.rules.side // 2, env.rules.side
    while not bool(env.over.all()):
        before = env.pictures()[0].cpu().numpy()
        states, _, hit, _, info = env.step(policy(states, env))
        row, column = info["centre"][0].tolist()
        frame = large(before, factor)
        for point in hits:
            spot = slice(int(point[0]) * factor, (int(point[0]) + 1) * factor)
            frame[spot, int(point[1]) * factor : (int(point[1]) + 1) * factor] = HIT
        boxed(frame, (row - half) * factor, (column - half) * factor, side * factor, PATCH)
        frames.append(frame)
        if bool(hit[0]):
            hits.append(np.array([row, column], float))
    return frames, hits
