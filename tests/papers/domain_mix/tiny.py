"""The example of nuclei in two domains, on a few small images."""

from discs import make_discs

EXAMPLES = ["nuclei_domains"]
CONFIG = """
cohorts: {nuclei_lights: {read: {size: [32, 32]}}}
overrides:
  domain_mix:
    datasets:
      cvc_300:
        task: {shots: 2, val: 0.3}
        methods: [pretrained, s1_mix_1_12, ours_1, mt_sg, s2_mix_2_1, ours_2, background, truth]
    methods: {pretrained: {train: {steps: 4, epoch_steps: 2}}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig_contours_polyps: {methods: [pretrained, ours_1, mt_sg, ours_2]}
      fig_mixes_polyps: {methods: [s1_mix_1_12, mt_sg]}
      fig_steps_polyps: {methods: [pretrained, ours_1, mt_sg, ours_2]}
"""


def make(place):
    """Write discs, and of which domain each is."""
    make_discs(place)
    root = place / "data/nuclei_dsb96"
    names = sorted(file.name for file in (root / "images").iterdir())
    kinds = ("bright_field", "fluorescence")
    rows = [f"{name},{kinds[number % 2]}" for number, name in enumerate(names)]
    (root / "lights.csv").write_text("image,domain\n" + "\n".join(rows) + "\n")
