-- The twenty longest tasks, each measured from the session's first update with
-- that task id to the last.
SELECT
    session, task_id,
    CAST(round(max(time) - min(time)) AS INTEGER) AS seconds,
    count(*) AS updates,
    max(CASE WHEN back = 1 THEN status END) AS status
FROM (
    SELECT
        session, task_id, time, status,
        row_number() OVER (PARTITION BY session, task_id ORDER BY line DESC) AS back
    FROM updates
    WHERE task_id IS NOT NULL
) AS of_task
GROUP BY session, task_id
ORDER BY seconds DESC, session, task_id
LIMIT 20;
