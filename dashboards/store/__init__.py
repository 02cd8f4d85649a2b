"""The lake as all sessions see it.

Nothing here imports Panel or Bokeh, knows a page, or writes to the lake.
"""
