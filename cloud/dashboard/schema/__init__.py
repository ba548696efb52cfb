"""The types of the API. `whole.py` puts them together; docs/api/schema.graphql is printed from it."""
