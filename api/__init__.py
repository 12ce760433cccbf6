"""The edges: GraphQL, transports, settings, servers, the CLI, and the one composition root."""
