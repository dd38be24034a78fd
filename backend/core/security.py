"""Passwords and tokens: argon2id hashes for what people choose, SHA-256 for what we draw at random."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

TOKEN_PREFIX = "mlk_"
MIN_PASSWORD_CHARACTERS = 8
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that reads like something else

_hasher = PasswordHasher()
# Verified when there is no such user, so that an unknown e-mail takes as long as a wrong password.
_DECOY = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether `password` is the one behind `password_hash`. Takes equally long for None."""
    try:
        _hasher.verify(password_hash or _DECOY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Whether the hash was made with older parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def new_one_time_password() -> str:
    """About 98 bits, in four groups that can be read aloud."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))


def new_session_secret() -> str:
    """The random value in a session cookie."""
    return secrets.token_urlsafe(32)


def new_api_token() -> str:
    """A token for programs. The prefix lets secret scanners find a leaked one."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is stored of a random secret. Its 256 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
