"""The example of single nuclei, on a few discs of tissue."""

import numpy as np
from PIL import Image

EXAMPLES = ["single_nuclei"]
CONFIG = """
cohorts:
  single_nuclei: {read: {objects: {margin: 0.6, least: 40, most: 3}}, split: {train: 3, val: 1, test: 1}}
overrides:
  ffpn:
    datasets:
      fh: {task: {size: [32, 32], costs: 2}, methods: [unet, ffpn_r, seven_orders, background, truth]}
    methods:
      unet: {net: {features: [4, 4, 4, 8, 8, 4]}}
      ffpn_r: {net: {width: 4, pyramid: 8, head: 1, anchors: 3, refine: {features: 4, hidden: [16, 8]}}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures: {fig5_fh: {methods: [unet, ffpn_r]}, fig_orders: {methods: [seven_orders, ffpn_r]}}
"""


def make(place):
    """Write images with four dark discs of several sizes, and their masks."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :120]
    for number in range(5):
        mask = np.zeros((120, 120), bool)
        for centre in ((30, 30), (30, 88), (88, 30), (88, 88)):
            mask |= (y - centre[0]) ** 2 + (1 + rng.uniform()) * (x - centre[1]) ** 2 < rng.uniform(
                9, 15
            ) ** 2
        image = (200 - 110 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8)
        for folder, pixels in (("images", np.stack([image] * 3, -1)), ("masks", mask.astype(np.uint8) * 255)):
            (place / "real/nuclei_he" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"real/nuclei_he/{folder}/t{number}.png")
