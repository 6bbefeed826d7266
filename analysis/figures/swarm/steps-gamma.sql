-- Gamma_t = sum_i |x_i - mean|^2 against epochs.
WITH gamma AS (
  SELECT json_remove(config, '$.seed') AS setting, min(label) AS label, seed, round, epoch, sum(value) AS gamma
  FROM probes WHERE experiment = :experiment AND tier = :tier AND name = 'consensus_distance2' AND round > 0
  GROUP BY run, round
)
SELECT setting, label, avg(epoch), avg(gamma), min(gamma), max(gamma) FROM gamma
GROUP BY setting, round ORDER BY label, setting, round;
