from tests.cloud.conftest import cloud, database_url, empty_database_url, registration

__all__ = ["cloud", "database_url", "empty_database_url", "registration"]
