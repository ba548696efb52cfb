"""Eclipse hawkBit's Direct Device Integration API, version 1: jobs for clients that are not ours.

access     who polls: by target token or client certificate
targets    target tokens, made by an admin
actions    what a device has to do now: a job is hawkBit's action
artifacts  the files of a release, their hashes and where they are fetched
feedback   what a device says, in the words of our jobs
routes     the endpoints themselves
"""
