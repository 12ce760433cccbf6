"""How operations reach the API: HTTP and WebSocket."""
