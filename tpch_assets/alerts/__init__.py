"""Alerts: what is wrong is told once when it begins and once when it is over.

`conditions` says what may be wrong, `lake_conditions` finds what the lake shows, `follow` what began and what is over,
`outbox` remembers it in the lake and `cursor` that the lake is gone, `messages` groups and words it, `channels` and
`delivery` send it. What Dagster's instance shows is found in `orchestration/alerts.py`, which does all of this every
minute.
"""
