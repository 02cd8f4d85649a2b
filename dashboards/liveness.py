"""The endpoint that says that the dashboard's process answers."""

from tornado.web import RequestHandler

from tpch_assets.settings import HEALTH


class Liveness(RequestHandler):
    """Open without sign-in. Panel's own would make any page for anybody who asks (`?endpoint=/`)."""

    def get(self) -> None:
        """Answer."""
        self.write({"dashboard": "alive"})


LIVENESS = (HEALTH, Liveness)
