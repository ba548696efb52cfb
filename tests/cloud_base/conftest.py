from tests.cloud_fixtures import cloud, cloud_stores, device_identity

__all__ = ["cloud", "cloud_stores", "device_identity"]
