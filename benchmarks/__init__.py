"""Side-by-side measurements: one module a question, each run as `python -m benchmarks.NAME`, all as `make bench`.

Both sides run in one process on the same weights and the same image, in turns where a turn is short, since machines are
noisy; medians and ratios are what counts. `--reference PATH` names a checkout of facebookresearch/segment-anything,
which is never part of this project. Every run prints a table and writes it as JSON.
"""
