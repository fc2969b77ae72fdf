-- Seconds that each session spent in each status, per day (UTC). A status lasts
-- until the session's next update; the current one is not counted.
WITH spans AS (
    SELECT
        session, status, time AS begins,
        lead(time) OVER (PARTITION BY session ORDER BY line) AS ends
    FROM updates
),
pieces AS (
    SELECT
        session, date, status,
        CASE WHEN spans.ends < days.ends THEN spans.ends ELSE days.ends END
            - CASE WHEN spans.begins > days.begins THEN spans.begins ELSE days.begins END AS seconds
    FROM spans JOIN days ON spans.begins < days.ends AND spans.ends > days.begins
    WHERE spans.ends > spans.begins
)
SELECT session, date, status, CAST(round(sum(seconds)) AS INTEGER) AS seconds
FROM pieces
GROUP BY session, date, status
ORDER BY session, date, seconds DESC, status;
