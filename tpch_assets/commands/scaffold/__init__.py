"""A new project from this one: tables inferred from samples, and a copy of the engine under another name.

`samples` reads the files, `types` and `infer` propose tables, `text` writes them as Python and SQL, and `project` makes
the folder. Nothing here imports Dagster or writes to a lake.
"""
