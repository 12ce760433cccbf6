"""The GraphQL API, derived from commands and views, and the one place where operations are run."""
