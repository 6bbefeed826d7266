-- The last evaluation of every curve of the gTop-k figures, tier laptop: means over seeds, the loss ± half its range. Of step
-- sizes that were tried the best by final training loss is listed, beside what the others gave.
WITH settings AS (
  SELECT substr(experiment, 7) AS figure, model, label, json_extract(config, '$.optimizer.lr') AS lr, min(position) AS place,
         count(*) AS seeds, avg(train_loss) AS loss, (max(train_loss) - min(train_loss)) / 2 AS spread,
         avg(test_loss) AS test_loss, avg(accuracy) AS accuracy, avg(payload_bits) / 1e6 AS mbit,
         sum(status <> 'finished') AS n_diverged, json_remove(config, '$.seed', '$.optimizer.lr') AS family
  FROM final WHERE tier = 'laptop' AND experiment LIKE 'gtopk-%' AND experiment NOT LIKE 'gtopk-allreduce%'
  GROUP BY experiment, json_remove(config, '$.seed')
), ranked AS (
  SELECT *, row_number() OVER (PARTITION BY figure, family ORDER BY n_diverged, loss) AS standing,
         group_concat(printf('%g: %.3f', lr, loss), ', ') OVER (PARTITION BY figure, family) AS tried
  FROM settings
)
SELECT figure, model, label AS curve, lr, seeds, printf('%.3f ± %.3f', loss, spread) AS "training loss",
       printf('%.3f', test_loss) AS "test loss", printf('%.1f', 100 * accuracy) AS "accuracy %", printf('%.4g', mbit) AS "Mbit",
       iif(instr(tried, ','), tried, '') AS "loss by lr"
FROM ranked WHERE standing = 1 ORDER BY figure, model, place;
