"""How all figures look, and how they are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlmi2023.core.files import atomic

INK, FAINT = "#22262B", "#D5D9DF"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "svg.hashsalt": "mlmi2023",
    "svg.fonttype": "path",
    "legend.frameon": False,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw with :data:`STYLE`, without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    with matplotlib.rc_context(STYLE):
        yield


def save_figure(figure: Any, stem: str | Path) -> None:
    """Write ``<stem>.png`` (200 dpi) and ``<stem>.svg``, the same bytes for the same figure, and close it.

    Use it inside :func:`styled`, whose hash salt makes the SVG's ids repeatable.
    """
    import matplotlib.pyplot as plt

    stem = Path(stem)
    for kind, extra in (("png", {"metadata": {"Software": None}}), ("svg", {"metadata": {"Date": None}})):
        with atomic(stem.parent / f"{stem.name}.{kind}") as part:
            figure.savefig(part, format=kind, dpi=200, bbox_inches="tight", facecolor="white", **extra)
    plt.close(figure)
