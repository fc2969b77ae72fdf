-- Number of sessions by the status of their last update, as in `sstat summary`.
SELECT status, count(*) AS sessions
FROM (
    SELECT status, row_number() OVER (PARTITION BY session ORDER BY line DESC) AS back FROM updates
) AS last_updates
WHERE back = 1
GROUP BY status
ORDER BY sessions DESC, status;
