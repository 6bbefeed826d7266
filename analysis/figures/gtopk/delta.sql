-- Assumption 1: delta of an epoch = mean over its probed rounds of |x - gTopk/M|^2 over that of the denominator.
WITH epochs AS (
  SELECT json_remove(config, '$.seed') AS setting, seed, 1 + cast(epoch - 1e-9 AS INTEGER) AS epoch,
         sum(iif(name = 'gtopk_error2', value, 0)) AS error2,
         sum(iif(name = 'rand_error2', value, 0)) AS drawn,
         sum(iif(name = 'rand_error2_mean', value, 0)) AS expected
  FROM probes WHERE experiment = :experiment AND tier = :tier AND name IN ('gtopk_error2', 'rand_error2', 'rand_error2_mean')
  GROUP BY setting, seed, 3
), settings AS (
  SELECT setting, iif(count(*) OVER () > 1, label || ': ', '') AS prefix FROM (
    SELECT DISTINCT json_remove(config, '$.seed') AS setting, label
    FROM probes WHERE experiment = :experiment AND tier = :tier AND name = 'gtopk_error2')
), deltas AS (
  SELECT 1 AS n, '|x - Rand_k(x)|^2, one draw' AS label, setting, seed, epoch, error2 / drawn AS delta
  FROM epochs
  UNION ALL
  SELECT 2, 'its mean (1 - k/d)|x|^2', setting, seed, epoch, error2 / expected FROM epochs
)
SELECT n || setting, prefix || label, epoch, avg(delta), min(delta), max(delta)
FROM deltas JOIN settings USING (setting)
GROUP BY n, setting, epoch
ORDER BY n, setting, epoch;
