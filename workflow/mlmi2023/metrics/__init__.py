"""Measures that several papers report and that are defined nowhere else as those papers need them."""
