"""How one talks to SQLite and PostgreSQL: engine, tables, transactions, migrations. Knows no use case."""
