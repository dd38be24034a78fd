"""Column types that several features share."""

from enum import StrEnum

from sqlalchemy import Enum


def stored_enum(kind: type[StrEnum]) -> Enum:
    """The column type for a string enum: its values, as plain text, so that a new member needs no migration."""
    return Enum(
        kind, native_enum=False, length=16, values_callable=lambda members: [member.value for member in members]
    )
