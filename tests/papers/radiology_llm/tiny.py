"""Both institutions with few reports, and the smallest language models."""

from pathlib import Path

CONFIG = """
cohorts:
  reports_ward_tiny:
    like: reports_ward
    subjects: {train: 16, val: 3, test: 4}
  reports_clinic_tiny:
    like: reports_clinic
    subjects: {test: 4}
overrides:
  radiology_llm:
    datasets:
      mimic_cxr:
        cohort: reports_ward_tiny
        task: {length: 160, new_tokens: 6, general: {train: 24, val: 6}, panel: 2}
        methods: [ours, chatgpt, stablelm, llama, copy, constant, silent, truth]
        method_options:
          llama: {stages: {base: {steps: 4, epoch_steps: 2}}}
          stablelm: {stages: {instruct: {steps: 4, epoch_steps: 2}}}
          dolly: null
      openi:
        cohort: reports_clinic_tiny
        task: {length: 160, new_tokens: 6, general: {train: 24, val: 6}, panel: 2}
        methods: [ours, chatgpt, silent, truth]
    methods:
      llama: {net: {width: 16, layers: 1, heads: 2, mlp: 24, vocabulary: 500, length: 160}}
      stablelm: {net: {width: 16, layers: 1, heads: 2, mlp: 24, vocabulary: 500, length: 160}}
      ours: {net: {width: 16, layers: 1, heads: 2, mlp: 24, vocabulary: 500, length: 160}}
    train: {steps: 4, epoch_steps: 2, batch: 4}
    figures:
      fig2_mimic_cxr: {methods: [ours, chatgpt]}
      fig2_openi: {methods: [ours, chatgpt]}
      fig4: {methods: [ours, stablelm]}
      fig_learning: {methods: [ours]}
"""


def make(place: Path) -> None:
    """Write nothing: the reports are simulated."""
