"""What Alembic runs for every command; dashboard/database/migrate.py hands it an open transaction."""

from alembic import context

from dashboard.database.engine import db

context.configure(connection=context.config.attributes["connection"], target_metadata=db.metadata)
context.run_migrations()
