"""Start and leave the process of one script at less cost.

An import makes hundreds of thousands of objects that stay. Looking for garbage among them while they come,
and taking them apart one by one at the end, is a third of what a short job costs.
"""

import atexit
import ctypes
import gc
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterable
from typing import NoReturn


def load(modules: Iterable[str]) -> None:
    """Import what a job works with without looking for garbage, and keep it out of later searches.

    A module that does not exist is left to the script, which says in its own words what is wrong.
    """
    gc.disable()
    try:
        for name in modules:
            if exists(name):
                importlib.import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def exists(module: str) -> bool:
    """Whether there is a module of that name."""
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def leave(status: int) -> NoReturn:
    """End this process as the interpreter would, except that the system takes the memory back in one piece.

    Threads are waited for, atexit's functions run, Python's and C's buffers are written (ITK logs through C).
    Only for a process whose work is done: nothing after this call runs.
    """
    # the interpreter's own two steps; it offers them under no public name
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(status)
