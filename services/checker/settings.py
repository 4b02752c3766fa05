"""What a checker reads from its environment: where NATS is, which pools it serves, how many runs it takes at a time,
and where its databases' secrets lie. It holds no other configuration.
"""

from pydantic import Field, field_validator

from services.checker.engines.protocol import Limits
from services.checker.signatures import Signatures, public_keys
from shared.settings import ProcessSettings
from shared.subjects import Lane


class CheckerSettings(ProcessSettings):
    """The environment of a checker."""

    pools: str = Field("default", description="pools served, separated by commas")
    slots_requests: int = Field(4, ge=1, le=64, description="requests split at a time")
    slots_now: int = Field(4, ge=1, le=256, description="runs at a time that somebody waits for, for each pool")
    slots_bulk: int = Field(4, ge=1, le=256, description="runs at a time of large requests and changes, for each pool")
    slots_due: int = Field(4, ge=1, le=256, description="runs at a time of the schedule, for each pool")
    script_workers: int = Field(2, ge=1, le=64, description="processes that evaluate scripts")
    connect_seconds: float = Field(5.0, gt=0, le=60, description="time for connecting to a database")
    statement_seconds: float = Field(15.0, gt=0, le=600, description="time for one query")
    most_rows: int = Field(10_000, ge=1, description="rows taken of one query")
    check_public_key: str = Field(
        "", description="minisign keys, separated by commas; with any, only checks signed by one of them run"
    )
    most_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="bytes taken of one query")

    @field_validator("check_public_key")
    @classmethod
    def _has_keys(cls, text: str) -> str:
        public_keys(text)
        return text

    @property
    def signatures(self) -> Signatures:
        """Return what says which checks may run."""
        return Signatures(public_keys(self.check_public_key))

    @property
    def limits(self) -> Limits:
        """Return the bounds on what one connection may take."""
        return Limits(self.connect_seconds, self.statement_seconds, self.most_rows, self.most_bytes)

    @property
    def pool_names(self) -> tuple[str, ...]:
        """Return the pools served, each once."""
        return tuple(dict.fromkeys(name.strip() for name in self.pools.split(",") if name.strip()))

    def slots(self, lane: Lane) -> int:
        """Return the slots reserved for a lane of one pool."""
        return {"now": self.slots_now, "bulk": self.slots_bulk, "due": self.slots_due}[lane]
