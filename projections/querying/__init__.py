"""Reading views: filters, orders, pages, counts, and waiting for a position.

It imports `folding` and `storage`. `past`, `live` and `api` import it.
"""
