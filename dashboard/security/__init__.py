"""What every request must pass, and who sends it: hosts, cross-site, bodies, headers, access, sign-in."""
