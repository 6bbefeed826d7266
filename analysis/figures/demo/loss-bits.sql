-- Training loss against what a worker has sent; a curve a setting, over seeds at equal rounds.
WITH points AS (
  SELECT label, json_remove(config, '$.seed') AS setting, position, seed, round, payload_bits / 1e6 AS mbit,
         train_loss AS loss
  FROM curve WHERE experiment = :experiment AND tier = :tier
), settings AS (
  SELECT setting, min(position) AS place, count(DISTINCT seed) AS n_seeds FROM points GROUP BY setting
)
SELECT setting, label, avg(mbit), avg(loss), min(loss), max(loss)
FROM points JOIN settings USING (setting)
GROUP BY setting, round HAVING count(loss) = n_seeds AND avg(mbit) > 0
ORDER BY place, setting, round;
