"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Literal

from mlmi2023.core.conditions import Count, Name, Number, Positive, Share
from mlmi2023.core.options import Options
from mlmi2023.losses.options import SegmentationLoss
from mlmi2023.nets.options import WeightsFile
from mlmi2023.nets.segmentation.options import AttentionUnet, SwinUnet, TransUnet, Unet
from mlmi2023.tasks.options import Background, Size, Truth
from mlmi2023.training.data.options import Angle
from mlmi2023.training.loop.options import OptimisedTraining

Four = tuple[Count, Count, Count, Count]
Six = tuple[Count, Count, Count, Count, Count, Count]
#: low-level blocks of Fig. 2 by name
Block = Literal["llsie", "unet", "stem"]


class TinyVit(Options):
    """Tiny-ViT as MobileSAM has it; see :class:`~mlmi2023.papers.sppnet.tiny_vit.TinyViT`."""

    name: Literal["tiny_vit"]
    widths: Four = (64, 128, 160, 320)
    depths: Four = (2, 2, 6, 2)
    heads: Four = (2, 4, 5, 10)
    windows: Four = (7, 7, 14, 7)

    def wrong(self) -> str:
        """Heads share the channels evenly; the first stage has none."""
        odd = [w for w, heads in zip(self.widths[1:], self.heads[1:]) if w % heads]
        return f"widths has {odd[0]}, which does not divide by its heads" if odd else ""


class Vit(Options):
    """SAM's vision transformer: of transformers; by default ViT-H.

    Attributes:
        hidden: channels of a token.
        layers: of the transformer.
        heads: of its attention.
        window: tokens along a side of a window.
        everywhere: layers whose attention is over the whole image.
        frozen: its weights stay as they are.
    """

    name: Literal["vit"]
    hidden: Count = 1280
    layers: Count = 32
    heads: Count = 16
    window: Count = 14
    everywhere: tuple[Number, ...] = (7, 15, 23, 31)
    frozen: bool = False

    def wrong(self) -> str:
        """Heads share the channels evenly."""
        return f"hidden {self.hidden} does not divide by its heads" if self.hidden % self.heads else ""


class Pretrained(Options):
    """Published weights by local path.

    Attributes:
        sam: ``model.safetensors`` of SAM as transformers publishes it: prompt encoder, mask decoder, and the
            encoder where that is a ViT.
        tiny_vit: ``mobile_sam.pt`` of MobileSAM.
    """

    sam: WeightsFile | None = None
    tiny_vit: WeightsFile | None = None


class Sppnet(Options):
    """The paper's network; see :class:`~mlmi2023.papers.sppnet.model.SPPNet`.

    Attributes:
        encoder: of the image.
        width: channels of embedding and tokens; the upscaled map has an eighth.
        mlp: inner width of the two-way transformer.
        heads: of its attention.
        block: low-level block beside the encoder; null: none.
        fusion: ``add``: its map is added to the upscaled one, as the release does; ``concat``: pooled, joined
            and brought to one channel, as the text says.
        pretrained: published weights.
    """

    name: Literal["sppnet"]
    encoder: TinyVit | Vit
    width: Count = 256
    mlp: Count = 2048
    heads: Count = 8
    block: Block | None = "llsie"
    fusion: Literal["add", "concat"] = "add"
    pretrained: Pretrained | None = None

    def wrong(self) -> str:
        """The upscaled map has whole channels, and something is fused."""
        if self.width % 16 or self.width % (2 * self.heads):
            return f"width {self.width} does not divide by 16 and by twice the heads"
        return "fusion concat needs a block" if self.fusion == "concat" and self.block is None else ""


class UnetPlusPlus(Options):
    """U-Net++; channels of the five levels, and of the last one on the way up."""

    name: Literal["unetpp"]
    features: Six = (32, 64, 128, 256, 512, 32)


Net = Sppnet | Unet | UnetPlusPlus | AttentionUnet | TransUnet | SwinUnet


class Learned(Options):
    """A network.

    Attributes:
        net: what runs.
        printed: the same at the paper's size, whose weights and operations are counted; null: they are not.
        model: ``segmenter``: learns nuclei; ``shapes``: SAM on shapes, one at a time; ``distil``: its encoder
            follows that of the method ``start``, on shapes.
        teacher: of ``distil``: the network of the method ``start``.
        point: where a nucleus is prompted: at a ``neighbour`` of its centre, at its ``centre``, or, a row of
            ours, with any pixel of the image, called a nucleus: ``anywhere``.
        start: method under ``uses`` whose weights begin: of the encoder if it is alike, and of the decoder.
        redraws: its answers are redrawn for the figure of stability.
    """

    kind: Literal["learned"]
    net: Net
    printed: Net | None = None
    model: Literal["segmenter", "shapes", "distil"] = "segmenter"
    teacher: Sppnet | None = None
    point: Literal["neighbour", "centre", "anywhere"] = "neighbour"
    start: Name | None = None
    redraws: bool = False

    def wrong(self) -> str:
        """Who follows an encoder has one; who has no prompts has none to redraw."""
        if (self.model == "distil") != (self.teacher is not None) or (self.teacher and not self.start):
            return "model distil needs teacher and start, and no other has a teacher"
        prompted = isinstance(self.net, Sppnet)
        if not prompted and (self.model != "segmenter" or self.start or self.redraws):
            return f"net {self.net.name} has no prompts; take model, start and redraws out"
        return ""


class Otsu(Options):
    """Otsu's threshold of the absorption of hematoxylin, of each image on its own: no learning."""

    kind: Literal["otsu"]


class Cutout(Options):
    """Square holes in training images; the truth stays.

    Attributes:
        chance: of an image.
        holes: of an image.
        side: of a hole, of the image's.
    """

    chance: Share = 0.0
    holes: Count = 8
    side: Share = 0.06


class Augment(Options):
    """What is done to training images: each key with a chance.

    Attributes:
        flip: left to right.
        rotate: by an angle up to ``angle``.
        angle: degrees, either way.
        cutout: holes.
    """

    flip: Share = 0.0
    rotate: Share = 0.0
    angle: Angle = 180.0
    cutout: Cutout = Cutout()


class Task(Options):
    """Segmentation of all nuclei.

    Attributes:
        size: rows and columns of masks and of the small image, a square; the encoder's image is four times as
            large.
        printed_size: the same of the paper, at which operations are counted.
        fit: how an image comes into the encoder's square: ``pad`` leaves its pixels as they are if it fits,
            ``scale`` makes its longer side as long.
        kernel: K of Eq. 2.
        sigma: of Eq. 2.
        neighbours: how one is drawn: by the ``gaussian`` of Eq. 2, or ``uniform``.
        augment: of training images.
        costs: tested images that are timed one by one; 0: none.
        redraws: times that points are drawn anew, for methods that ask for it.
        shapes: images of shapes to learn from, before nuclei.
        shape_points: points of each of them in a step, as SAM learns from many of an image.
    """

    kind: Literal["segmentation"]
    size: Size
    printed_size: Count = 256
    fit: Literal["pad", "scale"] = "pad"
    kernel: Number = 2
    sigma: Positive = 1.0
    neighbours: Literal["gaussian", "uniform"] = "gaussian"
    augment: Augment = Augment()
    costs: Number = 0
    redraws: Number = 0
    shapes: Count = 256
    shape_points: Count = 8

    def wrong(self) -> str:
        """Squares whose quarter of a quarter is whole."""
        rows, columns = self.size
        odd = rows != columns or rows % 8
        return f"size is {rows} x {columns}; give a square that divides by 8" if odd else ""


class Train(OptimisedTraining):
    """``val_batch``: validation images at once; ``loss``: of masks."""

    val_batch: Count = 4
    loss: SegmentationLoss = SegmentationLoss()


Method = Learned | Otsu | Background | Truth
