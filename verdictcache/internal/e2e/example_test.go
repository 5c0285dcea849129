package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/verdictcache"
	"github.com/id2meta/id2meta/verdictcache/sqlstore"
)

// A Cache in PostgreSQL. With MariaDB or MySQL it is sql.Open("mysql", …) of
// github.com/go-sql-driver/mysql and sqlstore.MySQL.
func Example_postgreSQL() {
	hashKey, err := verdictcache.ParseHashKey(os.Getenv("ID2META_HASH_KEY")) // openssl rand -hex 32
	if err != nil {
		fmt.Println(err)
		return
	}
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println("DATABASE_URL is no address of PostgreSQL")
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16) // the default of 2 would open a connection for most verdicts

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	store, err := sqlstore.New(db, sqlstore.PostgreSQL)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.CreateTable(ctx); err != nil {
		fmt.Println(err)
		return
	}
	service, err := id2meta.New(id2meta.WithTimeout(5 * time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := verdictcache.New(service, store, hashKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := cache.Check(ctx); err != nil { // before the first person
		fmt.Println(err)
		return
	}
	result, err := cache.Verify(ctx, id2meta.Param{UserName: "张三", IdentifyNum: "11010519491231002X"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.BizCode, result.Match())
}
