"""Every SQL statement about our tables, by subject. Functions take an open connection; none begins a transaction."""
