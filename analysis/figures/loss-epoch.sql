-- Training loss against epochs; a curve a setting, over seeds at equal rounds. Of settings that differ in nothing but the step
-- size, one is shown: that with the least final training loss, as the label says. Labels name the model where there are
-- several.
WITH points AS (
  SELECT json_remove(config, '$.seed') AS setting, json_remove(config, '$.seed', '$.optimizer.lr') AS family,
         json_extract(config, '$.optimizer.lr') AS lr, model, label, position, seed, round, epoch, train_loss AS loss
  FROM curve WHERE experiment = :experiment AND tier = :tier AND round > 0
), settings AS (
  SELECT setting, family, lr, min(position) AS place, count(DISTINCT seed) AS n_seeds,
         row_number() OVER (PARTITION BY family ORDER BY sum(loss IS NULL), avg(iif(round = last, loss, NULL))) AS standing,
         count(*) OVER (PARTITION BY family) AS n_rivals
  FROM points JOIN (SELECT family, max(round) AS last FROM points GROUP BY family) USING (family) GROUP BY setting
)
SELECT setting, iif((SELECT count(DISTINCT model) FROM points) > 1, model || ', ', '') || label
       || iif((SELECT count(DISTINCT lr) FROM points) > 1, ', lr ' || points.lr, '')
       || iif(n_rivals > 1, ' (best of ' || n_rivals || ')', ''),
       avg(epoch), avg(loss), min(loss), max(loss)
FROM points JOIN settings USING (setting) WHERE standing = 1
GROUP BY setting, round HAVING count(loss) = n_seeds
ORDER BY place, setting, round;
