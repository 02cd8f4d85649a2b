"""Models that are trained every day on features of silver, judged, stored in the lake, and used to predict.

It stands above gold, whose partials its features are, and below orchestration; it knows no table and no Dagster.

- `features`: what a model's columns are, and how they become numbers, in training and for a prediction alike.
- `registry`: which versions there are, and which is the champion (`gold/models`).
- `predictor`: a version, ready to predict.
"""
