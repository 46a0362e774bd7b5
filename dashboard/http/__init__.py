"""HTTP that all doors share: JSON texts, responses, and the status of each refusal. No endpoint is here."""
