"""The web UI: a client of the GraphQL API by HTTP and graphql-transport-ws, in a process of its own."""
