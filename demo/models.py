"""The site's own tables, in the database that it shares with plato_email."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey, String, Text, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from werkzeug.security import check_password_hash, generate_password_hash

if TYPE_CHECKING:
    from flask import Flask


class Base(DeclarativeBase):
    """What all models have in common."""


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

PEOPLE = [
    ("admin", "The Administrator", True),
    ("ada", "Ada Lovelace", False),
    ("hypatia", "Hypatia of Alexandria", False),
    ("emmy", "Emmy Noether", False),
]
WELCOME = "Welcome to Grove. Write @hypatia in a comment, and she gets a mail."
LINK_LIFETIME = timedelta(hours=1)


def utcnow() -> datetime:
    """Return the time as the tables keep it: UTC without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)


class User(Model):
    """Somebody who can sign in and be mentioned."""

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(254), unique=True)
    is_admin: Mapped[bool]
    password_hash: Mapped[str] = mapped_column(String(255))

    # What Flask-Login asks of a user.
    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """Return what the session cookie keeps."""
        return str(self.id)

    def set_password(self, password: str) -> None:
        """Replace the password."""
        self.password_hash = generate_password_hash(password)

    def check_password(self, password: str) -> bool:
        """Tell whether this is the password."""
        return check_password_hash(self.password_hash, password)


class Comment(Model):
    """One entry on the board."""

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    author: Mapped[User] = relationship(lazy="joined")
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


class RecoveryToken(Model):
    """A link that sets a new password, once; the table cannot be used to make the link."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey(User.id))
    user: Mapped[User] = relationship()
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]

    @classmethod
    def issue(cls, user: User) -> tuple[str, RecoveryToken]:
        """Return the secret for the link, and the row to store."""
        secret = secrets.token_urlsafe(24)
        row = cls(user=user, digest=_digest(secret), expires_at=utcnow() + LINK_LIFETIME)
        return secret, row

    @classmethod
    def find(cls, session: Session, secret: str) -> RecoveryToken | None:
        """Return the row of a link that still counts."""
        query = select(cls).where(cls.digest == _digest(secret), cls.expires_at > utcnow())
        return session.scalar(query)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def prepare_database(app: Flask) -> None:
    """Create what is missing: the tables (ours and plato_email's) and the first people.

    One transaction that nobody can interleave with, because several workers may start at once.
    """
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        db.metadata.create_all(connection)
        with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
            _invite_people(session, app.config["DEMO_PASSWORD"])
            session.commit()
        connection.commit()


def _invite_people(session: Session, password: str) -> None:
    people = {user.username: user for user in session.scalars(select(User))}
    for username, name, is_admin in PEOPLE:
        if username not in people:
            user = User(username=username, name=name, is_admin=is_admin)
            user.email = f"{username}@grove.example"
            user.set_password(password)
            session.add(user)
            people[username] = user
            if username == "ada":
                session.add(Comment(author=user, text=WELCOME))
    # The password that is printed at the start always works for the administrator.
    if not people["admin"].check_password(password):
        people["admin"].set_password(password)
