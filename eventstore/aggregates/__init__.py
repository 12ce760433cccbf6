"""Aggregates rebuilt from their events, by way of snapshots."""
