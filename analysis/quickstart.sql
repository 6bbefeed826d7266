-- The best step size of each setting, its accuracy and how far below parallel SGD's, megabits a worker, and seconds on links
-- of 100 Mbit/s (modelled).
WITH best AS (
  SELECT f.*, json_extract(f.config, '$.optimizer.lr') AS step_size, m.total_s AS modelled_s, runs.position,
         row_number() OVER (PARTITION BY f.label ORDER BY f.accuracy DESC) AS place, count(*) OVER (PARTITION BY f.label) AS tried
  FROM final AS f JOIN modelled AS m USING (run, experiment, tier) JOIN runs ON runs.id = f.run AND runs.experiment = f.experiment
       AND runs.tier = f.tier
  WHERE f.experiment = 'quickstart' AND m.network = '100 Mbit/s'
    AND f.tier = (SELECT tier FROM runs WHERE experiment = 'quickstart' ORDER BY id DESC LIMIT 1)
)
SELECT label, step_size, tried, round(100 * accuracy, 2) AS accuracy,
       round(100 * ((SELECT accuracy FROM best WHERE method = 'sgd' AND place = 1) - accuracy), 2) AS below_sgd,
       round((payload_bits_up + payload_bits_peer) / 1e6, 2) AS mbit_up, round(payload_bits_down / 1e6, 2) AS mbit_down,
       round(payload_bits / 1e6, 2) AS mbit, round(modelled_s, 1) AS modelled_s
FROM best WHERE place = 1 ORDER BY position;
