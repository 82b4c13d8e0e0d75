"""Which printed means of Tables 1 to 3 are not the means of the classes printed beside them."""

from typing import Any, NamedTuple

CLASSES = ("edh", "iph", "ivh", "sah", "sdh")


class Printed(NamedTuple):
    """A row of a table: Dice of its five classes and the printed mean, %."""

    table: str
    method: str
    classes: tuple[float, ...]
    mean: float

    @property
    def own(self) -> float:
        """The mean of the five classes."""
        return sum(self.classes) / len(self.classes)

    @property
    def gap(self) -> float:
        """How far the printed mean lies above that."""
        return self.mean - self.own


def wrong(row: Printed, half: float = 0.005) -> bool:
    """Whether rounding does not explain a mean: classes and mean may each be off by ``half``."""
    return abs(row.gap) > 2 * half + 1e-9


def printed(reported: dict[str, Any], mean: str = "avg") -> list[Printed]:
    """Return the rows of a paper's file, as it is read, that have all classes and a mean; each once."""
    found: dict[tuple[Any, ...], Printed] = {}
    for table in reported["tables"]:
        values: dict[str, dict[str, float]] = {}
        for row in table["rows"]:
            given = row["values"].get("dice")
            if isinstance(given, float | int) and "label" in row:
                values.setdefault(row["method"], {})[row["label"]] = float(given)
        for method, own in values.items():
            if {*CLASSES, mean} <= set(own):
                classes = tuple(own[label] for label in CLASSES)
                found.setdefault((classes, own[mean]), Printed(table["id"], method, classes, own[mean]))
    return list(found.values())
