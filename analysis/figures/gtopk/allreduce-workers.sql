.read gtopk/cost.sql
WITH authors (m, topk, gtopk) AS (
  VALUES (4, 7.66, 11.55), (8, 16.21, 17.32), (16, 32.31, 23.10), (32, 63.51, 28.87), (64, 124.9, 34.65), (128, 246.7, 40.42)
), points AS (
  SELECT position AS place, label, workers AS m, 0.436 * hops + 3.6e-5 * words * 0.001 * 25 * 1048576 AS ms
  FROM cost WHERE experiment = :experiment AND tier = :tier
  UNION ALL SELECT 1000, 'authors as plotted: Top-k, alpha 1 ms [der from code]', m, topk FROM authors
  UNION ALL SELECT 1001, 'authors as plotted: gTop-k, alpha 1 ms [der from code]', m, gtopk FROM authors
), places AS (
  SELECT label, min(place) AS place FROM points GROUP BY label
)
SELECT label, label, m, ms, ms, ms FROM points JOIN places USING (label)
WHERE EXISTS (SELECT 1 FROM cost WHERE experiment = :experiment AND tier = :tier)
ORDER BY places.place, m;
