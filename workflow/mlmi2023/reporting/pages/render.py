"""Jinja templates and how numbers, links and marks look in them."""

import os
import re
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlmi2023.core.files import atomic
from mlmi2023.reporting.claims.results import Result
from mlmi2023.reporting.claims.verdicts import NOT_JUDGED, VERDICTS

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, fixed=fixed, p_value=p_value, duration=duration, slug=css_name, prose=prose
    )
    environment.filters["machines"] = machines
    return environment


def render(template: str, out: str | Path, **context: Any) -> None:
    """Fill a template and write it; links made by ``link(path)`` are relative to the page."""
    out = Path(out)
    page = _environment().get_template(template)
    text = page.render(link=lambda path: relative(path, out.parent), verdicts=VERDICTS, **context)
    with atomic(out) as part:
        part.write_text(text, encoding="utf-8")


def relative(path: str | Path, folder: Path) -> str:
    """Return the link from a page in ``folder`` to ``path``, which works from a disk and from a server."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def number(value: Any, digits: int = 3, signed: bool = False) -> str:
    """Return ``value`` with so many significant digits; a dash where there is none."""
    if value is None or not isfinite(value):
        return "–"
    if value == 0:
        return "0"
    sign = "+" if signed else ""
    if 1e-4 <= abs(value) < 1e15:
        places = max(0, digits - 1 - _exponent(value))
        return f"{value:{sign},.{places}f}".replace("-", "−").replace(",", " ")
    return f"{value:{sign}.{digits - 1}e}".replace("-", "−")


def _exponent(value: float) -> int:
    return int(f"{abs(value):.2e}".split("e")[1])


def fixed(value: float, places: int, signed: bool = True) -> str:
    """Return ``value`` with so many decimals; a dash where there is none."""
    if not isfinite(value):
        return "–"
    return f"{value:{'+' if signed else ''}.{places}f}".replace("-", "−")


def places_for(result: Result) -> int:
    """Return the decimals that show a claim's interval, and the paper's effect, with two digits."""
    sizes = [abs(v) for v in (result.margin, (result.high - result.low) / 2) if isfinite(v) and v]
    return min(8, max(0, 1 - _exponent(min(sizes)))) if sizes else 3


def p_value(value: float) -> str:
    """Return a p value as papers print it."""
    if not isfinite(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def duration(seconds: float) -> str:
    """Return seconds as the two largest of h, min, s."""
    if not isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def css_name(text: str) -> str:
    """Return ``text`` as a class or anchor name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def prose(text: str) -> Any:
    """Return text with ``code``, **bold** and bare links marked up, everything else escaped."""
    from markupsafe import Markup, escape

    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    safe = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
    safe = re.sub(r"(https?://[^\s<]+[^\s<.,;:)])", r'<a href="\1">\1</a>', safe)
    return Markup(safe)


def machines(text: str) -> str:
    """Return the hardware line of a record in short, as ``Xeon, 2 cores; H100``: each machine once."""
    said = []
    for line in text.split("; "):
        facts = dict(fact.split(": ", 1) for fact in line.split(", ") if ": " in fact)
        gpu = facts.get("accelerator", "none")
        parts = [facts.get("cpu", line), f"{facts['cores']} cores" if "cores" in facts else ""]
        said.append(", ".join(filter(None, [*([gpu] if gpu not in ("none", "cpu") else []), *parts])))
    return "; ".join(dict.fromkeys(said))


def forest(result: Result) -> dict[str, float] | None:
    """Return where a claim's marks lie on its own symmetric axis, in percent; None without values.

    ``blind`` is half the width of what could not have been told from zero, cut at the ends of the axis.
    """
    if not (isfinite(result.effect) or isfinite(result.margin)):
        return None
    shown = [v for v in (result.effect, result.low, result.high, result.margin) if isfinite(v)]
    reach = 1.1 * max([abs(v) for v in shown] + [1e-12])
    places = {"low": result.low, "high": result.high, "effect": result.effect, "margin": result.margin}
    found = {k: round(50 + 50 * v / reach, 2) for k, v in places.items() if isfinite(v)}
    if isfinite(result.detectable):
        found["blind"] = round(min(50.0, 50 * result.detectable / reach), 2)
    return found


def count_verdicts(results: list[Result]) -> dict[str, int]:
    """Return how many claims have each verdict, in their order; ``not judged`` only where there are such."""
    counts = {verdict: sum(r.verdict == verdict for r in results) for verdict in VERDICTS}
    return {verdict: n for verdict, n in counts.items() if n or verdict != NOT_JUDGED}
