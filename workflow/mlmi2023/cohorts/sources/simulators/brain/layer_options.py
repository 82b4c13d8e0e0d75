"""What the option ``layers`` may hold; :mod:`.layers` says what each layer does and what its keys mean."""

from typing import Annotated, Any, Literal

from mlmi2023.core.conditions import Amount, Positive, filled
from mlmi2023.core.errors import InputError
from mlmi2023.core.options import Options, read
from mlmi2023.core.values import Mistake

ByAge = Annotated[dict[Amount, float], filled]


class Ageing(Options):
    """Ventricles widen and contrast fades."""

    name: Literal["ageing"]
    reference: Amount = 35.0
    expansion: float = 0.8
    fading: float = 0.02
    spread: Amount = 0.2


class Profile(Options):
    """One scanner."""

    gamma: Positive = 1.0
    noise: Amount = 1.0
    bias: Amount = 1.0
    lean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    share: Amount = 1.0


class Site(Options):
    """Several scanners."""

    name: Literal["site"]
    profiles: Annotated[dict[str, Profile], filled]

    def wrong(self) -> str:
        """Somebody is scanned."""
        return "" if sum(p.share for p in self.profiles.values()) > 0 else "give a profile a share above 0"


class Bends(Options):
    """Irregular borders."""

    size: Positive
    strength: Amount


class Infancy(Options):
    """An infant's head."""

    name: Literal["infancy"]
    months: Annotated[list[Amount], filled]
    volume: ByAge
    means: dict[str, dict[str, ByAge]]
    sharpness: Positive = 1.0
    bends: Bends | None = None
    texture: dict[str, Amount] | None = None
    skull: bool = False


def check_layers(layers: list[Any]) -> None:
    """Check the option ``layers``.

    Raises:
        InputError: an unknown layer or key, or a value of another type or range.
    """
    try:
        read(list[Ageing | Site | Infancy], layers)
    except Mistake as mistake:
        raise InputError(mistake.line("options.layers")) from None
