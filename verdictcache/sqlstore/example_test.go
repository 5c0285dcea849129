package sqlstore_test

import (
	"context"
	"database/sql"
	"log"
	"os"
	"time"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// Several processes share the table of one database. The program imports the driver,
// here github.com/jackc/pgx/v5/stdlib.
func Example() {
	ctx := context.Background()
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.CreateTable(ctx); err != nil { // makes the table if there is none, and checks that it remembers
		log.Fatal(err)
	}
	client, err := id2meta.New()
	if err != nil {
		log.Fatal(err)
	}
	hashKey, err := verdictcache.ParseHashKey(os.Getenv("ID2META_HASH_KEY")) // openssl rand -hex 32
	if err != nil {
		log.Fatal(err)
	}
	cache, err := verdictcache.New(client, store, hashKey)
	if err != nil {
		log.Fatal(err)
	}
	if err := cache.Check(ctx); err != nil { // before the first person
		log.Fatal(err)
	}
	_ = cache // an id2meta.Verifier
}

// Expired rows stay in the table until somebody deletes them. One process of many is
// enough.
func ExampleStore_DeleteExpired() {
	ctx := context.Background()
	var store *sqlstore.Store // of New
	for range time.Tick(time.Hour) {
		for {
			deleted, err := store.DeleteExpired(ctx, 1000)
			if err != nil {
				log.Print(err)
			}
			if err != nil || deleted < 1000 {
				break
			}
		}
	}
}
