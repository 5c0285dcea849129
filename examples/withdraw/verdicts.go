package main

import (
	"context"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
)

// patientStore saves verdicts although the database is away for a moment: they are
// billed, and would be asked for again.
type patientStore struct {
	verdictcache.Store
	store *store
}

func (s patientStore) Save(ctx context.Context, key verdictcache.Key, claimer verdictcache.Claimer, verdict id2meta.Result, lifetime time.Duration) (saved bool, err error) {
	err = s.store.patiently(ctx, func(ctx context.Context) (err error) {
		saved, err = s.Store.Save(ctx, key, claimer, verdict, lifetime)
		return err
	})
	return saved, err
}
