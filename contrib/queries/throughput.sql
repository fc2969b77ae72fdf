-- Completed and failed tasks per day (UTC). A task that is reported twice in a
-- day counts once; an update without a task id counts as a task of its own.
SELECT
    date,
    count(DISTINCT CASE WHEN status = 'completed' THEN task END) AS completed,
    count(DISTINCT CASE WHEN status = 'error' THEN task END) AS failed
FROM (
    SELECT
        time, status,
        coalesce('task ' || task_id, 'update ' || session || ' ' || CAST(line AS VARCHAR)) AS task
    FROM updates
    WHERE status IN ('completed', 'error')
) AS endings
JOIN days ON time >= days.begins AND time < days.ends
GROUP BY date
ORDER BY date;
