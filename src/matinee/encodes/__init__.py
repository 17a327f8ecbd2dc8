"""The queue of encodes: jobs and their leases, and the pipeline that carries one from its lease to its end."""
