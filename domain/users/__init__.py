"""Users: people with an e-mail address that no two of a tenant share."""

from domain.kernel import Context, Unique
from domain.users.aggregate import User, normalised_email

context = Context("users", User, unique=(Unique("email", of=normalised_email),))
