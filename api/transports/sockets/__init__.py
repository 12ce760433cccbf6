"""GraphQL over WebSocket, from the handshake to the frames: a protocol class of nerve's own for uvicorn."""
