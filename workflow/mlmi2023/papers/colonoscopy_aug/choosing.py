"""The parameter study (Sect. 3): of networks that learned with several p, the best is taken.

``by: validation`` looks at validation frames of the centres that trained. ``by: test`` looks at the tested
frames themselves, as the paper does, when they are scored; what is found so is too good.
"""

from pathlib import Path

import numpy as np

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.colonoscopy_aug.frames import Frames
from mlmi2023.papers.colonoscopy_aug.measures import mean_dice, overlap
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.segmentation import Pair


def folders_of(job: Job) -> dict[str, Path]:
    """Return the candidates' predictions.

    Raises:
        InputError: one does not stand under ``uses``.
    """
    for name in job.method_options["candidates"]:
        if name not in job.used:
            raise InputError(
                f"config key methods.{job.method}: '{name}' is missing under 'uses'; add it there"
            )
    return {name: job.used[name].predictions for name in job.method_options["candidates"]}


def predict_chosen(job: Job, out: Path) -> None:
    """Write the answers of the candidate with the highest Dice on validation frames.

    With ``by: test`` each frame has the labels of all ``candidates`` as well, (n, H, W).
    """
    frames, folders = Frames(job, "testing"), folders_of(job)
    abouts = {name: segmentation.read_about(folder) for name, folder in folders.items()}
    best = max(abouts, key=lambda name: mean_dice(abouts[name]["dice_source"]))
    kept = []
    for row in frames.rows("test"):
        found = {
            name: segmentation.read_case(folder, frames, row)["labels"] for name, folder in folders.items()
        }
        arrays = {"labels": found[best]}
        if job.method_options["by"] == "test":
            arrays["candidates"] = np.stack(list(found.values()))
        kept.append((row, arrays))
    about = {"chosen": best, "dice_source": abouts[best]["dice_source"]}
    segmentation.write(out, frames, kept, {**about, "parameters": abouts[best]["parameters"]})


def settled(job: Job, predictions: Path, pairs: list[Pair]) -> tuple[float, list[Pair]]:
    """Return the p that was chosen, and the tested frames with the answers of its network."""
    candidates = job.method_options["candidates"]
    if job.method_options["by"] == "validation":
        return float(candidates[segmentation.read_about(predictions)["chosen"]]), pairs
    names = list(candidates)
    means = [
        np.mean([overlap(pair.kept["candidates"][n], pair.truth)["dice"] for pair in pairs])
        for n in range(len(names))
    ]
    best = int(np.argmax(means))
    found = [pair._replace(found=pair.kept["candidates"][best]) for pair in pairs]
    return float(candidates[names[best]]), found
