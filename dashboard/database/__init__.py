"""How to talk to SQLite and PostgreSQL: engines, tables, statements, transactions, migrations. Knows no use case."""
