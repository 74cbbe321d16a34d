-- Reports in the order they arrived: `seq` orders the list, because wall clocks jump.
CREATE TABLE reports (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    session    TEXT    NOT NULL,
    name       TEXT,
    client     TEXT    NOT NULL,
    process    TEXT,
    project    TEXT,
    reason     TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    began_at   INTEGER NOT NULL, -- milliseconds since 1970
    ms         REAL    NOT NULL,
    freed      INTEGER NOT NULL, -- bytes
    cleared_at INTEGER,          -- milliseconds since 1970; wins over the one inside `report`
    report     TEXT    NOT NULL  -- the whole report as JSON
) STRICT;
CREATE INDEX reports_by_session ON reports (session);
CREATE INDEX reports_by_time ON reports (began_at);

-- Sessions that are open now, so that the next start can report those of a host that died.
CREATE TABLE open_sessions (
    session  TEXT PRIMARY KEY,
    instance TEXT NOT NULL,
    entry    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a removal could not free and is being retried.
CREATE TABLE leftovers (
    id       TEXT PRIMARY KEY,
    session  TEXT NOT NULL,
    instance TEXT NOT NULL,
    entry    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX leftovers_by_session ON leftovers (session);

-- Which process each instance is: another host that lives, at another socket but with the same data
-- directory, is not dead.
CREATE TABLE hosts (
    instance TEXT PRIMARY KEY,
    process  TEXT NOT NULL -- pid and start time as JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
