"""The password check. It takes the same time for a name that exists and for one that does not."""

from hashlib import sha256
from hmac import compare_digest

from werkzeug.security import check_password_hash

from dashboard.config import HASHES
from dashboard.security.access import credentials

# What a password is compared with where the name is unknown. None has this hash; to find that takes as long as with one
# that werkzeug makes.
UNKNOWN = f"scrypt:32768:8:1$salt${'0' * 128}"


def password_is_right(name: str, password: str) -> bool:
    user = credentials().users.get(name)
    secret = user.secret if user else UNKNOWN
    if secret.startswith(HASHES):
        return check_password_hash(secret, password) and user is not None
    check_password_hash(UNKNOWN, password)  # takes the time of a hash, which comparing plain text does not
    return compare_digest(sha256(password.encode()).digest(), sha256(secret.encode()).digest())
