"""Views followed live: what a subscriber holds, and each change of it."""
