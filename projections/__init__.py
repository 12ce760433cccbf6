"""Views: pure folds over the log, the projector that keeps them, and the queries that read them."""
