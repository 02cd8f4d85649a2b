"""The pages people see.

A page reads the store and draws charts; serving pages belongs in `dashboards.app`.
"""
