"""A database with the schema of an earlier version."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from dashboard.database import migrate

MIGRATIONS = Path(migrate.__file__).with_name("migrations")


def upgrade(url: str, revision: str, migrations: Path = MIGRATIONS) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))  # it is interpolated
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as config.attributes["connection"]:
        command.upgrade(config, revision)
    engine.dispose()
