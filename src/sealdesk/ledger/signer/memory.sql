-- The signer's memory. It lives outside the desk's database, so that whoever rules that can't make the signer forget.

CREATE TABLE signer (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    ledger_name    TEXT NOT NULL,
    public_key     BLOB NOT NULL CHECK (length(public_key) = 32),
    initialised_at TEXT NOT NULL
) STRICT;

CREATE TABLE log (
    origin     TEXT PRIMARY KEY,
    size       INTEGER NOT NULL CHECK (size > 0),
    root       BLOB NOT NULL CHECK (length(root) = 32),
    created_at TEXT NOT NULL,
    signed_at  TEXT NOT NULL,
    -- How many checkpoints were signed: as many must be stored. NULL for a log that was signed for before they were counted.
    signed     INTEGER
) STRICT, WITHOUT ROWID;

-- Apart from log, so that a log can be frozen before its first checkpoint.
CREATE TABLE freeze (
    origin TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    at     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The program judges before it writes; these hold should a later change to it judge wrongly.
CREATE TRIGGER log_only_grows BEFORE UPDATE ON log
WHEN NEW.size <= OLD.size OR NEW.origin <> OLD.origin OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'the memory of a log only grows'); END;

CREATE TRIGGER log_stays BEFORE DELETE ON log
BEGIN SELECT RAISE(ABORT, 'a log is never forgotten'); END;

CREATE TRIGGER signer_stays BEFORE DELETE ON signer
BEGIN SELECT RAISE(ABORT, 'the memory has one owner'); END;

CREATE TRIGGER signer_is_fixed BEFORE UPDATE ON signer
BEGIN SELECT RAISE(ABORT, 'the memory has one owner'); END;
