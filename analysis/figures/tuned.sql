-- What figures of curves share: the temporary table `tuned`, one row an evaluation. Of settings that differ in nothing but
-- the step size one is kept: that with the least final training loss, as `title` says. `setting` tells curves apart, `place`
-- orders them, n_seeds is how many each has. Titles name the model where there are several.
CREATE TEMP TABLE tuned AS
WITH points AS (
  SELECT json_remove(config, '$.seed') AS setting, json_remove(config, '$.seed', '$.optimizer.lr') AS family,
         json_extract(config, '$.optimizer.lr') AS lr, *
  FROM curve WHERE experiment = :experiment AND tier = :tier
), settings AS (
  SELECT setting, family, lr, min(position) AS place, count(DISTINCT seed) AS n_seeds,
         row_number() OVER (PARTITION BY family ORDER BY count(iif(round = last, train_loss, NULL)) DESC,
                            avg(iif(round = last, train_loss, NULL))) AS standing, -- one that diverged comes last
         count(*) OVER (PARTITION BY family) AS n_rivals
  FROM points JOIN (SELECT family, max(round) AS last FROM points GROUP BY family) USING (family) GROUP BY setting
)
SELECT points.*, place, n_seeds,
       iif((SELECT count(DISTINCT model) FROM points) > 1, model || ', ', '') || label
       || iif((SELECT count(DISTINCT lr) FROM points) > 1, ', lr ' || points.lr, '')
       || iif(n_rivals > 1, ' (best of ' || n_rivals || ')', '') AS title
FROM points JOIN settings USING (setting) WHERE standing = 1;
