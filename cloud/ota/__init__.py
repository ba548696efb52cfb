"""The OTA service: keeps releases, and brings them to devices in campaigns that stop themselves."""
