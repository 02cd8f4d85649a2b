"""The endpoint that says that the dashboard's process answers."""

from tornado.web import RequestHandler

from dashboards.keeper import ALIVE
from dashboards.settings import HEALTH


class Liveness(RequestHandler):
    """Open without sign-in, so it makes no page and tells nothing else."""

    def get(self) -> None:
        """Answer."""
        self.write(ALIVE)


LIVENESS = (HEALTH, Liveness)
