"""The dashboard's API: GraphQL over what the services keep, and who signs in."""
