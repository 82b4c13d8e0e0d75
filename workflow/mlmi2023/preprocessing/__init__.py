"""The steps that rules call, from raw scans to one grid: N4, brain mask, affine registration,
resampling; and how well each did."""
