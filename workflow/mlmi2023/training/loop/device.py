"""Which device computes, and how it is made to give the same result twice."""

import platform

import torch

from mlmi2023.core.errors import InputError


def pick_device(name: str = "auto") -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    A GPU is tried before it is returned: a broken one must end the job on this node at once.

    Raises:
        InputError: ``cuda`` is asked for and no GPU is usable, or the GPU of ``auto`` is broken.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"config key device is {name!r}; choose auto, cpu or cuda")
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    node = platform.node()
    if not torch.cuda.is_available():
        raise InputError(
            f"node {node}: this job was to use a GPU but torch {torch.__version__} finds none that works; "
            "keep jobs off this node, or set device: cpu"
        )
    device = torch.device("cuda")
    try:
        probe = torch.ones(8, device=device)
        works = float((probe + probe).sum()) == 16
    except RuntimeError as error:
        raise InputError(
            f"node {node}: the GPU is broken ({str(error).splitlines()[0]}); keep jobs off this node, or set "
            "device: cpu"
        ) from error
    if not works:
        raise InputError(f"node {node}: the GPU adds wrongly; keep jobs off this node, or set device: cpu")
    return device


def make_deterministic(threads: int, device: torch.device) -> None:
    """Fix the thread count and, on CPU, choose deterministic kernels.

    On CPU results depend on the thread count and are then equal bit for bit. On a GPU they differ from run to
    run in the last digits: the deterministic backward of ``grid_sample`` makes steps of registration networks
    three times slower. TF32 is on.
    """
    torch.set_num_threads(max(1, threads))
    torch.use_deterministic_algorithms(device.type == "cpu")
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.allow_tf32 = True


def lay_out(net: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Put a network on a device; on a CPU the weights of 3D convolutions get the layout that is fast there.

    Channels come last, which makes a step of small networks a third shorter; sums are taken in another order.
    In 2D it gains nothing.
    """
    net = net.to(device)
    for weight in net.parameters() if device.type == "cpu" else ():
        if weight.dim() == 5:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last_3d)
    return net


def describe(device: torch.device) -> str:
    """Return the device's name for the record."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mb(device: torch.device) -> float:
    """Return the peak memory in MB: of the GPU, or of this process on CPU.

    On CPU that is the resident memory of the process alone, without its loader's workers. Libraries count as
    far as the process has touched their pages: about 85 MB less in a child of a warm worker (see
    :mod:`mlmi2023.engine.warm`), which has them from its parent, than in a process that has loaded them.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
