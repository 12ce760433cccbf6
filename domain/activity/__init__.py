"""The activity of users: logins, actions and logouts, in a stream of its own for each user."""

from domain.activity.aggregate import Activity
from domain.kernel import Context

context = Context("activity", Activity)
