"""Silver and gold on more and more workers, and what a day of any scale factor takes; `python -m benchmarks.scale`."""
