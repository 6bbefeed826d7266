-- The lines under a figure: what ran, and how it was obtained.
WITH shown AS (SELECT * FROM latest WHERE experiment = :experiment AND tier = :tier)
SELECT line FROM (
  SELECT 1 AS n, 'commit ' || (SELECT group_concat(c, ' ') FROM (SELECT DISTINCT substr(git_commit, 1, 10)
           || iif(git_dirty, ' with changes', '') AS c FROM shown ORDER BY c))
         || ', tier ' || iif(:tier = '', 'base', :tier)
         || ', seeds ' || (SELECT group_concat(seed, ' ') FROM (SELECT DISTINCT seed FROM shown ORDER BY seed))
         || ': line mean, band smallest to largest' AS line
  UNION ALL
  SELECT 2, (SELECT group_concat(d, '; ') FROM (SELECT DISTINCT model || ' on ' || dataset || ', '
           || (SELECT group_concat(w, ' ') FROM (SELECT DISTINCT workers AS w FROM shown ORDER BY w)) || ' workers, batch '
           || batch || ', ' || device || ' (' || coalesce(device_description, '?') || ')' AS d FROM shown ORDER BY d))
  UNION ALL
  SELECT 3, 'published values: ' || group_concat(standing, ', ') || ' (code, abs: read; mem: remembered; der: derived; rec: reconstruction)'
  FROM (SELECT DISTINCT standing FROM claim WHERE experiment = :experiment ORDER BY standing) HAVING count(*) > 0
) ORDER BY n;
