-- Loads the status directory that is the current directory into two SQLite
-- tables, in memory or in a database file. Incomplete and invalid lines are
-- ignored.
--
--     cd /srv/status && cat .../sqlite.sql .../summary.sql | sqlite3
--     cd /srv/status && sqlite3 /tmp/status.db < .../sqlite.sql

DROP TABLE IF EXISTS temp.lines;
CREATE TEMP TABLE lines(file TEXT, line INTEGER, json TEXT);
.import --ascii "|LC_ALL=C find . -maxdepth 1 -type f -name '*_status.json' -exec awk '{ printf \"%s\\037%s\\037%s\\036\", FILENAME, FNR, $0 }' {} +" lines

DROP TABLE IF EXISTS updates;
CREATE TABLE updates AS
SELECT session, line, time, status, progress, message, task_id, metadata
FROM (
    SELECT
        substr(file, 3, length(file) - 14) AS session,
        line,
        CASE WHEN json_type(json, '$.timestamp') = 'text'
            THEN (julianday(json_extract(json, '$.timestamp')) - 2440587.5) * 86400.0 END AS time,
        CASE WHEN json_type(json, '$.status') = 'text' THEN json_extract(json, '$.status') END AS status,
        CASE WHEN json_type(json, '$.progress') IN ('real', 'integer')
            THEN CAST(json_extract(json, '$.progress') AS REAL) END AS progress,
        json_extract(json, '$.message') AS message,
        CAST(json_extract(json, '$.task_id') AS TEXT) AS task_id,
        json_extract(json, '$.metadata') AS metadata
    FROM (SELECT file, line, CASE WHEN json_valid(json) THEN json ELSE 'null' END AS json FROM lines)
)
WHERE time IS NOT NULL AND status IS NOT NULL;
CREATE INDEX updates_of_session ON updates(session, line);
DROP TABLE lines;

-- Days in UTC. `begins` and `ends` are in seconds since 1970, like `time`.
DROP TABLE IF EXISTS days;
CREATE TABLE days AS
WITH RECURSIVE day(begins) AS (
    SELECT CAST(strftime('%s', min(time), 'unixepoch', 'start of day') AS REAL) FROM updates
    UNION ALL
    SELECT begins + 86400.0 FROM day WHERE begins + 86400.0 <= (SELECT max(time) FROM updates)
    LIMIT 36525 -- at most a century, in case a timestamp is wrong
)
SELECT date(begins, 'unixepoch') AS date, begins, begins + 86400.0 AS ends FROM day
WHERE begins IS NOT NULL;
