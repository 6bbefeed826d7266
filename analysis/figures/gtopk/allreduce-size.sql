.read gtopk/cost.sql
WITH RECURSIVE sizes (d) AS (
  SELECT 1048576 UNION ALL SELECT 2 * d FROM sizes WHERE d < 134217728
)
SELECT label, label, d / 1048576.0, ms, ms, ms FROM (
  SELECT label, position, d, 0.436 * hops + 3.6e-5 * words * d * iif(method = 'sgd', 1, 0.001) AS ms
  FROM cost JOIN sizes WHERE experiment = :experiment AND tier = :tier
) ORDER BY position, d;
