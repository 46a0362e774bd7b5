"""What tests share, one subject a module; no test stands here."""
