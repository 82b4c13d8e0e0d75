"""One sub-package per paper, named by its slug; a paper imports shared parts, never another paper."""
