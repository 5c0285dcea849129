package main

import "errors"

// databaseFault is an error of the database. Nothing in it is to be found by
// errors.Is: a deadline of the database is our own trouble and not the service's.
type databaseFault struct {
	text string
	away bool // and may be back
}

func (f databaseFault) Error() string { return "database: " + f.text }

// fault says whose error it is: what is not ours is the database's.
func (s *store) fault(err error) error {
	if _, ok := errors.AsType[refusal](err); ok || err == nil || errors.Is(err, errNotVerified) {
		return err
	}
	if _, ok := errors.AsType[databaseFault](err); ok {
		return err
	}
	return databaseFault{text: oneLine(err).Error(), away: s.dialect.trouble(err) != mistake}
}
