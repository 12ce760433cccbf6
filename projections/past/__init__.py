"""Views as they were: rows and lists at a point in the past, and how they came to be what they are."""
