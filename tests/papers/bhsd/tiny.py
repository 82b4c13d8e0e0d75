"""The stand-in with a few small heads, and the example of nuclei whose masks are hidden, two steps each."""

from discs import make_discs

EXAMPLES = ["nuclei_hidden"]
CONFIG = """
cohorts:
  heads_tiny:
    like: head_ct
    subjects: {train: 3, val: 1, test: 3, no_bleed: 3, test_no_bleed: 1, unlabelled: 2}
    options: {shape: [32, 36], slices: [16, 16], pixel: 5.5, thickness: 9.0, fine: {in_plane: 1, z: 2}}
  nuclei_hidden:
    read:
      groups:
        - image: "images/{subject}.png"
          labels: "masks/0/{subject}.png"
          split: {train: 3, val: 2, unlabelled: 4, test: 3}
overrides:
  bhsd:
    datasets:
      bhsd:
        cohort: heads_tiny
        task: {patch: [16, 16, 32]}
        methods: [unetr, nnformer, nnunet, b96_nb200, one_edh, one_iph, five_merge, background, truth]
      bhsd_binary: {task: {patch: [1, 32, 32]}, methods: [sup_only, entropy_min, ict, cps, background, truth]}
    methods:
      nnunet: {net: {base: 4, levels: 3}}
      b96_nb200: {net: {base: 4, levels: 3}, negatives: 2}
      one_edh: {net: {base: 4, levels: 3}}
      one_iph: {net: {base: 4, levels: 3}}
      five_merge: {uses: [one_edh, one_iph]}
      nnformer: {net: {width: 8, depths: [1, 1], heads: [2, 2]}}
      sup_only: {net: {base: 4, levels: 3}}
      entropy_min: {net: {base: 4, levels: 3}}
      ict: {net: {base: 4, levels: 3}}
      cps: {net: {base: 4, levels: 3}}
    train: {steps: 2, epoch_steps: 1, batch: 2}
    figures:
      fig1: {dataset: bhsd, methods: [truth], caption: x}
      fig2: {dataset: bhsd, methods: [truth], caption: x}
      figs1: {dataset: bhsd, methods: [nnunet], caption: x}
      figs2: {dataset: bhsd, methods: [nnunet, b96_nb200], caption: x}
      figs3: {dataset: bhsd, methods: [one_edh, one_iph, five_merge], caption: x}
      fig_found: {dataset: bhsd, methods: [nnunet], caption: x}
      fig_means: {dataset: bhsd, methods: [truth], caption: x}
      fig_conventions: {dataset: bhsd, methods: [nnunet, truth], caption: x}
      fig_false_alarms: {dataset: bhsd, methods: [nnunet, b96_nb200], caption: x}
      fig_learning: {dataset: bhsd, methods: [nnunet], caption: x}
      fig_found_binary: {methods: [sup_only, cps]}
      fig_learning_binary: {methods: [sup_only, cps]}
"""


def make(place):
    """Write the photographs; heads are simulated."""
    make_discs(place)
