"""What tests share: contexts and views of their own, rigs around parts of nerve, clients, and servers.

It contains no test. Every folder of tests may import it.
"""
