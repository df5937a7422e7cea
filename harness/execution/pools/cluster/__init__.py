"""Runs jobs on the nodes of a Dask cluster; only the modules here import Dask, when a cluster is asked for.

Plain Dask does not isolate a bad job: one that kills its worker takes its neighbours along, and a task that hangs
cannot be ended. So the task that Dask runs is an agent: on its node it lends a local pool of one process, which ends
what hangs and says how a job failed, as at home.
"""
