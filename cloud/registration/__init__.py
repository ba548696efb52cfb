"""The registration service: enrols devices, and listens to what they say about themselves."""
