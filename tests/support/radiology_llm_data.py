"""Small packed cohorts of reports, and jobs on them."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mlmi2023.cohorts.forms.reports import form
from mlmi2023.cohorts.sources.simulators.radiology_reports.cohort import simulate
from mlmi2023.core.jobs import Job

CONFIG = {
    "kind": "simulated",
    "form": "reports",
    "simulator": "radiology_reports",
    "seed": 3,
    "subjects": {"train": 16, "val": 3, "test": 5},
    "options": {"style": "ward", "studies": [1, 2]},
}
NET = {"width": 16, "layers": 1, "heads": 2, "mlp": 24, "vocabulary": 500, "length": 160}
LORA = {"rank": 2, "alpha": 4, "dropout": 0.0}
TEMPLATE = "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
TASK = {
    "kind": "impressions", "template": TEMPLATE, "length": 160, "new_tokens": 6, "batch": 4, "panel": 2,
    "general": {"train": 24, "val": 6},
}  # fmt: skip
TRAIN = {
    "steps": 4, "epoch_steps": 2, "batch": 4, "learning_rate": 0.01, "optimiser": "adamw", "pack": 200,
    "monitor": "val_loss", "mode": "min",
}  # fmt: skip
OPTIONS = {
    "llama": {"kind": "learned", "net": NET, "stages": {"base": {}}},
    "stablelm": {"kind": "learned", "net": NET, "stages": {"base": {}, "instruct": {}}},
    "ours": {"kind": "learned", "net": NET, "lora": LORA, "stages": {"base": {}, "instruct": {}, "main": {}}},
    "chatgpt": {"kind": "verbose"},
    "copy": {"kind": "copy"},
    "constant": {"kind": "constant", "text": "No acute process."},
    "silent": {"kind": "silent"},
    "truth": {"kind": "truth"},
}


@cache
def packed(style: str = "ward") -> Path:
    """Simulate and pack a cohort; return the packed folder. That of the clinic is tested alone."""
    place = Path(mkdtemp(prefix="reports-"))
    config = {**CONFIG, "options": {**CONFIG["options"], "style": style}}  # type: ignore[dict-item]
    if style == "clinic":
        config["subjects"] = {"test": 6}
    simulate(config, place / "raw")
    form.pack(config, place / "raw", place / "packed", style)
    return place / "packed"


def job(method: str = "ours", data: Path | None = None, **more: object) -> Job:
    """Return a job of a method on the small cohort."""
    keys = {"train": TRAIN, "method_options": OPTIONS.get(method, {}), "task": TASK, **more}
    return Job("radiology_llm", "mimic_cxr", method, 0, data or packed(), device="cpu", **keys)  # type: ignore[arg-type]
