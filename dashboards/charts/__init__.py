"""Bokeh charts of pandas frames.

Nothing here reads the lake or knows a page.
"""
