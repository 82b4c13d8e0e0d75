"""Keys of methods, tasks and training that this paper's code reads."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Amount, Count, Counts, Number, Positive, Share, filled
from mlmi2023.core.options import Options
from mlmi2023.nets.generation.options import DiffusionUnet, Noise, Process
from mlmi2023.tasks.options import Truth
from mlmi2023.training.loop.options import OptimisedTraining

STAGES = ("gan", "main")


class Patches(Options):
    """The Masking Block (Sect. 2.3).

    Attributes:
        kind: ``ipm`` blackens patches, ``fpm`` masks patches of the spectrum, ``fpmcm`` puts patches of the
            image after FPM into the image.
        ratio: of the foreground, or of the spectrum, that patches cover; drawn evenly.
        side: of a patch, of the image's height.
        most: patches that are drawn; what they cover at most is all that can be masked.
    """

    kind: Literal["ipm", "fpm", "fpmcm"]
    ratio: tuple[Share, Share] = (0.1, 0.9)
    side: tuple[Share, Share] = (0.09, 0.18)
    most: Count = 128

    def wrong(self) -> str:
        """Intervals rise."""
        low = [key for key in ("ratio", "side") if getattr(self, key)[0] > getattr(self, key)[1]]
        return f"{low[0]}: the first must not be above the second" if low else ""


class Released(Options):
    """The Masking Block of the released code: a centred square of the spectrum, and a few pasted rectangles.

    Attributes:
        half: half width of the square, in frequencies; it is kept or removed with equal chance.
        pasted: rectangles, at most.
        side: of a rectangle, of the image's height.
    """

    kind: Literal["released"]
    half: tuple[Count, Count] = (2, 10)
    pasted: Number = 5
    side: tuple[Share, Share] = (0.09, 0.18)


class Window(Options):
    """pDDPM: only a patch is noised, the rest is clean context; at test patches of a fixed grid in turn.

    Attributes:
        side: of a patch, of the image's.
        grid: patches along each side that are noised in turn at test.
        loss: counted in the ``patch`` alone (L_p), or over the ``image``.
    """

    side: Share = 0.5
    grid: Count = 2
    loss: Literal["patch", "image"] = "patch"

    def wrong(self) -> str:
        """The grid covers the image."""
        return "" if self.side * self.grid >= 1 else f"{self.grid} patches of {self.side:g} leave gaps"


class Diffusion(Options):
    """DDPM, pDDPM and mDDPM.

    Attributes:
        level: t_fix, to which slices are noised at test.
        draws: of noise at test, over which estimates are averaged.
    """

    kind: Literal["learned"]
    model: Literal["diffusion"]
    net: DiffusionUnet
    process: Process = Process()
    noise: Noise
    masking: Patches | Released | None = None
    patch: Window | None = None
    level: Number = 500
    draws: Count = 1

    def wrong(self) -> str:
        """The level is one of the process."""
        steps = self.process.steps
        return "" if self.level < steps else f"level {self.level} is none of the {steps} of the process"


class Autoencoder(Options):
    """Convolutions with stride 2, one a level, and a code of ``latent`` numbers."""

    channels: Counts = (32, 64, 128, 256)
    latent: Count = 128

    def wrong(self) -> str:
        """Channels divide into the groups of the normalisation."""
        return "" if all(count % 4 == 0 for count in self.channels) else "channels must be multiples of 4"


class Vae(Options):
    """VAE (Baur et al.); ``kl``: weight of the divergence beside the mean absolute error."""

    kind: Literal["learned"]
    model: Literal["vae"]
    net: Autoencoder
    kl: Amount = 0.001


class Svae(Options):
    """Sequential VAE (Behrendt et al.): codes of neighbouring slices are read by a recurrent network.

    Attributes:
        hidden: units of each direction.
        slices: consecutive ones of a training sample.
    """

    kind: Literal["learned"]
    model: Literal["svae"]
    net: Autoencoder
    hidden: Count = 128
    slices: Count = 16
    kl: Amount = 0.001


class CoarseNoise(Options):
    """Gaussian noise of ``cells`` x ``cells``, interpolated to the image, of deviation ``spread``."""

    cells: Count = 16
    spread: Positive = 0.2


class DaeNet(Options):
    """MONAI's basic U-Net; channels of the five levels, and of the last one on the way up."""

    features: tuple[Count, Count, Count, Count, Count, Count] = (32, 64, 128, 256, 512, 32)

    def wrong(self) -> str:
        """Features divide into the groups of the normalisation."""
        return "" if all(count % 4 == 0 for count in self.features) else "features must be multiples of 4"


class Dae(Options):
    """Denoising autoencoder (Kascenas et al.)."""

    kind: Literal["learned"]
    model: Literal["dae"]
    net: DaeNet
    noise: CoarseNoise = CoarseNoise()


class FAnoGan(Options):
    """f-AnoGAN (Schlegl et al.): first a Wasserstein GAN with gradient penalty, then an encoder.

    Attributes:
        penalty: weight of the gradient penalty.
        critics: steps of the critic for each of the generator.
        features: weight of the difference between features of the critic (kappa).
        gan_rate: learning rate of generator and critic.
    """

    kind: Literal["learned"]
    model: Literal["fanogan"]
    net: Autoencoder
    penalty: Amount = 10.0
    critics: Count = 5
    features: Amount = 1.0
    gan_rate: Positive = 1e-4


class Intensity(Options):
    """The slice itself takes the place of the map: bright is abnormal."""

    kind: Literal["intensity"]


class Noised(Options):
    """The floor: the estimate is the noised slice itself, as if the network did nothing."""

    kind: Literal["noise"]
    process: Process = Process()
    noise: Noise
    level: Number = 500


class Slices(Options):
    """Axial slices of stripped volumes.

    Attributes:
        image: modality.
        size: rows and columns; images are padded or cut around their middle. null: as they are.
        least: share of foreground that a slice must have.
        batch: slices that are reconstructed at once.
    """

    image: str = "T2w"
    size: tuple[Count, Count] | None = None
    least: Share = 0.02
    batch: Count = 32


class Healthy(Slices):
    """Where networks learn, and are tested on healthy brains.

    Attributes:
        folds: into which training and validation subjects are dealt, of which seed k validates with the k-th;
            null: the cohort's split.
        fold_seed: of the deal.
        val_slices: that are looked at while training, spread over all.
    """

    kind: Literal["healthy"]
    folds: Annotated[int, lambda value: "" if value > 1 else "it must be at least 2"] | None = None
    fold_seed: int = 2023
    val_slices: Count = 128


class Inserted(Options):
    """Anomalies that are put into healthy heads, where there are no patients; each has a soft border.

    Attributes:
        count: in a head, drawn evenly.
        radius: mm, drawn evenly; the largest slices are ellipses.
        values: intensities, of which each anomaly has one.
    """

    count: tuple[Count, Count] = (1, 3)
    radius: tuple[Positive, Positive] = (6.0, 12.0)
    values: Annotated[list[Share], filled]

    def wrong(self) -> str:
        """Intervals rise."""
        low = [key for key in ("count", "radius") if getattr(self, key)[0] > getattr(self, key)[1]]
        return f"{low[0]}: the first must not be above the second" if low else ""


class Anomalies(Slices):
    """Where anomalies are sought.

    Attributes:
        lesions: label values that are lesions.
        erosion: iterations by which the brain mask shrinks.
        median: edge of the median filter, voxels.
        component: voxels that a component must have.
        thresholds: that are tried, at quantiles of the maps of the validation split.
        insert: for cohorts of healthy heads: anomalies are put in, and nothing else counts as one.
    """

    kind: Literal["anomalies"]
    lesions: Annotated[tuple[Count, ...], filled] = (1,)
    insert: Inserted | None = None
    erosion: Number = 3
    median: Count = 5
    component: Number = 7
    thresholds: Count = 100


class Train(OptimisedTraining):
    """``ema``: decay of an average of the weights of diffusion networks; 0: none."""

    ema: Share = 0.0


Method = Diffusion | Vae | Svae | Dae | FAnoGan | Intensity | Noised | Truth
Task = Healthy | Anomalies
