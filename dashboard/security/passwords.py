"""Whether a password is right, in the same time for every name."""

from hashlib import sha256
from hmac import compare_digest

from werkzeug.security import check_password_hash, generate_password_hash

from dashboard.config import HASHES
from dashboard.security.access import credentials

NOBODY = generate_password_hash("nobody")  # so that an unknown name takes as long as a known one


def password_is_right(name: str, password: str) -> bool:
    user = credentials().users.get(name)
    secret = user.secret if user else NOBODY
    if secret.startswith(HASHES):
        return check_password_hash(secret, password) and user is not None
    check_password_hash(NOBODY, password)  # as slow as a hash
    return compare_digest(sha256(password.encode()).digest(), sha256(secret.encode()).digest())
