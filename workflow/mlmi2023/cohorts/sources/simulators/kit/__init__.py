"""What all simulators share: options checked against defaults, patients planned, made in parallel, written.

======== ===============================================================================
options  the cohort's options laid on a simulator's defaults; wrong ones are one line
patients who is simulated: number, name, split and a random stream of their own
work     patients made several at a time, with progress
files    tables, and ``cohort.json``
======== ===============================================================================
"""
