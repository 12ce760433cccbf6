"""What happens to a deployment: alerts, system events, and calls of external services. Pure.

Each is a context of its own, which is served where `contexts` lists its view in `projections.builtin`. They
import the kernel alone; other contexts, `projections` and `api` may import them.
"""
