"""Who may come in, and when that ends for those who are in."""
