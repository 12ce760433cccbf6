"""Views kept up to date: batches of commits folded into rows."""
