"""What Alembic runs for every command; dashboard/migrate.py hands it an open transaction."""

from alembic import context

from dashboard.models import db

context.configure(connection=context.config.attributes["connection"], target_metadata=db.metadata)
context.run_migrations()
