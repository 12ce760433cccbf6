"""Folders, papers in them, and counts of papers: each row belongs to someone, and a rule says to whom."""
