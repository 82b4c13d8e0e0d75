"""The key ``read`` of the form ``ct_stacks``; the form says what the keys mean."""

from typing import Annotated, Any, Literal

from mlmi2023.core.conditions import Amount, Name, Positive, filled
from mlmi2023.core.options import Options

#: thickness and overlap, mm
Scan = tuple[Positive, Amount]


class Read(Options):
    """How volumes are read."""

    volumes: Annotated[dict[Name | int, Annotated[str, filled]], filled]
    splits: dict[Any, Literal["train", "all", "test"]] | None = None
    thickness: Positive | None = None
    pixel: Positive | None = None
    acquisitions: list[Scan] | dict[Any, list[Scan] | None] | None = None

    def wrong(self) -> str:
        """Splits and acquisitions are those of volumes; a slice is thicker than its overlap."""
        for key in ("splits", "acquisitions"):
            given = getattr(self, key)
            for name in given if isinstance(given, dict) else ():
                if name not in self.volumes:
                    return f"{key} names '{name}', which is none of read.volumes"
        scans = self.acquisitions or []
        for scan in [s for own in scans.values() for s in own or []] if isinstance(scans, dict) else scans:
            if scan[1] >= scan[0]:
                return f"acquisitions has {list(scan)}; give [thickness, overlap] with the second smaller"
        return ""
