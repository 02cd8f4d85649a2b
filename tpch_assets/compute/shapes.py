"""The shapes of what we use of Dask, of Coiled's client and of Coiled's JSON; types only.

Put a Protocol or a TypedDict here when an object of another library crosses one of our modules. Put no behaviour here.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, Required, TypedDict, TypeVar

if TYPE_CHECKING:
    from distributed import WorkerPlugin

T = TypeVar("T")


class Collection(Protocol):
    """Something that Dask can compute, such as a `Delayed`."""

    def __dask_graph__(self) -> Mapping[Any, object]: ...  # By keys: texts, or tuples of texts and numbers.


class Future(Protocol):
    """A result that Dask computes."""

    @property
    def status(self) -> str: ...

    def add_done_callback(self, function: Callable[["Future"], None], /) -> None: ...

    def result(self) -> object: ...

    def release(self) -> None: ...


class Loop(Protocol):
    """An object with an event loop of its own, in another thread."""

    def sync(self, function: Callable[..., Awaitable[T]], /, *, callback_timeout: float) -> T: ...


class Process(TypedDict):
    """What one process says about its versions."""

    packages: dict[str, str | None]


class Versions(TypedDict):
    """What the processes of a cluster say about their versions; workers by address."""

    scheduler: Process
    workers: dict[str, Process]
    client: Process


class Client(Loop, Protocol):
    """Dask's client, as far as we use it."""

    @property
    def id(self) -> str: ...

    @property
    def status(self) -> str: ...

    def compute(self, collections: list[Collection], /) -> list[Future]: ...

    def gather(self, futures: list[Future], /) -> list[object]: ...

    def run(self, function: Callable[..., T], /) -> dict[str, T]: ...

    def run_on_scheduler(self, function: Callable[..., T], /) -> T: ...

    def get_versions(self, *, packages: list[str]) -> object: ...

    def get_metadata(self, keys: list[str], default: object, /) -> object: ...

    def register_plugin(self, plugin: "WorkerPlugin", /) -> object: ...

    def subscribe_topic(self, topic: str, handler: Callable[["Event"], None], /) -> None: ...

    def wait_for_workers(self, n_workers: int, /, timeout: float) -> object: ...

    def close(self, timeout: float) -> object: ...


class LogLine(TypedDict):
    """A line that a task logged, on its way to the call that waits for the task."""

    call: str
    level: int
    logger: str
    worker: str
    text: str


Event = tuple[float, LogLine]  # When, and what.


class Nanny(Protocol):
    """What watches over one worker process."""

    @property
    def pid(self) -> int | None: ...

    def close(self, timeout: float) -> Awaitable[object]: ...


class Cluster(Loop, Protocol):
    """A cluster that this process started."""

    @property
    def workers(self) -> Mapping[object, object]: ...

    def close(self, timeout: float) -> object: ...


class CoiledCluster(Loop, Protocol):
    """A cluster on Coiled."""

    shutdown_on_close: bool

    @property
    def cluster_id(self) -> int: ...

    @property
    def details_url(self) -> str: ...

    def adapt(self, *, minimum: int, maximum: int) -> object: ...

    def set_keepalive(self, keepalive: str, /) -> object: ...

    def close(self) -> object: ...

    def shutdown(self) -> object: ...


class Cloud(Protocol):
    """A connection to Coiled's control plane."""

    def close(self) -> object: ...


class State(TypedDict):
    """What became of a cluster, and when (ISO 8601)."""

    state: str
    updated: str


class ClusterDetails(TypedDict, total=False):
    """A cluster, as Coiled's control plane lists and details it; the costs come with the details alone."""

    id: Required[int]
    created: Required[str]
    current_state: Required[State]
    tags: NotRequired[dict[str, str] | None]
    total_cost: NotRequired[float | str | None]
    cloud_total_cost: NotRequired[float | str | None]


class Account(TypedDict):
    """A workspace."""

    slug: str


class Membership(TypedDict):
    """A user's membership of a workspace."""

    account: Account
    is_default_account: NotRequired[bool]


class ClusterOptions(TypedDict):
    """Keyword arguments of `coiled.Cluster`."""

    name: str
    n_workers: Sequence[int]
    worker_vm_types: list[str]
    scheduler_vm_types: list[str]
    spot_policy: str
    idle_timeout: str
    region: str | None
    tags: dict[str, str]
    container: str | None
    environ: dict[str, str]
    show_widget: bool
    configure_logging: bool
