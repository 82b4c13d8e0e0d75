"""What the workflow's scripts have in common: logs and one-line errors."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmi2023.core.errors import InputError
from mlmi2023.engine.lean import leave, load
from mlmi2023.engine.lock import hold_as_job
from mlmi2023.engine.warm.client import hand_over
from mlmi2023.engine.warm.libraries import modules_of


def share_package() -> None:
    """Let the processes that are started from here import this package, whatever their environment."""
    place = str(Path(__file__).resolve().parents[2])
    others = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and p != place]
    os.environ["PYTHONPATH"] = os.pathsep.join([place, *others])


def _quiet_hints() -> None:
    """Keep out of the logs what libraries say about their other products and about each other."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    for text in (r"The `srun` command is available", r"`isinstance\(treespec, LeafSpec\)` is deprecated"):
        warnings.filterwarnings("ignore", message=text)


def _say(terminal: int, line: str) -> None:
    """Write a line of its own: Snakemake, which writes there too, may be in the middle of one."""
    os.write(terminal, f"\n{line}\n".encode())


@contextmanager
def logged(snakemake: Any) -> Iterator[Any]:
    """Send all output of the block, that of C libraries too, to the rule's log; yield ``snakemake``.

    An :class:`InputError` ends the script with status 1 and its one line on the terminal and in the log.
    Any other exception leaves its traceback in the log and its last line on the terminal. The process ends
    with the block: nothing after it runs. Where there are warm workers, one of them runs the script.
    """
    hold_as_job()
    modules = modules_of(snakemake)
    hand_over(snakemake.rule, modules, snakemake.threads)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(snakemake.threads)
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(snakemake.threads)
    os.environ.setdefault("MPLBACKEND", "Agg")
    _quiet_hints()
    log = Path(snakemake.log[0])
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        stream = open(log, "w")  # noqa: SIM115 - closed by the block below
    except OSError as error:
        sys.exit(f"error: {log}: cannot write here ({error.strerror}); free space or fix permissions")
    terminal = os.dup(2)
    with stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        sys.stdout = sys.stderr = stream
        try:
            load(modules)
            yield snakemake
        except InputError as error:
            print(f"error: {error}", file=stream, flush=True)
            _say(terminal, f"error: {error}")
            os._exit(1)
        except BaseException as error:
            traceback.print_exc(file=stream)
            stream.flush()
            _say(terminal, f"error: {type(error).__name__}: {error} (traceback in {log})")
            os._exit(1)
        leave(0)
