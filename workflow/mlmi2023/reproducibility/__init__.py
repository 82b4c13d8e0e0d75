"""Whether results come out again: two fresh runs compared file by file, or one with a published record.

``run`` makes the runs, ``compare`` holds two of them side by side, ``record`` holds one beside a record. What
a clock or a memory counter measured is left out; everything else has to agree.
"""
