"""The entry point of `tpch-assets`: a command can be stopped from here on, also while its imports take their time."""

from tpch_assets.commands.stopping import stoppable


def main() -> None:
    """Run one command. A bad setting or an unusable lake prints a one-line error and exits with code 2."""
    with stoppable():
        from tpch_assets.commands.parser import run

        run()
