"""Views read: filters, orders, pages and counts."""
