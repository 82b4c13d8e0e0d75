"""Where a result comes from: code version, packages, hardware."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = [
    "snakemake",
    "torch",
    "lightning",
    "monai",
    "antspyx",
    "deepbet",
    "fslpy",
    "nibabel",
    "nilearn",
    "numpy",
    "scipy",
    "pandas",
    "scikit-image",
    "matplotlib",
]


def code_version() -> tuple[str, bool]:
    """Return the git commit of this checkout and whether it has uncommitted changes.

    The environment variable ``MLMI2023_VERSION`` names the commit of a tree that was copied without its
    history. Without either it is ``unknown``.
    """
    if copied := os.environ.get("MLMI2023_VERSION"):
        return copied, False
    root = Path(__file__).resolve().parents[3]
    git = ["git", "-C", str(root), "-c", f"safe.directory={root}"]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
        status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True)
    except FileNotFoundError:
        return "unknown", False
    if commit.returncode:
        return "unknown", False
    return commit.stdout.strip(), bool(status.stdout.strip())


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that can change a result."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def cpu_name() -> str:
    """Return the processor's model name as the kernel gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass  # not Linux: the architecture must do
    return platform.machine()


def provenance(threads: int | None = None, accelerator: str | None = None) -> dict[str, Any]:
    """Return what every result carries beside its config, seed and data hash."""
    commit, dirty = code_version()
    return {
        "code_version": commit,
        "dirty": dirty,
        "packages": package_versions(),
        "hardware": {"cpu": cpu_name(), "cores": os.cpu_count(), "accelerator": accelerator or "none"},
        "threads": threads,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
