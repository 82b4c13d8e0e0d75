"""Simulators of stand-in cohorts, one module or package per anatomy, each with one function ``simulate``."""
