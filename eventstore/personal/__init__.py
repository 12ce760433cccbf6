"""Personal data, sealed under keys of its subjects, which can be destroyed."""
