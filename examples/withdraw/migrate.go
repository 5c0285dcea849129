package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

const versionTable = "withdraw_schema"

// migrate brings the schema up to the version that this program needs. The caller
// holds the lock of the schema: goose reads the version table before it takes a lock
// of its own, and then sees a table that another replica has made and not yet filled.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	dir, err := fs.Sub(migrations, d.migrations)
	if err != nil {
		return err
	}
	if err := repairVersionTable(ctx, db, d); err != nil {
		return err
	}
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName(versionTable)}
	if d.lockIsTransaction {
		options = append(options, goose.WithIsolateDDL(true)) // or goose begins transactions of its own
	}
	provider, err := goose.NewProvider(d.goose, db, dir, options...)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrating the schema: %w", err)
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("its schema has version %d, and this program knows no later one than %d: run a newer withdraw", current, newest)
	}
	return nil
}

// repairVersionTable fills a version table that is empty. MySQL commits after each
// CREATE TABLE, so a replica that is killed can leave such a table, and goose refuses
// to work with it.
func repairVersionTable(ctx context.Context, db *sql.DB, d *dialect) error {
	versions, err := database.NewStore(d.goose, versionTable)
	if err != nil {
		return err
	}
	// Any other error means that there is no table yet: goose makes it.
	if _, err := versions.GetLatestVersion(ctx, db); errors.Is(err, database.ErrVersionNotFound) {
		return versions.Insert(ctx, db, database.InsertRequest{Version: 0})
	}
	return nil
}
