"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Number, Positive, Share, at_least, filled
from mlmi2023.core.options import Options
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: general language, general instructions, then what the paper trains
STAGES = ("base", "instruct", "main")
PLACES = ("{instruction}", "{input}")


class Sizes(Options):
    """Of a LLaMA; the defaults are those of 7B.

    Attributes:
        vocabulary: tokens, at most; of a stand-in as many as its texts give.
        length: tokens of a sequence that it can place.
    """

    width: Count = 4096
    layers: Count = 32
    heads: Count = 32
    mlp: Count = 11008
    vocabulary: Count = 32000
    length: Count = 2048

    def wrong(self) -> str:
        """Heads share the width, and rotary places need an even one."""
        return (
            ""
            if self.width % (2 * self.heads) == 0
            else f"width {self.width} must be a multiple of 2 x heads"
        )


class Lora(Options):
    """Low-rank updates; ``targets``: the layers that get them."""

    rank: Count = 8
    alpha: Positive = 16.0
    dropout: Share = 0.05
    targets: Annotated[tuple[str, ...], filled] = ("q_proj", "v_proj")


class Published(Options):
    """A local folder: config, weights, tokenizer; ``bits`` of its weights, 4 and 8 on a GPU alone."""

    path: Annotated[str, filled]
    bits: Literal[4, 8, 16, 32] = 16


class Model(Options):
    """A language model.

    Attributes:
        kind: trained here, or ``published`` alone, untuned.
        net: sizes of one that is trained here from the start.
        pretrained: published weights in their place.
        lora: what is trained in stage ``main``; null: all weights.
    """

    kind: Literal["learned", "published"]
    net: Sizes = Sizes()
    pretrained: Published | None = None
    lora: Lora | None = None

    def wrong(self) -> str:
        """A published model lies somewhere, and its weights of few bits are not trained themselves."""
        if self.kind == "published" and self.pretrained is None:
            return "kind published needs the key pretrained"
        few = self.kind == "learned" and self.pretrained is not None and self.pretrained.bits < 32
        return "weights of fewer than 32 bits are not trained; give lora" if few and self.lora is None else ""


class Verbose(Options):
    """ChatGPT's place on stand-ins: rules that restate every finding."""

    kind: Literal["verbose"]


class Answers(Options):
    """Answers that were had elsewhere: ``path`` of a CSV file with the columns subject and impression."""

    kind: Literal["answers"]
    path: Annotated[str, filled]


class CopyFindings(Options):
    """The findings themselves."""

    kind: Literal["copy"]


class Constant(Options):
    """The same text for every report."""

    kind: Literal["constant"]
    text: Annotated[str, filled] = "No acute process."


class Silent(Options):
    """The floor: nothing."""

    kind: Literal["silent"]


class General(Options):
    """Of the stand-in for general language: how many documents or tasks train and validate."""

    train: Count = 20000
    val: Count = 400


def _holds_places(value: str) -> str:
    lost = [place for place in PLACES if value.count(place) != 1]
    return f"it must hold {lost[0]} once" if lost else ""


class Task(Options):
    """Findings to impression.

    Attributes:
        instruction: the paper's.
        template: of the prompt, ``{instruction}`` and ``{input}``; the answer follows it.
        length: tokens of prompt and answer, at most; findings are cut to fit, never the impression.
        loss: on the ``response`` and its end, or on ``all`` tokens.
        new_tokens: of an answer, at most.
        beams: of the search; 1 is greedy.
        batch: prompts that are answered at once, and sequences of a validation batch.
        leak: words in a row of one training patient's report that must not come in an answer.
        panel: reports of each dataset that the two raters of the paper would see.
        general: sizes of the stand-in for general language.
    """

    kind: Literal["impressions"]
    instruction: Annotated[str, filled] = "Derive the impression from findings in the radiology report"
    template: Annotated[str, _holds_places]
    length: Annotated[int, at_least(32)] = 512
    loss: Literal["response", "all"] = "response"
    new_tokens: Count = 128
    beams: Count = 1
    batch: Count = 16
    leak: Count = 20
    panel: Number = 5
    general: General = General()


class Train(OptimisedTraining):
    """``pack``: tokens of a row that sequences share, 0: each has its own; ``micro``: sequences at once."""

    pack: Number = 0
    micro: Number = 0


Method = Model | Verbose | Answers | CopyFindings | Constant | Silent | Truth
