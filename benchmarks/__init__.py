"""Benchmarks: ours against peers, side by side in one run. `make bench` runs them."""
