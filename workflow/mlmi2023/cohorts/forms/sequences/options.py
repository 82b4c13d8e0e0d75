"""The key ``read`` of the form ``sequences``; the form says what the keys mean."""

from typing import Annotated, Literal

from mlmi2023.cohorts.forms.images.options import Names, Side
from mlmi2023.cohorts.forms.scans.options import Word
from mlmi2023.core.conditions import Count, filled
from mlmi2023.core.options import Options

#: end-diastole and end-systole, the first and the last frame that has labels
MARKS = ("ED", "ES")


class Read(Options):
    """How sequences are read."""

    frames: Names = "{subject}/{subject}_{view}_half_sequence.nii.gz"
    labels: Names | dict[Literal["ED", "ES"], Names] = "{subject}/{subject}_{view}_half_sequence_gt.nii.gz"
    info: Names | None = None
    flow: Names | None = None
    classes: Annotated[dict[Count, Word], filled]
    size: Side | None = None

    def wrong(self) -> str:
        """Both marks have labels, and labels are other files than frames."""
        if isinstance(self.labels, dict) and set(self.labels) != set(MARKS):
            return "labels needs both ED and ES, or one pattern for all frames"
        return "labels are the frames themselves; name the label maps" if self.labels == self.frames else ""

    @property
    def patterns(self) -> dict[str, str]:
        """Patterns of the files beside a sequence's frames, by what they are."""
        labels = self.labels if isinstance(self.labels, dict) else {"labels": self.labels}
        found: dict[str, str | None] = {"info": self.info, "flow": self.flow}
        found.update({str(key): pattern for key, pattern in labels.items()})
        return {key: pattern for key, pattern in found.items() if pattern is not None}
