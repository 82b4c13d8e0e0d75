"""Cohorts: datasets on disk in canonical layout, real or made by our own simulators, and their readers."""
