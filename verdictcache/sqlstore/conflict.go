package sqlstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// maxRetryTime is how long a step is tried again if its ctx never ends.
const maxRetryTime = 10 * time.Second

// again calls f, and calls it again as long as the database reports a conflict of two
// transactions. After a conflict the transaction was rolled back: f changed nothing.
func again(ctx context.Context, f func() error) error {
	began := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, 10*time.Millisecond) {
		err := f()
		if err == nil || !isConflict(err) || time.Since(began) >= maxRetryTime {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// isConflict recognizes a conflict by the text of the error, since this package imports
// no driver.
func isConflict(err error) bool {
	var coded interface{ SQLState() string } // PostgreSQL's texts may be in any language
	if errors.As(err, &coded) {
		return slices.Contains([]string{"40001", "40P01"}, coded.SQLState()) // serialization, deadlock
	}
	text := err.Error()
	return slices.ContainsFunc([]string{
		"Error 1213",               // MySQL: deadlock
		"Error 1205",               // MySQL: waited too long for a lock
		"Error 1020",               // MariaDB: changed since last read, with innodb_snapshot_isolation
		"Error 1615",               // MySQL: a prepared statement needs to be prepared again
		"database is locked",       // SQLite 5, busy
		"database table is locked", // SQLite 6
	}, func(part string) bool { return strings.Contains(text, part) })
}
