-- Training loss against epochs; a curve a setting, over seeds at equal rounds. Labels name the model where there are several.
WITH points AS (
  SELECT iif((SELECT count(DISTINCT model) FROM curve WHERE experiment = :experiment AND tier = :tier) > 1, model || ', ', '')
         || label AS label,
         json_remove(config, '$.seed') AS setting, position, seed, round, epoch, train_loss AS loss
  FROM curve WHERE experiment = :experiment AND tier = :tier AND round > 0
), settings AS (
  SELECT setting, min(position) AS place, count(DISTINCT seed) AS n_seeds FROM points GROUP BY setting
)
SELECT setting, label, avg(epoch), avg(loss), min(loss), max(loss)
FROM points JOIN settings USING (setting)
GROUP BY setting, round HAVING count(loss) = n_seeds
ORDER BY place, setting, round;
