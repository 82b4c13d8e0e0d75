"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.nets.options import WeightsFile
from mlmi2023.tasks.domain_options import AcrossDomains
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

#: pretraining of CLIP, of a second text encoder, of ERM's encoders; then what the paper trains
STAGES = ("clip", "text", "encoder", "main")


class Published(Options):
    """A folder as its authors publish it: ``config.json``, weights, and of a text encoder its tokenizer."""

    path: Annotated[str, filled]


class Sizes(Options):
    """Of a transformer; its width divides into the heads."""

    width: Count = 768
    layers: Count = 12
    heads: Count = 12
    mlp: Count = 3072

    def wrong(self) -> str:
        """Heads share the width."""
        return "" if self.width % self.heads == 0 else f"width {self.width} must be a multiple of heads"


class Vit(Sizes):
    """A vision transformer."""

    patch: Count = 16


class TextSizes(Sizes):
    """CLIP's text transformer; ``length``: tokens of a text, ``words``: of its vocabulary; without: ours."""

    width: Count = 512
    layers: Count = 12
    heads: Count = 8
    mlp: Count = 2048
    length: Count = 77
    words: Count | None = None


class ClipNet(Options):
    """CLIP; ``projection``: width of the space that images and texts share."""

    vision: Vit = Vit()
    text: TextSizes = TextSizes()
    projection: Count = 512


class Reader(Sizes):
    """A second text encoder in BERT's form, in the place of BioBERT.

    Attributes:
        words: of its vocabulary; without: ours.
        length: tokens of a text, at most.
        corpus: of the stand-in: sentences of medical reports, or questions and answers about them.
        pretrained: published weights.
    """

    words: Count | None = None
    length: Count = 512
    corpus: Literal["reports", "questions"] = "reports"
    pretrained: Published | None = None


class Ours(Options):
    """What is done with CLIP; each differs in ``model``.

    Attributes:
        kind: trained here, or ``pretrained`` alone.
        net: sizes; those of published weights must be theirs.
        pretrained: published weights of CLIP; null: those of the stage before, or random ones.
        reader: the second text encoder; null: CLIP's own.
        prompt: I with the class names abbreviated, II spelled out (Table 3).
    """

    kind: Literal["learned", "pretrained"]
    net: ClipNet = ClipNet()
    pretrained: Published | None = None
    reader: Reader | None = None
    prompt: Literal["I", "II"] = "I"


class ZeroShot(Ours):
    """CLIP as it is."""

    model: Literal["zero_shot"]


class Probe(Ours):
    """A linear classifier on CLIP's frozen image features."""

    model: Literal["probe"]


class Naive(Ours):
    """The image encoder is trained, texts stay; ``adjust``: logits by each class's count in the batch."""

    model: Literal["naive"]
    adjust: bool = False


class CoOpLVT(Ours):
    """Images add tokens to the text of their class (Sect. 3.2).

    Attributes:
        tokens: N_p.
        hidden: widths of G between its input and its output.
        place: of the tokens: ``before_end`` of the text, where its feature sees them, or ``released``, behind
            the padding.
    """

    model: Literal["cooplvt"]
    tokens: Count = 4
    hidden: Counts = (768, 1024)
    place: Literal["before_end", "released"] = "before_end"

    def wrong(self) -> str:
        """Tokens are CLIP's."""
        return "tokens enter CLIP's own text encoder; take reader out" if self.reader else ""


class ResNet(Options):
    """ResNet of bottlenecks; the defaults are ResNet-50."""

    name: Literal["resnet"]
    widths: tuple[Count, Count, Count, Count] = (64, 128, 256, 512)
    blocks: tuple[Count, Count, Count, Count] = (3, 4, 6, 3)
    stride: Count = 2


class VitNet(Vit):
    """A vision transformer of its own; the defaults are ViT-B/16."""

    name: Literal["vit"]


class Erm(Options):
    """A network with a linear classifier; ``pretrained``: a file of a ResNet, a folder of a ViT."""

    kind: Literal["learned"]
    model: Literal["erm"]
    net: ResNet | VitNet
    pretrained: WeightsFile | None = None


class Majority(Options):
    """The floor: the most frequent class of the sources."""

    kind: Literal["majority"]


class Augmentation(Options):
    """Of training images.

    Attributes:
        flip: chance of mirroring left to right.
        rotate: largest turn, degrees.
        shift: largest shift, share of the image.
        crop: least share of the image's area that is kept and enlarged.
        jitter: largest change of brightness, contrast, saturation and hue.
        grey: chance of a grey image.
        blur: lowest and highest deviation of a Gaussian, pixels of an image of 224.
    """

    flip: Share = 0.5
    rotate: Annotated[float, lambda value: "" if 0 <= value <= 180 else "it must lie between 0 and 180"] = (
        15.0
    )
    shift: Share = 0.05
    crop: Annotated[float, lambda value: "" if 0 < value <= 1 else "it must lie above 0, up to 1"] = 0.9
    jitter: Share = 0.3
    grey: Share = 0.1
    blur: tuple[Amount, Amount] = (0.1, 2.0)


class Pictures(Options):
    """Of the stand-in's pretraining: how many pictures train and validate."""

    train: Count = 4096
    val: Count = 256


class Task(AcrossDomains):
    """Grading on unseen domains.

    Attributes:
        grades: names of the classes in prompts I and II.
        normalise: means and spreads of ImageNet, as the release has them, or of CLIP.
        batch: images at once when validating and predicting.
        pictures: of pretraining.
    """

    kind: Literal["grading"]
    grades: tuple[Annotated[list[str], filled], Annotated[list[str], filled]] | None = None
    normalise: Literal["imagenet", "clip"] = "imagenet"
    augment: Augmentation = Augmentation()
    batch: Count = 64
    pictures: Pictures = Pictures()


class Train(OptimisedTraining):
    """``batch``: images of each source, or pictures, or sentences, of a step."""


Method = ZeroShot | Probe | Naive | CoOpLVT | Erm | Majority | Truth
