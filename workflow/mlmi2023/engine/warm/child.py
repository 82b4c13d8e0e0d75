"""A forked child: become the process that Snakemake would have started, and run the script."""

import atexit
import ctypes
import gc
import json
import os
import signal
import sys
import types
from pathlib import Path
from typing import Any, NoReturn

from mlmi2023.engine.lean import leave

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15


def run(
    request: dict[str, Any], files: list[int], made_by_imports: dict[str, str], server: int, folder: Path
) -> NoReturn:
    """Run the script of a request and leave.

    Args:
        request: see :func:`mlmi2023.engine.warm.client.hand_over`.
        files: the job's standard input, output and error.
        made_by_imports: environment variables that libraries have set when the server imported them.
        server: its process id.
        folder: the server's; what the job has imported is left in it.
    """
    _die_with(server)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, request["name"].encode()[:15])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    os.umask(request["umask"])
    os.environ.clear()
    os.environ.update({**made_by_imports, **request["env"]})
    sys.argv = request["argv"]
    sys.path.insert(0, request["path"])
    _use_threads(request["threads"])
    _draw_anew()
    atexit.register(_tell_imports, set(sys.modules), folder / f"imports-{os.getpid()}.json")
    gc.enable()
    leave(_execute(request["argv"][0]))


def _die_with(server: int) -> None:
    """Die when the server dies: nobody would wait for this process any more."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)


def _use_threads(threads: int) -> None:
    """Give the libraries the threads that they would have read from the environment when they were loaded."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _tell_imports(before: set[str], file: Path) -> None:
    """Name the modules that the job has imported while it worked, for the next of its kind."""
    new = [name for name, module in sys.modules.items() if name not in before and _is_file(name, module)]
    file.write_text(json.dumps(new))


def _is_file(name: str, module: Any) -> bool:
    """Whether a module is what its name finds, not made or renamed by another."""
    spec = getattr(module, "__spec__", None)
    return spec is not None and spec.name == name and spec.has_location


def _draw_anew() -> None:
    """Seed anew what draws numbers without a seed, as a new process would; Python itself does so."""
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()


def _execute(script: str) -> int:
    """Run a script as ``python script`` does; return its exit status."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    try:
        with open(script, encoding="utf-8") as stream:
            code = compile(stream.read(), script, "exec")
        exec(code, main.__dict__)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0
