"""What all doors share of HTTP: JSON texts, answers that are whole, and which refusal is which status."""
