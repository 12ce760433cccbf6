"""Fulfilment of orders in two styles, of which one is registered: `saga` or `choreography`.

Both lead every order to the same final state, whatever fails. They import the contexts of orders,
reservations, payments and shipments; nothing but the list of registered modules names them.
"""
