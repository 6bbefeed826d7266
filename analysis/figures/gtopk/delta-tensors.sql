-- The same for each weight tensor, over the expected denominator.
WITH epochs AS (
  SELECT json_remove(config, '$.seed') AS setting, seed, 1 + cast(epoch - 1e-9 AS INTEGER) AS epoch,
         substr(name, instr(name, '/') + 1) AS tensor,
         sum(iif(name LIKE 'gtopk_error2/%', value, 0)) / sum(iif(name LIKE 'rand_error2_mean/%', value, 0)) AS delta
  FROM probes WHERE experiment = :experiment AND tier = :tier AND name LIKE '%/%.weight'
  GROUP BY setting, seed, 3, tensor
)
SELECT setting || tensor, tensor, epoch, avg(delta), min(delta), max(delta) FROM epochs GROUP BY setting, tensor, epoch
ORDER BY setting, tensor, epoch;
