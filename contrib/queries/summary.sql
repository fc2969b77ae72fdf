-- The sessions by the status of their last update, as `sstat summary` counts them.
SELECT status, count(*) AS sessions
FROM (
    SELECT status, row_number() OVER (PARTITION BY session ORDER BY line DESC) AS back FROM updates
) AS last_updates
WHERE back = 1
GROUP BY status
ORDER BY sessions DESC, status;
