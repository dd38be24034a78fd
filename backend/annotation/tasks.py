"""What annotation does on the clock."""

from sqlalchemy.orm import Session

from backend.annotation import leases
from backend.core.jobs import periodic


@periodic("annotation.return_expired", every_s=30.0)
def return_expired(session: Session) -> None:
    """Images whose annotator went silent go back to the queue, even while nobody asks for work."""
    leases.return_expired(session)
