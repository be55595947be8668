-- A store as version 1 of the schema left it: two records, a finished job, a waiting one.
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE counter (value INTEGER NOT NULL);
INSERT INTO "counter" VALUES(6);
CREATE TABLE events (
            job TEXT NOT NULL, number INTEGER NOT NULL, time TEXT NOT NULL, payload TEXT NOT NULL,
            PRIMARY KEY (job, number)) WITHOUT ROWID;
INSERT INTO "events" VALUES('done',1,'2026-11-24T20:44:24.457+00:00','{"stage": "tune"}');
CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, key TEXT NOT NULL,
            function TEXT NOT NULL, spec TEXT NOT NULL, inputs TEXT NOT NULL, lane TEXT NOT NULL, status TEXT NOT NULL,
            progress TEXT NOT NULL, state TEXT, error TEXT, owner TEXT, created TEXT NOT NULL, started TEXT,
            ended TEXT, attempts INTEGER NOT NULL);
INSERT INTO "jobs" VALUES(1,'done','test','a','module:name','{"a": [1, 2]}','{}','device','finished','{"stage": "tune"}',NULL,NULL,'someone','2026-01-01T00:00:00+00:00',NULL,'2026-11-24T20:44:24.465+00:00',0);
INSERT INTO "jobs" VALUES(2,'waiting','test','key of waiting','module:name','{"a": [1, 2]}','{}','device','queued','{}',NULL,NULL,NULL,'',NULL,NULL,0);
CREATE TABLE owners (owner TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID;
INSERT INTO "owners" VALUES('someone',1.79555306448559021947e+09);
CREATE TABLE records (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            created TEXT NOT NULL, spec TEXT NOT NULL, result TEXT NOT NULL);
INSERT INTO "records" VALUES(2,'b','test','2026-01-01T00:00:00+00:00','{"a": 1}','{"b": 2.5}');
INSERT INTO "records" VALUES(3,'a','test','2026-01-01T00:00:00+00:00','{"a": 1}','{"b": 1.5, "artifacts": {"x": "79f076abdd19a752db7267bfff2f9022161d120dea919fdaca2ffdfc24ca8c96"}}');
CREATE TABLE refs (holder TEXT NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (holder, sha)) WITHOUT ROWID;
INSERT INTO "refs" VALUES('record:a','79f076abdd19a752db7267bfff2f9022161d120dea919fdaca2ffdfc24ca8c96');
CREATE UNIQUE INDEX one_active_job ON jobs (key) WHERE status IN ('queued', 'running');
CREATE INDEX refs_by_sha ON refs (sha);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('records',3);
INSERT INTO "sqlite_sequence" VALUES('jobs',2);
COMMIT;
