"""What a Slurm cluster has, and one line for each thing asked of it that it does not have."""

import functools
import getpass
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.schemas import suggest


@functools.cache
def partitions() -> dict[str, set[str]]:
    """Return the models of GPUs in each partition, by its name; the default one has the name ``""`` too.

    A GPU without a model has the model ``gpu``. Without Slurm, or when its controller does not answer within
    20 seconds, the result is empty.
    """
    if not shutil.which("sinfo"):
        return {}
    found: dict[str, set[str]] = {}
    for line in _ask("sinfo", "--noheader", "--format=%P|%G").splitlines():
        name, _, gres = line.partition("|")
        models = {m[1] or "gpu" for m in re.finditer(r"\bgpu(?::([A-Za-z][\w.]*))?(?::\d+)", gres)}
        names = [name.rstrip("*")] + ([""] if name.endswith("*") else [])
        for each in names:
            found.setdefault(each, set()).update(models)
    return found


def wants_gpu(device: str, cluster: bool) -> bool:
    """Whether jobs are to ask for a GPU: as the config key ``device`` says, or where there is one.

    For ``auto`` that is this machine or, where a ``cluster`` takes the jobs, a node of it: login nodes have
    none. Asking every machine's ``sinfo`` would let each start wait for a controller that may not be there.
    """
    if device != "auto":
        return device == "cuda"
    return Path("/dev/nvidia0").exists() or (cluster and any(partitions().values()))


def check(slurm: Mapping[str, Any], device: str, gpu: bool) -> None:
    """Compare the config's part ``slurm`` with the cluster, before any job is sent.

    Args:
        slurm: that part of the config.
        device: config key ``device``.
        gpu: whether networks ask for a GPU.

    Raises:
        InputError: there is no such partition, account or GPU.
    """
    known = partitions()
    if not known:
        raise InputError("Slurm does not answer: 'sinfo' is missing or fails; run this where it works")
    names = sorted(filter(None, known))
    for key in ("partition", "gpu_partition"):
        if slurm[key] and slurm[key] not in known:
            raise InputError(
                f"config key slurm.{key}: the cluster has no partition '{slurm[key]}'"
                f"{suggest(slurm[key], names)}"
            )
    if gpu:
        _check_gpu(slurm, device, known)
    if slurm["account"]:
        _check_account(slurm["account"])


def _check_gpu(slurm: Mapping[str, Any], device: str, known: Mapping[str, set[str]]) -> None:
    here = slurm["gpu_partition"] or slurm["partition"]
    models = known.get(here, set())
    elsewhere = sorted(name for name, has in known.items() if name and has)
    if not any(known.values()):
        raise InputError(
            f"config key device is '{device}', but no node of this cluster has a GPU; set device: cpu"
        )
    if not models:
        named = f"partition '{here}'" if here else "the default partition"
        raise InputError(
            f"config key slurm.gpu_partition: {named} has no GPU; partitions with one: {', '.join(elsewhere)}"
        )
    if slurm["gpu_model"] and slurm["gpu_model"] not in models:
        raise InputError(
            f"config key slurm.gpu_model: no GPU '{slurm['gpu_model']}' in partition "
            f"'{here or 'default'}'{suggest(slurm['gpu_model'], sorted(models))}"
        )


def _check_account(account: str) -> None:
    """Where the accounting database answers, the user must have the account."""
    command = ["sacctmgr", "--noheader", "--parsable2", "show", "assoc", f"user={getpass.getuser()}"]
    try:
        said = _ask(*command, "format=account")
    except InputError:
        raise InputError(
            f"config key slurm.account is '{account}', but this cluster tells no accounts (sacctmgr fails); "
            'leave it empty: slurm: {account: ""}'
        ) from None
    known = sorted(set(said.split()))
    if known and account not in known:
        raise InputError(
            f"config key slurm.account: you have no account '{account}'{suggest(account, known)}"
        )


def _ask(*command: str) -> str:
    """Return what a command of Slurm prints; nothing where its controller fails to answer ``sinfo``."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        if command[0] == "sinfo":
            return ""
        raise InputError(f"{command[0]}: {error}") from error
    return done.stdout
