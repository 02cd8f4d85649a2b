"""The dashboard: Panel pages over the lake. It reads the lake and never writes to it.

`app` serves `pages`; pages draw `charts` of what `store` reads. Imports point in that direction only.
"""
