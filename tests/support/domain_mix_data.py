"""Jobs of domain_mix on a small packed cohort of three cameras."""

from mlmi2023.core.jobs import Job

NET = {
    "name": "mit_fusion", "dims": [4, 8, 8, 8], "depths": [1, 1, 1, 1], "heads": [1, 2, 2, 2], "ratio": 2,
    "drop_path": 0.0, "width": 4, "dilations": [1, 2],
}  # fmt: skip
TASK = {
    "kind": "segmentation", "targets": ["two"], "sources": ["one"], "val": 0.2, "shots": 3,
    "unlabelled": "test", "structures": ["disc", "cup"], "nested": True, "band": 3,
}  # fmt: skip
TRAIN = {
    "steps": 4, "epoch_steps": 2, "batch": 4, "learning_rate": 0.002, "decoder_rate": 2.0,
    "optimiser": "adamw",
}  # fmt: skip
#: centred on the disc, so that it is large enough on few pixels
VIEW = {"centre": "disc", "width": 0.62, "shift": 0.02}
SOURCE = {"learn": ["source"]}
ADAPT = {"learn": ["source"], "mix": {"from": ["source"], "to": ["unlabelled"]}, "ema": 0.9}
FEW = {"learn": ["shots"], "mix": {"from": ["shots"], "to": ["shots", "unlabelled"]}}


def job(data, method=ADAPT, seed=0, task=None, train=None, previous=None):
    """Return a job of a learned method."""
    return Job(
        "domain_mix", "rim_one", "net", seed, data, task={**TASK, **(task or {})},
        method_options={"kind": "learned", "net": NET, **method}, train={**TRAIN, **(train or {})},
        device="cpu", previous=previous,
    )  # fmt: skip
