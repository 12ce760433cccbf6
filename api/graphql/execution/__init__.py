"""How an operation is run: prepared once, its rows read together, and no more of them than it selects."""
