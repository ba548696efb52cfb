"""The pages: what each reads, follows, and lets one do."""
