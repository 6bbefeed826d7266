-- Test accuracy against epochs; a curve a setting, over seeds at equal rounds. The start, at chance, is left out.
WITH points AS (
  SELECT label, json_remove(config, '$.seed') AS setting, position, seed, round, epoch, 100 * accuracy AS percent
  FROM curve WHERE experiment = :experiment AND tier = :tier AND round > 0
), settings AS (
  SELECT setting, min(position) AS place, count(DISTINCT seed) AS n_seeds FROM points GROUP BY setting
)
SELECT setting, label, avg(epoch), avg(percent), min(percent), max(percent)
FROM points JOIN settings USING (setting)
GROUP BY setting, round HAVING count(percent) = n_seeds
ORDER BY place, setting, round;
