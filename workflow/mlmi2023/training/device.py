"""Which device computes, and how it is made to give the same result twice."""

import torch

from mlmi2023.errors import InputError


def pick_device(name: str = "auto") -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        InputError: ``cuda`` is asked for and no GPU is usable.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("config key device is 'cuda' but no GPU is usable here; set device: auto or cpu")
    if name not in ("cpu", "cuda"):
        raise InputError(f"config key device is {name!r}; choose auto, cpu or cuda")
    return torch.device(name)


def make_deterministic(threads: int, device: torch.device) -> None:
    """Fix the thread count and choose deterministic kernels.

    On CPU results depend on the thread count and are then equal bit for bit. On a GPU some kernels
    (backward of ``grid_sample``) have no deterministic form: torch warns and goes on; TF32 is on.
    """
    torch.set_num_threads(max(1, threads))
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True


def describe(device: torch.device) -> str:
    """Return the device's name for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MB: of the GPU, or of this process on CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
