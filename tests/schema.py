"""Temporary: the schema while the first migration does not exist."""

import importlib

import sqlalchemy as sa


def migrate(engine: sa.Engine) -> None:
    for name in (
        "accounts.store",
        "adapters.events_database",
        "adapters.leases_database",
        "catalogue.store",
        "delivery.store",
        "encoding.store",
        "playback.store",
    ):
        try:
            module = importlib.import_module(f"matinee.{name}")
        except ModuleNotFoundError:
            continue
        module.metadata.create_all(engine)
