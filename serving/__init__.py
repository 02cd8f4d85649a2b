"""The model's server: predictions of the registry's champion over HTTP. It reads the lake and never writes to it.

`app` assembles; `follow` keeps the champion current; `records` checks what clients send. Nothing here trains.
"""
