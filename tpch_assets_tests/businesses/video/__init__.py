"""A video service: users and videos, and who watched what in which session."""

from pathlib import Path

from tpch_assets.schema import Business, Column, Table

TABLES = (
    Table(
        "users",
        "Who watches; every batch brings updates.",
        (
            Column("user_id", "BIGINT", "Identifies the user."),
            Column("active", "BOOLEAN", "The account is paid for."),
            Column("born", "DATE", "Date of birth."),
            Column("age", "TINYINT", "Age as the user says.", nullable=True),
        ),
        key=("user_id",),
        arrives="every batch",
    ),
    Table(
        "videos",
        "What can be watched.",
        (
            Column("video_id", "INTEGER", "Identifies the video."),
            Column("length", "DOUBLE", "Length in minutes."),
            Column("title", "VARCHAR", "Title.", nullable=True),
            Column("tags", "VARCHAR[]", "Tags."),
            Column("studio", 'STRUCT(name VARCHAR, country VARCHAR, "order" INTEGER)', "Who made it."),
        ),
        key=("video_id",),
    ),
    Table(
        "sessions",
        "Visits of users.",
        (
            Column("session_id", "UUID", "Identifies the session."),
            Column("user_id", "BIGINT", "The user."),
            Column("started", "TIMESTAMPTZ", "When it began (UTC)."),
            Column("at", "TIMESTAMP", "When it began, on the user's clock."),
            Column("client", "JSON", "What the client says of itself.", nullable=True),
        ),
        key=("session_id",),
        arrives="every batch",
        colocated_by="session_id",
        group="watching",
    ),
    Table(
        "views",
        "Videos watched in a session.",
        (
            Column("session_id", "UUID", "The session."),
            Column("number", "INTEGER", "Counts the session's views from 1."),
            Column("video_id", "INTEGER", "The video."),
            Column("at", "TIMESTAMPTZ", "When it begins; a reminder may lie ahead."),
            Column("share", "FLOAT", "Share of the video that was watched."),
            Column("finished", "BOOLEAN", "Watched to the end; unknown to old clients.", nullable=True),
        ),
        key=("session_id", "number"),
        arrives="every batch",
        colocated_by="session_id",
        group="watching",
        parent="sessions",
    ),
)

BUSINESS = Business(TABLES, queries=Path(__file__).parent / "queries")
