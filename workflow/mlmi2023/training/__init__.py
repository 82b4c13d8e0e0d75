"""One way to train for all papers: :func:`mlmi2023.training.fit.fit` runs a paper's ``Plan``."""
