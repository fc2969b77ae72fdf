-- Tables for DuckDB over the status directory that is the current directory.
-- Incomplete and invalid lines are ignored.
--
--     cd /srv/status && cat .../duckdb.sql .../summary.sql | duckdb

SET TimeZone = 'UTC';

-- Columns are read as JSON to keep their types: a numeric status is invalid.
CREATE TEMP VIEW updates AS
SELECT session, line, epoch(time) AS time, status, progress, message, task_id, metadata
FROM (
    SELECT
        regexp_extract(filename, '([^/]*)_status[.]json$', 1) AS session,
        row_number() OVER () AS line,
        CASE WHEN json_type("timestamp") = 'VARCHAR'
            THEN try_cast("timestamp"->>'$' AS TIMESTAMPTZ) END AS time,
        CASE WHEN json_type(status) = 'VARCHAR' THEN status->>'$' END AS status,
        try_cast(progress->>'$' AS DOUBLE) AS progress,
        message->>'$' AS message,
        task_id->>'$' AS task_id,
        metadata
    FROM read_json(
        '*_status.json', format = 'newline_delimited', ignore_errors = true, filename = true,
        columns = {
            "timestamp": 'JSON', status: 'JSON', progress: 'JSON', message: 'JSON',
            task_id: 'JSON', metadata: 'JSON'
        }
    )
)
WHERE time IS NOT NULL AND status IS NOT NULL;

-- Days in UTC. `begins` and `ends` are in seconds since 1970, like `time`.
CREATE TEMP VIEW days AS
SELECT strftime(day, '%Y-%m-%d') AS date, epoch(day) AS begins, epoch(day) + 86400 AS ends
FROM (
    SELECT unnest(generate_series(
        date_trunc('day', to_timestamp(min(time)) AT TIME ZONE 'UTC'),
        to_timestamp(max(time)) AT TIME ZONE 'UTC',
        INTERVAL 1 DAY
    )) AS day
    FROM updates
);
