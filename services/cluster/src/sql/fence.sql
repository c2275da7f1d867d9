-- Holds the lease's row until the transaction ends: whoever would take it waits for that, whoever renews it does not.
select 1 as one from sigma_cluster.lease where name = $1 and token = $2 for key share
