"""What tests share: real servers, jobs in any status, traffic that is judged."""
