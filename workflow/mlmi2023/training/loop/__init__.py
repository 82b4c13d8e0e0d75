"""One way to train for all papers: :func:`mlmi2023.training.loop.fit.fit` runs a paper's ``Plan``."""
