from tests.cloud.conftest import cloud, database_url, empty_database_url, registration
from tests.cloud_fixtures import cloud_stores

__all__ = ["cloud", "cloud_stores", "database_url", "empty_database_url", "registration"]
