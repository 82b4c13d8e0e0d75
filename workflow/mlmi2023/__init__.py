"""The 46 papers of MLMI 2023, Part I, as importable code.

From the ground up, and nothing imports upward: ``errors``, ``files``, ``jobs`` and
``provenance`` (plain Python) < ``cohorts``, ``imaging``, ``nets``, ``losses``, ``metrics``
< ``training``, ``reporting`` < ``papers``. Nothing outside ``papers`` names a paper.
"""

__version__ = "0.1.0"
