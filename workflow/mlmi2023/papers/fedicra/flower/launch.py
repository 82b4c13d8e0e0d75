"""Start a server and a process a site on this machine, and compare with the training in one process."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.core.json_files import read_object
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.flower.site import flwr, rows_of
from mlmi2023.training.loop.weights import read_weights, weights_hash


def job_of(report: Path, data: Path) -> Job:
    """Return the job that a ``train.json`` is of, on the CPU.

    Raises:
        InputError: it is none of this paper, or of a training that goes on from another.
    """
    said = read_object(report, {"paper": str, "method": str}, "train in one process first")
    if said["paper"] != "fedicra":
        raise InputError(f"{report}: is of the paper '{said['paper']}', not of fedicra")
    if said.get("stage", "main") != "main" or "stages" in said["config"]["method"]:
        raise InputError(f"{report}: goes on from another training; give one that begins anew")
    config = said["config"]
    return Job(
        paper="fedicra",
        dataset=said["dataset"],
        method=said["method"],
        seed=int(said["seed"]),
        data=data,
        task=config["task"],
        method_options=config["method"],
        train=config["train"],
        threads=int(said["provenance"].get("threads", 1)),
        device="cpu",
    )


def free_address() -> str:
    """Return an address of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def launch(report: Path, data: Path, out: Path) -> dict[str, Any]:
    """Train with one process a site; write ``global.safetensors`` and ``flower.json`` into ``out``.

    Returns:
        the content of ``flower.json``: bytes and seconds of each round, the hash of the global weights, and
        whether they are those of the training in one process, if these lie beside ``report``.

    Raises:
        InputError: Flower is not installed, or the training is none of sites.
    """
    from safetensors.torch import save_file

    from mlmi2023.papers.fedicra.flower.strategy import serve

    flwr("flwr.server")
    job = job_of(report, data)
    cases = SiteImages(job)
    rows_of(job, cases, 0)
    address, begun = free_address(), time.perf_counter()
    command = [sys.executable, "-m", "mlmi2023.papers.fedicra.flower", str(report), "--data", str(data)]
    sites = [
        subprocess.Popen([*command, "--site", str(number), "--address", address])
        for number in range(len(cases.sites))
    ]
    try:
        state, told = serve(job, address)
    finally:
        codes = []
        for process in sites:
            try:
                codes.append(process.wait(timeout=60))
            except subprocess.TimeoutExpired:
                process.kill()
                codes.append(process.wait())
    found = {
        **told,
        "sites": dict(zip(cases.sites, codes)),
        "weights_hash": weights_hash(state),
        "seconds": round(time.perf_counter() - begun, 2),
        "same": None,
    }
    beside = report.with_name("weights.safetensors")
    if beside.is_file():
        whole = read_weights(beside)
        own = {n.removeprefix("server."): v for n, v in whole.items() if n.startswith("server.")}
        found["same"] = weights_hash(own) == found["weights_hash"]
    out.mkdir(parents=True, exist_ok=True)
    with atomic(out / "global.safetensors") as part:
        save_file({name: value.contiguous() for name, value in state.items()}, part)
    write_json(out / "flower.json", found)
    return found
