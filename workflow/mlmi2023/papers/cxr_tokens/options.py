"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Share, at_least, between
from mlmi2023.core.options import Options
from mlmi2023.papers.cxr_tokens.network_options import (
    Cnn,
    Compact,
    CrossModal,
    FasterRcnn,
    Meshed,
    Plain,
    Relational,
)
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining


class Detector(Options):
    """The detector of regions, whose vectors are the tokens (Sect. 3.1).

    Attributes:
        net: its sizes.
        findings: whether it also learns to find findings; without, tokens are naive.
        weight: lambda of Eq. 1.
        rarity: alpha of the findings' weights.
        negatives: whether what is absent has a term too, which Eq. 2 leaves out.
    """

    kind: Literal["learned"]
    model: Literal["detector"]
    net: Compact | FasterRcnn
    findings: bool = True
    weight: Amount = 100.0
    rarity: Amount = 0.25
    negatives: bool = True


class Classifier(Options):
    """The CNN on its own, which learns which findings an image has."""

    kind: Literal["learned"]
    model: Literal["classifier"]
    net: Cnn
    rarity: Amount = 0.25


class Extractor(Options):
    """TE: triples from image and indication (Eq. 3, step 1).

    Attributes:
        net: sizes of the transformer.
        tokens: the method whose tokens are read, which stands under ``uses``; null: a CNN is trained along.
        cnn: that CNN.
        start: the method whose CNN it begins with, which stands under ``uses``.
    """

    kind: Literal["learned"]
    model: Literal["triples"]
    net: Plain
    tokens: str | None = None
    cnn: Cnn | None = None
    start: str | None = None

    def wrong(self) -> str:
        """There is one kind of visual input."""
        return one_eye(self.tokens, self.cnn)


class Reporter(Options):
    """RG: the report from image, indication and triples (Eq. 3, step 2).

    Attributes:
        net: sizes of the transformer.
        tokens: as of TE.
        cnn: as of TE.
        start: as of TE.
        triples: the method that extracts triples of images that are not trained on, which stands under
            ``uses``; null: there are none.
        masked: share of the true triples that is left out while it learns.
    """

    kind: Literal["learned"]
    model: Literal["report"]
    net: Plain
    tokens: str | None = None
    cnn: Cnn | None = None
    start: str | None = None
    triples: str | None = None
    masked: Share = 0.5

    def wrong(self) -> str:
        """There is one kind of visual input."""
        return one_eye(self.tokens, self.cnn)


class R2Gen(Options):
    """R2Gen (Chen et al. 2020): a decoder with a relational memory; it sees the image alone."""

    kind: Literal["learned"]
    model: Literal["r2gen"]
    net: Relational
    cnn: Cnn


class R2GenCmn(Options):
    """R2GenCMN (Chen et al. 2021): a memory that image and text share."""

    kind: Literal["learned"]
    model: Literal["r2gencmn"]
    net: CrossModal
    cnn: Cnn


class MeshedMemory(Options):
    """M2 Tr + fact_ENTNLI (Miura et al. 2021): likelihood first, then rewards for facts.

    Attributes:
        net: the meshed-memory transformer's sizes.
        cnn: of the image.
        rewarded: share of the steps, the last ones, that learn from rewards.
        likelihood: weight of the likelihood's loss in these.
        language: of the reward for language.
        facts: of the reward for facts.
    """

    kind: Literal["learned"]
    model: Literal["m2tr"]
    net: Meshed
    cnn: Cnn
    rewarded: Share = 0.25
    likelihood: Amount = 0.01
    language: Amount = 0.495
    facts: Amount = 0.495


class Regional(Options):
    """A report region by region, as RGRG (Tanida et al. 2023): regions are chosen, each gets its sentences.

    Attributes:
        net: sizes of the decoder.
        tokens: the method whose tokens are read, which stands under ``uses``.
        drawn: regions of an image that a step learns from.
        chosen: probability above which a region is written about.
    """

    kind: Literal["learned"]
    model: Literal["regions"]
    net: Plain
    tokens: str
    drawn: Count = 4
    chosen: Share = 0.5


class TrueTriples(Options):
    """A trained RG that is given the true triples, all of them; ``of`` stands under ``uses``."""

    kind: Literal["true_triples"]
    of: str


class Normal(Options):
    """The floor: the training report without a finding that is most like the others of that kind."""

    kind: Literal["normal"]


class MeanBoxes(Options):
    """The mean box of each region over training images: what boxes are worth without a look."""

    kind: Literal["mean_boxes"]


class Rules(Options):
    """Labels by the rules of the simulator's grammar."""

    kind: Literal["rules"]


class CheXbert(Options):
    """Labels by CheXbert (Smit et al. 2020), with its weights from a local file.

    Attributes:
        path: of ``chexbert.pth``.
        vocabulary: of BERT's word pieces, ``vocab.txt``.
        sha256: of the weights.
        batch: reports at once.
        hidden, layers, heads, inner: sizes of BERT.
    """

    kind: Literal["chexbert"]
    path: str
    vocabulary: str
    sha256: str | None = None
    batch: Count = 32
    hidden: Count = 768
    layers: Count = 12
    heads: Count = 12
    inner: Count = 3072


class Lengths(Options):
    """Words, at most, of each text."""

    report: Annotated[int, at_least(2)] = 100
    triples: Annotated[int, at_least(2)] = 100
    indication: Annotated[int, at_least(2)] = 50


class Task(Options):
    """Reports of chest X-rays.

    Attributes:
        size: of the square that networks see, cut at random in training and from the middle otherwise.
        least: times that a word must stand in training texts, else it is unknown.
        lengths: of texts.
        labeller: what reads findings off reports.
        beams: of reports; 1: the likeliest word at each step.
        triple_beams: the same of triples.
        components: of the tokens' principal components, in which Frechet distances are taken.
        shown: tokens of Fig. 3 are of so many tested images.
        wordnet: folder of NLTK's data with WordNet, for METEOR's synonyms; null: exact words and stems.
        val_images: validation images that are written about after each epoch; null: all.
    """

    kind: Literal["xray_reports"]
    size: Annotated[int, between(32, 4096)]
    least: Count = 3
    lengths: Lengths = Lengths()
    labeller: Rules | CheXbert = Rules(kind="rules")
    beams: Count = 3
    triple_beams: Count = 1
    components: Count = 50
    shown: Count = 3000
    wordnet: str | None = None
    val_images: Count | None = None


class Train(OptimisedTraining):
    """``val_batch``: validation images at once."""

    val_batch: Count = 32


def one_eye(tokens: str | None, cnn: Cnn | None) -> str:
    """Return what is wrong with a method that names both kinds of visual input, or neither."""
    return "" if (tokens is None) != (cnn is None) else "give one of tokens and cnn"


Method = (
    Detector | Classifier | Extractor | Reporter | R2Gen | R2GenCmn | MeshedMemory | Regional
    | TrueTriples | Normal | MeanBoxes | Truth
)  # fmt: skip
